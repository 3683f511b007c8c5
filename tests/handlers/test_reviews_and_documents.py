"""Reviews in dialogs, handed over to others, and the post-incident document as a file in the thread."""

from datetime import timedelta

import pytest

from bot.local.workspace import Message, View
from bot.response.model.actions import ActionState
from bot.response.model.records import Occasion, Review
from bot.response.notices.card import refresh_card
from bot.response.ports.context import utc_now
from tests.handlers.ship import Ship

SAID = {"judgement": "harmful", "surprising": "yes", "surprise": "The queue was lost.", "reason": "Drain it first."}


async def reviewable(ship: Ship, occasion: Occasion = Occasion.ACTED) -> Message:
    """The card of an action that bob approved, is done, and is his to review."""
    await ship.question(ActionState.SUCCEEDED, finished_at=utc_now(), decided_by=("U02BOB",))
    async with ship.database.begin() as work:
        due_at = utc_now() + timedelta(days=5)
        await work.reviews.ask("a1", due_at, occasion=occasion, assigned_to="U02BOB")
        await refresh_card(work, ship.policy, 1, utc_now())
    await ship.workspace.until(lambda: "'action_id': 'review'" in str(ship.workspace.messages("C01INC")[0].blocks))
    return ship.workspace.messages("C01INC")[0]


async def opened(ship: Ship, person: str) -> View:
    await ship.workspace.until(lambda: ship.workspace.open_views(person))
    return ship.workspace.open_views(person)[-1]


async def home(ship: Ship, person: str) -> View:
    await ship.workspace.person(person).open_home()
    await ship.workspace.until(lambda: "Reviews due: 1" in str(ship.workspace.home(person)))
    view = ship.workspace.home(person)
    assert view is not None
    return view


def written_to(ship: Ship, conversation: str) -> str:
    """Everything in a direct conversation, which is there from its first message on."""
    try:
        return " ".join(message.text for message in ship.workspace.messages(conversation))
    except LookupError:
        return ""


async def stored(ship: Ship) -> Review:
    async with ship.database.read() as work:
        review = await work.reviews.get("a1")
    assert review is not None
    return review


async def test_a_review_is_filled_in_sent_back_with_what_is_wrong_and_stored(ship: Ship) -> None:
    card = await reviewable(ship)
    assert "To review: <@U02BOB> until" in str(card.blocks)
    await ship.bob.click(card, "review")
    view = await opened(ship, "bob")
    assert "Was it helpful?" in str(view.blocks)
    incomplete = await ship.bob.submit(view, {key: SAID[key] for key in ("judgement", "surprising", "reason")})
    assert incomplete.errors == {"surprise": "Please say what surprised you."}
    assert (await ship.bob.submit(view, SAID)).acked
    await ship.settled()
    review = await stored(ship)
    assert (review.done_by, review.answers) == (
        "U02BOB",
        {
            "judgement": "harmful",
            "surprising": True,
            "surprise": "The queue was lost.",
            "text": "Drain it first.",
        },
    )
    (entry,) = await ship.audited("action.reviewed")
    assert (entry.actor, entry.body["judgement"], entry.body["surprising"]) == ("U02BOB", "harmful", True)


async def test_of_what_did_not_run_it_is_asked_what_it_would_have_done(ship: Ship) -> None:
    card = await reviewable(ship, Occasion.OVERRIDDEN)
    await ship.bob.click(card, "review")
    assert "Would it have helped?" in str((await opened(ship, "bob")).blocks)


async def test_whoever_may_not_review_does_not_get_the_form(ship: Ship) -> None:
    card = await reviewable(ship)
    await ship.dave.click(card, "review")
    await ship.settled()
    assert ship.workspace.open_views("dave") == []
    assert "You may not review here" in ship.told("dave")[0]
    (entry,) = await ship.audited("person.refused")
    assert (entry.actor, entry.body["deed"]) == ("U04DAVE", "review")


async def test_whoever_finds_it_reviewed_is_told_so_and_gets_no_form(ship: Ship) -> None:
    card = await reviewable(ship)
    async with ship.database.begin() as work:
        await work.reviews.complete("a1", "U02BOB", {"judgement": "helpful", "text": "fine"}, utc_now())
    await ship.alice.click(card, "review")
    await ship.settled()
    assert ship.workspace.open_views("alice") == []
    assert "Somebody has reviewed this already" in ship.told("alice")[0]


async def test_a_review_is_handed_over_from_the_home_tab(ship: Ship) -> None:
    await reviewable(ship)
    await ship.bob.click(await home(ship, "bob"), "hand_over_review")
    view = await opened(ship, "bob")
    assert (await ship.bob.submit(view, {"person": "U01ALICE"})).acked
    await ship.settled()
    assert (await stored(ship)).assigned_to == "U01ALICE"
    assert ship.told("bob") == ["The review of INC-1 is <@U01ALICE>'s now."]
    await ship.workspace.until(lambda: "Waits for your review" in written_to(ship, "D01ALICE"))
    await ship.workspace.until(lambda: "To review: <@U01ALICE>" in str(ship.workspace.messages("C01INC")[0].blocks))


async def test_nobody_whom_the_policy_does_not_name_is_handed_a_review(ship: Ship) -> None:
    await reviewable(ship)
    await ship.bob.click(await home(ship, "bob"), "hand_over_review")
    await ship.bob.submit(await opened(ship, "bob"), {"person": "U04DAVE"})
    await ship.settled()
    assert (await stored(ship)).assigned_to == "U02BOB"
    assert "the policy names them in no group" in ship.told("bob")[0]


async def test_the_document_comes_as_a_file_into_the_thread(ship: Ship) -> None:
    card = await reviewable(ship)
    await ship.alice.slash("/watch", "report INC-1")
    await ship.settled()
    assert ship.told("alice") == ["The document of INC-1 is in its thread."]
    (reply,) = ship.workspace.thread("C01INC", card.ts)
    (file,) = (ship.workspace.state.files[one] for one in reply.files)
    assert (file.name, reply.text) == ("INC-1.md", "*Post-incident document of INC-1*, asked for by <@U01ALICE>")
    assert file.content is not None
    written = file.content.decode()
    assert written.startswith("# INC-1: ServiceDown on checkout\n")
    assert "**To be done** by Bob" in written, "people are called by their names"
    assert "All times are UTC." in written


async def test_whoever_the_policy_does_not_name_shares_no_document(ship: Ship) -> None:
    card = await reviewable(ship)
    await ship.dave.slash("/watch", "report INC-1")
    await ship.settled()
    assert "You may not share the document here" in ship.told("dave")[0]
    assert ship.workspace.thread("C01INC", card.ts) == []


@pytest.mark.parametrize("method", ["files.getUploadURLExternal", "files.completeUploadExternal"])
async def test_a_document_that_slack_does_not_take_is_told_to_whoever_asked(ship: Ship, method: str) -> None:
    await reviewable(ship)
    ship.workspace.misbehave.fail(method, times=None)
    await ship.alice.slash("/watch", "report INC-1")
    await ship.settled()
    assert "could not be shared" in ship.told("alice")[0]


async def test_an_incident_that_is_not_there_has_no_document(ship: Ship) -> None:
    await ship.alice.slash("/watch", "report INC-9")
    await ship.settled()
    assert "There is no incident INC-9" in str(ship.workspace.ephemerals("alice")[0].blocks)
