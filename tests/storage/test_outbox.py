"""The outbox: each incident's own order, one courier per row, and nothing said before it is true."""

import asyncio
from datetime import timedelta

import pytest

from bot.response.model.notices import CardNotice
from storage.database import Database
from storage.outbox import OutboxItem
from tests.fixtures.incidents import NOW, card, entry, open_incident

MINUTE = timedelta(minutes=1)


async def claim(database: Database, outbox_id: int, by: str = "courier 1") -> OutboxItem | None:
    async with database.begin() as work:
        return await work.outbox.claim(outbox_id, by=by, now=NOW, until=NOW + MINUTE)


async def deliver(database: Database, outbox_id: int) -> None:
    async with database.begin() as work:
        assert await work.outbox.claim(outbox_id, by="courier 1", now=NOW, until=NOW + MINUTE) is not None
        assert await work.outbox.delivered(outbox_id, channel="C01INC", ts=f"{outbox_id}.0", now=NOW)


async def test_only_the_first_undelivered_row_of_each_incident_is_due(database: Database) -> None:
    async with database.begin() as work:
        one, two = await open_incident(work, "one"), await open_incident(work, "two")
        first = await work.outbox.add(one, entry(one, "first"), NOW)
        second = await work.outbox.add(one, entry(one, "second"), NOW)
        other = await work.outbox.add(two, entry(two, "other"), NOW)
        assert await work.outbox.due(NOW) == [first, other]
        assert await work.outbox.due(NOW, limit=1) == [first]
        assert await work.outbox.due(NOW - MINUTE) == []
    assert await claim(database, second) is None, "out of order"
    await deliver(database, first)
    async with database.read() as work:
        assert await work.outbox.due(NOW) == [second, other]
        assert await work.outbox.undelivered() == 2
        assert await work.outbox.undelivered(one) == 1


async def test_a_stuck_row_blocks_only_its_own_incident(database: Database) -> None:
    async with database.begin() as work:
        one, two = await open_incident(work, "one"), await open_incident(work, "two")
        stuck = await work.outbox.add(one, entry(one), NOW)
        behind = await work.outbox.add(one, entry(one), NOW)
        other = await work.outbox.add(two, entry(two), NOW)
        assert await work.outbox.claim(stuck, by="courier 1", now=NOW, until=NOW + MINUTE)
        assert await work.outbox.retry(stuck, by="courier 1", at=NOW + 2 * MINUTE, error="ratelimited")
        assert await work.outbox.due(NOW + MINUTE) == [other]
        assert await work.outbox.due(NOW + 2 * MINUTE) == [stuck, other]
        assert await work.outbox.claim(stuck, by="courier 1", now=NOW + 2 * MINUTE, until=NOW + 3 * MINUTE)
        assert await work.outbox.failed(stuck, by="courier 1", error="channel_not_found")
        assert await work.outbox.due(NOW) == [behind, other]


async def test_a_claim_is_one_couriers_until_it_runs_out(database: Database) -> None:
    async with database.begin() as work:
        incident_id = await open_incident(work)
        outbox_id = await work.outbox.add(incident_id, entry(incident_id), NOW)
    item = await claim(database, outbox_id)
    assert item is not None
    assert (item.attempts, item.incident_id, item.notice.kind) == (1, incident_id, "thread")
    assert await claim(database, outbox_id, by="courier 2") is None
    async with database.begin() as work:
        later = NOW + MINUTE
        taken = await work.outbox.claim(outbox_id, by="courier 2", now=later, until=later + MINUTE)
        assert taken is not None
        assert taken.attempts == 2
        assert not await work.outbox.retry(outbox_id, by="courier 1", at=later, error="too late")
        assert not await work.outbox.failed(outbox_id, by="courier 1", error="too late")
        assert await work.outbox.delivered(outbox_id, channel="C", ts="1", now=later)
        assert not await work.outbox.delivered(outbox_id, channel="C", ts="2", now=later)


async def test_couriers_that_race_for_a_row_never_share_it(database: Database) -> None:
    async with database.begin() as work:
        incident_id = await open_incident(work)
        outbox_id = await work.outbox.add(incident_id, entry(incident_id), NOW)
    claims = await asyncio.gather(*(claim(database, outbox_id, by=f"courier {n}") for n in range(8)))
    assert sum(item is not None for item in claims) == 1


async def test_the_cards_message_is_the_incidents_thread_also_when_posted_anew(database: Database) -> None:
    async with database.begin() as work:
        incident_id = await open_incident(work)
        first = await work.outbox.add(incident_id, card(incident_id), NOW)
    item = await claim(database, first)
    assert item is not None
    assert (item.channel, item.thread_ts) == (None, None)
    async with database.begin() as work:
        assert await work.outbox.delivered(first, channel="C01INC", ts="1.0", now=NOW)
        second = await work.outbox.add(incident_id, card(incident_id), NOW)
    item = await claim(database, second)
    assert item is not None
    assert (item.channel, item.thread_ts) == ("C01INC", "1.0")
    async with database.begin() as work:
        assert await work.outbox.delivered(second, channel="C01INC", ts="9.9", now=NOW)
        incident = await work.incidents.by_thread("C01INC", "9.9")
        assert incident is not None
        assert incident.id == incident_id


async def test_a_newer_card_takes_the_place_of_one_that_nobody_has_begun_to_send(database: Database) -> None:
    async with database.begin() as work:
        incident_id = await open_incident(work)
        first = await work.outbox.add(incident_id, card(incident_id, "old"), NOW)
        between = await work.outbox.add(incident_id, entry(incident_id), NOW)
        assert await work.outbox.add(incident_id, card(incident_id, "new"), NOW) == first
        assert await work.outbox.undelivered(incident_id) == 2
    item = await claim(database, first)
    assert item is not None
    assert isinstance(item.notice, CardNotice)
    assert item.notice.headline == "new"
    async with database.begin() as work:
        newest = await work.outbox.add(incident_id, card(incident_id, "newest"), NOW)
        assert newest > between, "what is being sent is left alone"


async def test_the_courier_wakes_after_the_commit_and_only_then(database: Database) -> None:
    async with database.begin() as work:
        incident_id = await open_incident(work)
        await work.outbox.add(incident_id, entry(incident_id), NOW)
        assert not database.outbox_wakeup.is_set()
    assert database.outbox_wakeup.is_set()


async def test_news_that_were_rolled_back_wake_nobody(database: Database) -> None:
    async def change_of_mind() -> None:
        async with database.begin() as work:
            incident_id = await open_incident(work)
            await work.outbox.add(incident_id, entry(incident_id), NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change_of_mind()
    assert not database.outbox_wakeup.is_set()
    async with database.read() as work:
        assert await work.outbox.due(NOW) == []
