"""Reviews as rows, on both databases: opened again, assigned, reminded of, and read as older releases left them."""

from datetime import timedelta

from sqlalchemy import text

from bot.response.model.records import Occasion
from storage.database import Database
from tests.fixtures.incidents import NOW, action, open_incident

HOUR = timedelta(hours=1)
SAID = {"judgement": "helpful", "surprising": False, "text": "Nothing."}


async def asked(database: Database, due_in: timedelta = HOUR, **review: object) -> None:
    async with database.begin() as work:
        await work.actions.add(action(await open_incident(work)))
        await work.reviews.ask("a1", NOW + due_in, **review)  # type: ignore[arg-type]


async def test_a_review_that_is_open_only_says_the_new_occasion(database: Database) -> None:
    await asked(database, assigned_to="U01ALICE")
    async with database.begin() as work:
        await work.reviews.ask("a1", NOW + 5 * HOUR, occasion=Occasion.ROLLED_BACK, assigned_to="U02BOB")
        (review,) = await work.reviews.open()
    assert (review.occasion, review.due_at, review.assigned_to) == (Occasion.ROLLED_BACK, NOW + HOUR, "U01ALICE")
    assert review.earlier == ()


async def test_a_review_that_is_done_is_opened_again_and_keeps_what_was_said(database: Database) -> None:
    await asked(database, assigned_to="U01ALICE", remind_at=NOW)
    async with database.begin() as work:
        assert await work.reviews.complete("a1", "U01ALICE", SAID, NOW)
    async with database.begin() as work:
        await work.reviews.ask("a1", NOW + 5 * HOUR, occasion=Occasion.ROLLED_BACK, assigned_to="U02BOB")
        assert await work.reviews.open_count() == 1
        review = await work.reviews.get("a1")
    assert review is not None
    assert (review.done_at, review.done_by, review.answers, review.remind_at) == (None, None, None, None)
    assert (review.due_at, review.assigned_to) == (NOW + 5 * HOUR, "U02BOB")
    assert review.earlier == ({**SAID, "by": "U01ALICE", "at": NOW.isoformat(), "occasion": "acted"},)


async def test_only_an_open_review_is_assigned_and_reminded_of_once(database: Database) -> None:
    await asked(database, remind_at=NOW)
    async with database.begin() as work:
        assert await work.reviews.to_remind(NOW - HOUR) == []
        assert await work.reviews.to_remind(NOW + HOUR) == [], "then it is overdue"
        (review,) = await work.reviews.to_remind(NOW)
        assert await work.reviews.assign("a1", "U02BOB")
        assert await work.reviews.reminded(review)
        assert not await work.reviews.reminded(review)
        assert await work.reviews.to_remind(NOW) == []
        assert await work.reviews.complete("a1", "U01ALICE", SAID, NOW)
        assert not await work.reviews.assign("a1", "U01ALICE")
        assert not await work.reviews.assign("nothing", "U01ALICE")


async def test_what_each_has_to_review_is_counted(database: Database) -> None:
    async with database.begin() as work:
        incident = await open_incident(work)
        for number, person in ((1, "U01ALICE"), (2, "U01ALICE"), (3, "U02BOB")):
            await work.actions.add(action(incident, f"a{number}"))
            await work.reviews.ask(f"a{number}", NOW + number * HOUR, assigned_to=person)
        await work.reviews.complete("a2", "U01ALICE", SAID, NOW)
        loads = await work.reviews.loads(["U01ALICE", "U02BOB", "U03CAROL"])
    assert {one: (load.open, load.latest_due_at) for one, load in loads.items()} == {
        "U01ALICE": (1, NOW + 2 * HOUR),
        "U02BOB": (1, NOW + 3 * HOUR),
    }


async def test_a_review_of_an_older_release_is_nobodys_and_is_opened_again_like_any_other(database: Database) -> None:
    await asked(database)
    async with database.begin() as work:
        nothing = "occasion = NULL, assigned_to = NULL, remind_at = NULL, earlier = NULL"
        await work.session.execute(text(f"UPDATE reviews SET {nothing}"))  # noqa: S608 our own words
        review = await work.reviews.get("a1")
        assert review is not None
        assert (review.occasion, review.assigned_to, review.earlier) == (Occasion.ACTED, None, ())
        assert await work.reviews.to_remind(NOW) == []
        await work.reviews.complete("a1", "U01ALICE", {"judgement": "lucky", "text": "x"}, NOW)
        await work.reviews.ask("a1", NOW + HOUR, occasion=Occasion.ROLLED_BACK)
        again = await work.reviews.get("a1")
    assert again is not None
    assert [(one["judgement"], one["occasion"]) for one in again.earlier] == [("lucky", None)]
