"""What others change, and which incident has its cause at another: the same on both databases."""

from datetime import timedelta

from bot.policy.situation import Change
from storage.database import Database
from tests.fixtures.incidents import NOW, open_incident

MINUTE = timedelta(minutes=1)
DEPLOY = Change(
    change_id="d-1",
    what="deploy of checkout",
    by="argo",
    begins=NOW,
    expires=NOW + 60 * MINUTE,
    services=("checkout",),
    targets=("supervisor:checkout*",),
)


async def test_a_change_is_kept_as_reported_once_and_until_a_while_after_its_end(database: Database) -> None:
    async with database.begin() as work:
        assert await work.changes.add(DEPLOY)
        assert not await work.changes.add(DEPLOY.model_copy(update={"what": "another"}))
        assert await work.changes.get("d-1") == DEPLOY
        assert await work.changes.end("d-1", NOW + MINUTE)
        assert not await work.changes.end("d-1", NOW + 2 * MINUTE)
        assert not await work.changes.end("nobody's", NOW)
        ended = DEPLOY.model_copy(update={"ends": NOW + MINUTE})
        assert await work.changes.known(NOW + 10 * MINUTE) == (ended,)
        assert await work.changes.known(NOW + 11 * MINUTE) == ()
        assert await work.changes.forget(NOW + 10 * MINUTE) == 0
        assert await work.changes.forget(NOW + 11 * MINUTE) == 1
        assert await work.changes.get("d-1") is None


async def test_a_cause_is_followed_to_where_people_are_asked_while_it_is_unresolved(database: Database) -> None:
    async with database.begin() as work:
        one, two, three, over = [
            await open_incident(work, name, state=state)
            for name, state in (("one", "open"), ("two", "taken"), ("three", "open"), ("over", "resolved"))
        ]
        await work.causes.point(one, two)
        await work.causes.point(two, three)
        await work.causes.point(three, over)
        assert [getattr(await work.causes.of(each), "id", None) for each in (one, two, three)] == [three, three, None]
        assert await work.causes.elsewhere() == {one, two}
        assert [each.id for each in await work.causes.behind(three)] == [two]
        assert await work.causes.call_once(three, NOW)
        assert not await work.causes.call_once(three, NOW)
        await work.causes.point(one, three)
        assert not await work.causes.call_once(three, NOW), "people are there already"
        assert not await work.causes.call_once(one, NOW), "nothing is behind it"
        await work.causes.point(three, one)
        assert await work.causes.of(one) is None, "where all of them point at each other, each is asked about itself"
        await work.causes.point(three, None)
        assert await work.causes.of(three) is None
