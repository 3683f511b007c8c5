"""The second channel's rows: what Slack has not taken, told once, in order, and not when it is needless."""

import asyncio
from datetime import datetime, timedelta

from bot.response.model.incidents import IncidentState
from bot.response.model.notices import CardNotice, ThreadNotice
from bot.response.ports.second_notices import SecondNotice, Untold
from storage.database import Database
from storage.tables import INCIDENTS
from tests.fixtures.incidents import NOW, card, entry, open_incident

AFTER = timedelta(seconds=30)
LATER = NOW + AFTER + timedelta(seconds=1)
MAIL = "email:alice@example.com"


async def queued(database: Database, *notices: CardNotice | ThreadNotice, group: str = "one") -> tuple[int, list[int]]:
    """An incident with these notices in its outbox; its id and theirs."""
    async with database.begin() as work:
        incident = await open_incident(work, group)
        return incident, [await work.outbox.add(incident, notice, NOW) for notice in notices]


async def tried_in_vain(database: Database, outbox_id: int, at: datetime = NOW) -> None:
    async with database.begin() as work:
        assert await work.outbox.claim(outbox_id, by="courier", now=at, until=at + AFTER)
        assert await work.outbox.retry(outbox_id, by="courier", at=at, error="Slack answered 500")


async def posted(database: Database, outbox_id: int, at: datetime) -> None:
    async with database.begin() as work:
        assert await work.outbox.delivered(outbox_id, channel="C01INC", ts="1.1", now=at)


async def untold(database: Database, now: datetime = LATER) -> list[Untold]:
    async with database.read() as work:
        return list(await work.second_notices.untold(since=now - AFTER, given_up_since=now - timedelta(hours=1)))


async def add(database: Database, one: Untold, route: str = MAIL, kind: str = "question") -> bool:
    async with database.begin() as work:
        return await work.second_notices.add(one, kind=kind, subject="a1", route=route, now=LATER)


async def claimed(database: Database, route: str = MAIL, by: str = "one") -> list[SecondNotice]:
    async with database.begin() as work:
        due = await work.second_notices.due(route, LATER)
        rows = [await work.second_notices.claim(i, by=by, now=LATER, until=LATER + AFTER) for i in due]
    return [row for row in rows if row is not None]


async def test_nothing_is_untold_before_its_time(database: Database) -> None:
    _, (first,) = await queued(database, card(1))
    await tried_in_vain(database, first)
    assert await untold(database, NOW + timedelta(seconds=29)) == []
    assert [one.outbox_id for one in await untold(database)] == [first]


async def test_cards_calls_and_outcomes_behind_a_notice_that_slack_does_not_take_are_untold_in_their_order(
    database: Database,
) -> None:
    incident, (first,) = await queued(database, card(1))
    await tried_in_vain(database, first)
    small_talk = entry(incident)
    outcome = small_talk.model_copy(update={"broadcast": True})
    call = small_talk.model_copy(update={"to": ("U01ALICE", "U02BOB")})
    async with database.begin() as work:
        ids = [await work.outbox.add(incident, notice, LATER) for notice in (small_talk, outcome, call, card(1))]
    assert [one.outbox_id for one in await untold(database)] == [first, *ids[1:]]


async def test_a_notice_that_only_waits_for_its_turn_is_not_untold_while_the_line_moves(database: Database) -> None:
    _, (moving,) = await queued(database, card(1))
    await queued(database, card(2), group="two")
    await posted(database, moving, LATER - timedelta(seconds=5))
    assert await untold(database) == []
    assert len(await untold(database, LATER + AFTER)) == 1, "the line has not moved for as long as that"


async def test_what_slack_has_refused_for_good_is_untold(database: Database) -> None:
    _, (refused,) = await queued(database, card(1))
    async with database.begin() as work:
        await work.outbox.claim(refused, by="courier", now=NOW, until=LATER)
        await work.outbox.failed(refused, by="courier", error="invalid_blocks")
    assert [one.outbox_id for one in await untold(database, NOW)] == [refused]
    assert await untold(database, NOW + timedelta(hours=2)) == []


async def test_the_same_thing_is_queued_once_for_each_route(database: Database) -> None:
    _, (first,) = await queued(database, card(1))
    await tried_in_vain(database, first)
    (one,) = await untold(database)
    together = await asyncio.gather(*(add(database, one) for _ in range(5)))
    assert sorted(together) == [False] * 4 + [True]
    assert await add(database, one, route="pagerduty")
    assert not await add(database, one, route="pagerduty")
    async with database.read() as work:
        known = await work.second_notices.known([one.incident_id])
        assert [(row.kind, row.subject, row.route, row.created_at) for row in known] == [
            ("question", "a1", MAIL, LATER),
            ("question", "a1", "pagerduty", LATER),
        ]
        assert await work.second_notices.known([one.incident_id + 1]) == []


async def test_whether_a_recipient_heard_of_something_is_known(database: Database) -> None:
    _, (first,) = await queued(database, card(1))
    await tried_in_vain(database, first)
    (one,) = await untold(database)
    await add(database, one)
    await add(database, one, route="pagerduty")
    (row,) = await claimed(database)
    async with database.begin() as work:
        assert not await work.second_notices.told_before(row)
        assert await work.second_notices.delivered(row.id, now=LATER)
        assert not await work.second_notices.delivered(row.id, now=LATER), "known already"
    await add(database, one, kind="outcome")
    await add(database, one, route="pagerduty", kind="outcome")
    (ending,) = await claimed(database)
    (page,) = await claimed(database, "pagerduty")
    async with database.read() as work:
        assert await work.second_notices.told_before(ending)
        assert not await work.second_notices.told_before(page)


async def test_of_an_incident_only_the_first_row_can_be_claimed_and_by_one_replica(database: Database) -> None:
    _, (first,) = await queued(database, card(1))
    await tried_in_vain(database, first)
    (one,) = await untold(database)
    assert await add(database, one)
    assert await add(database, one, kind="outcome")
    (row,) = await claimed(database)
    assert await claimed(database, by="two") == []
    async with database.begin() as work:
        assert not await work.second_notices.retry(row.id, by="two", at=LATER, error="not mine")
        assert await work.second_notices.unneeded(row.id, by="one")
    (after,) = await claimed(database, by="two")
    assert after.id > row.id


async def test_what_slack_has_taken_meanwhile_is_known(database: Database) -> None:
    _, (first,) = await queued(database, card(1))
    await tried_in_vain(database, first)
    (one,) = await untold(database)
    await add(database, one)
    (row,) = await claimed(database)
    async with database.begin() as work:
        await work.second_notices.retry(row.id, by="one", at=LATER, error="no answer")
        again = await work.second_notices.claim(row.id, by="one", now=LATER, until=LATER + AFTER)
        assert again is not None
        assert not await work.second_notices.taken_by_slack(again)
        await work.outbox.delivered(first, channel="C01INC", ts="1.1", now=LATER)
        assert await work.second_notices.taken_by_slack(again)


async def test_a_route_that_keeps_count_hears_once_that_the_incident_is_over(database: Database) -> None:
    incident, (first,) = await queued(database, card(1))
    await tried_in_vain(database, first)
    (one,) = await untold(database)
    await add(database, one, route="pagerduty")
    (row,) = await claimed(database, "pagerduty")

    async def unclosed() -> list[int]:
        async with database.read() as work:
            return list(await work.second_notices.unclosed(kind="over", route="pagerduty"))

    async def close() -> bool:
        async with database.begin() as work:
            return await work.second_notices.add_closing(incident, kind="over", route="pagerduty", now=LATER)

    async with database.begin() as work:
        await work.session.execute(INCIDENTS.update().values(state=IncidentState.RESOLVED))
    assert await unclosed() == [], "it was never told of the beginning"
    async with database.begin() as work:
        await work.second_notices.delivered(row.id, now=LATER)
    assert await unclosed() == [incident]
    assert [await close(), await close()] == [True, False]
    assert await unclosed() == []
    (closing,) = await claimed(database, "pagerduty")
    assert closing.notice is None
    async with database.read() as work:
        assert await work.second_notices.told(incident, "question", "a1") == 1
        assert await work.second_notices.waiting() == 1


async def test_a_link_is_spent_once(database: Database) -> None:
    incident, _ = await queued(database)

    async def use() -> bool:
        async with database.begin() as work:
            return await work.used_links.use(
                "n1", incident_id=incident, deed="stop", recipient="alice@example.com", now=LATER
            )

    assert sorted(await asyncio.gather(*(use() for _ in range(4)))) == [False, False, False, True]
    async with database.read() as work:
        used = await work.used_links.get("n1")
        assert used is not None
        assert used.recipient == "alice@example.com"
        assert await work.used_links.get("n2") is None
