"""Point 24: the head is given away at most once a day, by however many replicas and after however many restarts.

On SQLite and on PostgreSQL, and so are the anchors that the command line takes and holds against the record.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.cli.offline_audit import anchor_database, verify_database
from bot.response.deadlines.bulletins import UNREADABLE_AT_MOST_EVERY, sweep_bulletins
from bot.response.model.audit_kinds import AuditKind
from bot.response.ports.context import Context, Timing
from storage.audit_anchors import read_anchor
from storage.database import Database
from storage.deliveries import RejectedAlert
from storage.intake import Intake
from storage.unit_of_work import UnitOfWork
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.promises.test_D24_the_head_of_the_record import with_audit_channel
from tests.response.outside import People, Senses
from tests.response.test_nobody_answers import Clock
from tests.response.world import ALICE

MORNING = datetime(2026, 11, 24, 0, 0, 1, tzinfo=UTC)


@asynccontextmanager
async def replica(url: str, clock: Clock) -> AsyncIterator[Context]:
    """One process of several, as far as it tells what belongs to no incident."""
    database = Database(url, RecordingEnqueuer(), AUDIT_KEY)
    await database.open()
    try:
        yield Context(
            database=database,
            policy=with_audit_channel,
            catalogue={},
            evidence=Senses(),
            people=People({"sre-oncall": (ALICE,)}),
            timing=Timing(),
            now=clock,
        )
    finally:
        await database.close()


async def queued(context: Context) -> dict[str, int]:
    """How many bulletins there are about each thing."""
    async with context.database.read() as work:
        assert isinstance(work, UnitOfWork)
        rows = await work.session.execute(text("SELECT notice FROM outbox"))
        notices = [str(row[0]) for row in rows]
    return {about: sum(about in one for one in notices) for about in ("The audit record on", "could not be read")}


async def grow(context: Context, clock: Clock) -> None:
    async with context.database.begin() as work:
        await work.audit.append(kind=AuditKind.INCIDENT_TAKEN, actor=ALICE, at=clock(), body={})
    assert isinstance(context.database, Database)
    intake = Intake(context.database, context.policy, clock)
    await intake.accept([], [RejectedAlert("alertmanager", "the body is not JSON", "x", clock())])
    await intake.close()


async def test_replicas_that_look_at_the_same_moment_tell_once_and_so_do_those_that_start_again(
    database_url: str,
) -> None:
    clock = Clock()
    async with replica(database_url, clock) as one, replica(database_url, clock) as two:
        await grow(one, clock)
        await asyncio.gather(*(sweep_bulletins(context) for context in (one, two) * 4))
        assert await queued(one) == {"The audit record on": 1, "could not be read": 1}
    for started in range(3):  # again and again on the same day, with news each time
        clock.at += timedelta(minutes=1)
        async with replica(database_url, clock) as again:
            await grow(again, clock)
            assert await sweep_bulletins(again) == 0, started
    clock.at = max(MORNING, clock.at + UNREADABLE_AT_MOST_EVERY)
    async with replica(database_url, clock) as one, replica(database_url, clock) as two:
        await asyncio.gather(*(sweep_bulletins(context) for context in (two, one) * 4))
        assert await queued(one) == {"The audit record on": 2, "could not be read": 2}
        clock.at -= timedelta(hours=3)
        assert await sweep_bulletins(two) == 0, "a clock that is set back tells nothing twice"


async def test_an_anchor_of_the_command_line_holds_and_finds_what_was_cut_off(database_url: str) -> None:
    clock = Clock()
    async with replica(database_url, clock) as here:
        for _ in range(3):
            await grow(here, clock)
        anchor = read_anchor(await anchor_database(database_url, AUDIT_KEY) or "", AUDIT_KEY)
        assert (await verify_database(database_url, AUDIT_KEY, [anchor])).intact
        wrong = await verify_database(database_url, b"another key, just as long", [anchor])
        assert (wrong.wrong_key, wrong.intact) == (True, False)
        async with here.database.begin() as work:
            assert isinstance(work, UnitOfWork)
            await disarmed(work.session)
            await work.session.execute(text("DELETE FROM audit_entries WHERE number > 4"))
            await work.session.execute(text("DELETE FROM audit_anchors"))
            await work.session.execute(
                text("UPDATE audit_head SET number = 4, hash = (SELECT hash FROM audit_entries WHERE number = 4)")
            )
        assert (await verify_database(database_url, AUDIT_KEY)).intact, "by itself the shorter chain is whole"
        (problem,) = (await verify_database(database_url, AUDIT_KEY, [anchor])).problems
        assert problem.text == "entries 5 to 6 were removed from the end of the chain"


async def disarmed(session: AsyncSession) -> None:
    """What the owner of the database can do: the triggers that keep entries are gone."""
    if session.get_bind().dialect.name == "postgresql":
        for table in ("audit_entries", "audit_anchors"):
            await session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        return
    names = await session.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
    for name in names.scalars().all():
        await session.execute(text(f"DROP TRIGGER {name}"))
