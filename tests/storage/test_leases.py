"""A lease, on each of the tables that have one: one holder at a time, until it is released, runs out or is lost."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Row, Table, select, update

from bot.response.model.incident_channel import Announcement, ChannelBrief
from bot.response.ports.second_notices import Untold
from storage.database import Database
from storage.home_tabs import HOME_TAB_LEASES
from storage.incident_channels import STEP_LEASES
from storage.leases import Leases
from storage.outbox import OUTBOX_LEASES, OutboxState
from storage.second_notices import SECOND_NOTICE_LEASES, SecondNoticeState
from storage.tables import HOME_TABS, INCIDENT_CHANNELS, OUTBOX, SECOND_NOTICES
from storage.unit_of_work import UnitOfWork
from tests.fixtures.incidents import NOW, card, entry, open_incident

CONTENDERS = 8
LATER = NOW + timedelta(minutes=1)
MUCH_LATER = NOW + timedelta(hours=1)


@dataclass(frozen=True)
class LeasedRow:
    """One row that is free, and how to finish it for good."""

    table: Table
    leases: Leases
    key: int | str
    finished: dict[str, Any]

    async def claim(self, database: Database, by: str, **times: Any) -> Row[Any] | None:
        """As ``by``, with a name only where the table keeps names."""
        times = {"now": NOW, "until": LATER} | times
        if "claimed_by" in self.table.c:
            times["by"] = by
        async with database.begin() as work:
            return await self.leases.claim(work.session, self.key, **times)

    async def release(self, database: Database, **changes: Any) -> Row[Any] | None:
        async with database.begin() as work:
            return await self.leases.release(work.session, self.key, **changes)


async def a_notice(work: UnitOfWork) -> LeasedRow:
    incident = await open_incident(work)
    notice = await work.outbox.add(incident, entry(incident), NOW)
    return LeasedRow(OUTBOX, OUTBOX_LEASES, notice, {"state": OutboxState.FAILED})


async def a_second_notice(work: UnitOfWork) -> LeasedRow:
    incident = await open_incident(work)
    notice = await work.outbox.add(incident, card(incident), NOW)
    untold = Untold(notice, incident, card(incident))
    assert await work.second_notices.add(untold, kind="question", subject="a1", route="email:alice", now=NOW)
    (second,) = await work.second_notices.due("email:alice", NOW)
    return LeasedRow(SECOND_NOTICES, SECOND_NOTICE_LEASES, second, {"state": SecondNoticeState.FAILED})


async def a_step(work: UnitOfWork) -> LeasedRow:
    incident = await open_incident(work)
    brief = ChannelBrief(
        number=incident, service="", severity="", alert_name="", summary="", name="inc-{number}", invite=(), links=()
    )
    assert await work.channels.begin(incident, brief, Announcement("C01INC", "1.1"), hold_until=NOW, now=NOW)
    return LeasedRow(INCIDENT_CHANNELS, STEP_LEASES, incident, {"due_at": None})


async def a_home_tab(work: UnitOfWork) -> LeasedRow:
    await work.home_tabs.opened("U01ALICE", NOW)
    return LeasedRow(HOME_TABS, HOME_TAB_LEASES, "U01ALICE", {})


EVERY_TABLE = (a_notice, a_second_notice, a_step, a_home_tab)
TABLES_WITH_NAMES = (a_notice, a_second_notice, a_step)


@pytest.fixture
async def row(database: Database, request: pytest.FixtureRequest) -> LeasedRow:
    async with database.begin() as work:
        made: LeasedRow = await request.param(work)
    return made


@pytest.mark.parametrize("row", EVERY_TABLE, indirect=True)
async def test_of_many_one_gets_the_lease(database: Database, row: LeasedRow) -> None:
    claimed = await asyncio.gather(*(row.claim(database, f"process {number}") for number in range(CONTENDERS)))
    assert sum(one is not None for one in claimed) == 1


@pytest.mark.parametrize("row", EVERY_TABLE, indirect=True)
async def test_a_lease_that_is_not_released_runs_out(database: Database, row: LeasedRow) -> None:
    assert await row.claim(database, "first")
    assert not await row.claim(database, "second", now=LATER - timedelta(seconds=1))
    assert await row.claim(database, "second", now=LATER, until=MUCH_LATER)


@pytest.mark.parametrize("row", EVERY_TABLE, indirect=True)
async def test_a_released_row_is_free_at_once(database: Database, row: LeasedRow) -> None:
    assert await row.claim(database, "first")
    assert await row.release(database)
    assert await row.claim(database, "second")


@pytest.mark.parametrize("row", TABLES_WITH_NAMES, indirect=True)
async def test_whoever_lost_the_lease_changes_nothing(database: Database, row: LeasedRow) -> None:
    await row.claim(database, "slow")
    await row.claim(database, "next", now=LATER, until=MUCH_LATER)
    assert await row.release(database, by="slow", error="too late") is None
    released = await row.release(database, by="next", error="mine")
    assert released is not None
    assert (released.error, released.claimed_by, released.claimed_until) == ("mine", None, None)


@pytest.mark.parametrize("row", TABLES_WITH_NAMES, indirect=True)
async def test_a_lease_that_ran_out_is_still_its_holders_while_nobody_has_claimed_the_row(
    database: Database, row: LeasedRow
) -> None:
    await row.claim(database, "slow", until=NOW)
    assert await row.release(database, by="slow", error="late, but nobody was waiting")


@pytest.mark.parametrize("row", TABLES_WITH_NAMES, indirect=True)
async def test_who_backs_off_is_not_asked_again_before_and_every_claim_counts(
    database: Database, row: LeasedRow
) -> None:
    await row.claim(database, "first")
    assert await row.release(database, by="first", due_at=MUCH_LATER)
    assert not await row.claim(database, "first", now=MUCH_LATER - timedelta(seconds=1), until=MUCH_LATER)
    again = await row.claim(database, "first", now=MUCH_LATER, until=MUCH_LATER + timedelta(minutes=1))
    assert again is not None
    assert again.attempts == 2


@pytest.mark.parametrize("row", TABLES_WITH_NAMES, indirect=True)
async def test_a_finished_row_has_no_lease_to_take_or_to_hold(database: Database, row: LeasedRow) -> None:
    await row.claim(database, "first")
    async with database.begin() as work:
        (key,) = row.table.primary_key.columns
        await work.session.execute(update(row.table).where(key == row.key).values(**row.finished))
        assert list(await work.session.scalars(row.leases.holders())) == []
    assert await row.release(database, by="first", error="it is over") is None
    assert not await row.claim(database, "second", now=MUCH_LATER, until=MUCH_LATER + timedelta(minutes=1))


@pytest.mark.parametrize("row", TABLES_WITH_NAMES, indirect=True)
async def test_every_lease_of_one_process_ends_together_and_no_other(database: Database, row: LeasedRow) -> None:
    await row.claim(database, "dead")
    async with database.begin() as work:
        assert await row.leases.release_all(work.session, "living", free_from=LATER) == 0
        assert await row.leases.release_all(work.session, "dead", free_from=LATER) == 1
        free = select(row.table).where(row.leases.free(LATER - timedelta(seconds=1)))
        assert (await work.session.execute(free)).first() is None, "what the dead one had sent may still arrive"
    assert await row.claim(database, "next", now=LATER, until=MUCH_LATER)
