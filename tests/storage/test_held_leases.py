"""What a dead process had in hand goes to the others, and nothing of the living does."""

from datetime import datetime, timedelta

from bot.response.model.incident_channel import Announcement, ChannelBrief
from bot.response.ports.second_notices import Untold
from storage.database import Database
from storage.held_leases import SETTLE, HeldLeases
from storage.unit_of_work import UnitOfWork
from tests.fixtures.incidents import NOW, card, entry, open_incident

AFTER = NOW + SETTLE
TOMORROW = NOW + timedelta(days=1)
MAIL = "email:alice@example.com"


async def in_hand(database: Database, by: str) -> int:
    """Let ``by`` claim one row of each kind, of an incident of their own, which is returned."""
    async with database.begin() as work:
        incident = await open_incident(work, by)
        notice = await work.outbox.add(incident, entry(incident), NOW)
        assert await work.outbox.claim(notice, by=by, now=NOW, until=TOMORROW)
        untold = Untold(notice, incident, card(incident))
        assert await work.second_notices.add(untold, kind="question", subject="a1", route=MAIL, now=NOW)
        (second,) = await work.second_notices.due(MAIL, NOW)
        assert await work.second_notices.claim(second, by=by, now=NOW, until=TOMORROW)
        brief = ChannelBrief(
            number=incident,
            service="checkout",
            severity="critical",
            alert_name="ServiceDown",
            summary="",
            name="inc-{number}",
            invite=(),
            links=(),
        )
        await work.channels.begin(incident, brief, Announcement("C01INC", "1.1"), hold_until=NOW, now=NOW)
        assert await work.channels.claim(incident, by=by, now=NOW, until=TOMORROW)
    return incident


async def due(work: UnitOfWork, now: datetime) -> tuple[int, int, int]:
    """How many rows of each kind anybody may claim at this moment."""
    notices, seconds = await work.outbox.due(now), await work.second_notices.due(MAIL, now)
    return len(notices), len(seconds), len(await work.channels.due(now))


async def test_the_leases_of_a_dead_process_are_free_for_others_once_they_have_settled(database: Database) -> None:
    for name in ("dead", "living"):
        await in_hand(database, name)
    leases = HeldLeases(database, lambda: NOW)
    assert await leases.holders() == {"dead", "living"}
    assert await leases.free("dead") == 3
    assert await leases.holders() == {"living"}
    async with database.read() as work:
        assert await due(work, NOW) == (0, 0, 0), "what the dead had sent may still arrive"
        assert await due(work, AFTER) == (1, 1, 1)


async def test_a_notice_of_a_dead_process_is_known_to_have_been_tried(database: Database) -> None:
    await in_hand(database, "dead")
    await HeldLeases(database, lambda: NOW).free("dead")
    async with database.begin() as work:
        (notice,) = await work.outbox.due(AFTER)
        again = await work.outbox.claim(notice, by="next", now=AFTER, until=TOMORROW)
    assert again is not None
    assert again.attempts == 2, "the dead one may have got it through"


async def test_a_process_taken_for_dead_can_still_say_that_it_was_delivered(database: Database) -> None:
    incident = await in_hand(database, "frozen")
    await HeldLeases(database, lambda: NOW).free("frozen")
    async with database.begin() as work:
        (notice,) = await work.outbox.due(AFTER)
        assert not await work.outbox.failed(notice, by="frozen", error="it has no say any more")
        assert await work.outbox.delivered(notice, channel="C01INC", ts="1.2", now=AFTER)
        assert await work.outbox.undelivered(incident) == 0
