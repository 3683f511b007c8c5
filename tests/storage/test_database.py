"""How transactions behave, the same on both databases."""

import asyncio
import math
from datetime import datetime

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from bot.response.ports.work import Database as DatabasePort
from storage.database import IDLE_IN_TRANSACTION_SECONDS, Database
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.fixtures.incidents import NOW, open_incident


async def test_the_database_is_what_the_flows_expect(database: Database) -> None:
    port: DatabasePort = database
    async with port.begin() as work:
        assert await work.incidents.unresolved() == []


@pytest.mark.parametrize("url", ["sqlite+aiosqlite://", "sqlite+aiosqlite:///:memory:"])
def test_a_database_that_forgets_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="forgets everything"):
        Database(url, RecordingEnqueuer(), AUDIT_KEY)


@pytest.mark.parametrize("url", ["mysql://h/d", "postgresql://h/d", "sqlite:///watch.db"])
def test_an_unknown_database_is_refused_with_what_to_write(url: str) -> None:
    with pytest.raises(ValueError, match=r"(use|write) (sqlite\+aiosqlite|postgresql\+psycopg)://"):
        Database(url, RecordingEnqueuer(), AUDIT_KEY)


def test_a_short_audit_key_is_refused_with_how_to_make_one() -> None:
    with pytest.raises(ValueError, match="openssl rand"):
        Database("sqlite+aiosqlite:///watch.db", RecordingEnqueuer(), b"short")


async def test_an_unreachable_database_is_an_error_at_opening() -> None:
    database = Database("postgresql+psycopg://127.0.0.1:1/nowhere", RecordingEnqueuer(), AUDIT_KEY)
    with pytest.raises(psycopg.OperationalError, match="refused"):
        await database.open()
    await database.close()


async def test_reading_refuses_to_write(database: Database) -> None:
    with pytest.raises(DBAPIError, match=r"read-?only|readonly"):
        async with database.read() as work:
            await open_incident(work)


async def test_a_reader_sees_one_moment_while_others_write(database: Database) -> None:
    async with database.read() as reading:
        assert await reading.incidents.unresolved() == []
        async with database.begin() as writing:
            await open_incident(writing)
        assert await reading.incidents.unresolved() == []
    async with database.read() as reading:
        assert len(await reading.incidents.unresolved()) == 1


async def test_a_writer_sees_what_the_one_before_it_committed(database: Database) -> None:
    """A lost update would need two writers that both read before either wrote."""

    async def count_up() -> None:
        async with database.begin() as work:
            found = await work.incidents.get(incident_id)
            assert found is not None
            await asyncio.sleep(0)
            await work.session.execute(
                text("UPDATE incidents SET revision = :revision WHERE id = :id"),
                {"revision": found.revision + 1, "id": incident_id},
            )

    async with database.begin() as work:
        incident_id = await open_incident(work)
    await asyncio.gather(*(count_up() for _ in range(20)))
    async with database.read() as work:
        found = await work.incidents.get(incident_id)
    assert found is not None
    assert found.revision == 20


async def test_two_writers_that_touch_the_same_rows_in_opposite_order_both_succeed(database: Database) -> None:
    async with database.begin() as work:
        one, two = await open_incident(work, "one"), await open_incident(work, "two")

    async def raise_both(*order: int) -> None:
        async with database.begin() as work:
            for incident_id in order:
                await work.incidents.next_revision(incident_id)
                await asyncio.sleep(0.01)

    await asyncio.gather(*(raise_both(one, two) if n % 2 else raise_both(two, one) for n in range(6)))
    async with database.read() as work:
        assert [incident.revision for incident in await work.incidents.unresolved()] == [6, 6]


async def test_one_unresolved_incident_per_group_is_the_databases_own_rule(database: Database) -> None:
    async with database.begin() as work:
        await open_incident(work, "group", handle="first", state="resolved")
        await open_incident(work, "group", handle="second")
    with pytest.raises(IntegrityError):
        async with database.begin() as work:
            await open_incident(work, "group", handle="third")


async def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="no time zone"):
        async with database.begin() as work:
            await open_incident(work, opened_at=datetime(2026, 11, 23))  # noqa: DTZ001 - that is the point


async def test_not_a_number_is_refused_by_both_databases_alike(database: Database) -> None:
    with pytest.raises((StatementError, ValueError), match="not JSON compliant"):
        async with database.begin() as work:
            await work.arrivals.save("button", "k", {"value": math.nan}, NOW)


async def test_nul_characters_from_outside_do_no_harm(database: Database) -> None:
    async with database.begin() as work:
        incident_id = await open_incident(work, "a\0b", handle="h", service="web\0")
        await work.arrivals.save("button", "k", {"text": "a\0b"}, NOW)
        found = await work.incidents.get(incident_id)
    assert found is not None
    assert found.service == "web\N{REPLACEMENT CHARACTER}"


async def test_sqlite_keeps_its_promises_through_a_power_cut(database: Database) -> None:
    if not database.is_sqlite:
        return
    async with database.engine.connect() as connection:
        for pragma, value in {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}.items():
            assert (await connection.exec_driver_sql(f"PRAGMA {pragma}")).scalar() == value


async def test_a_frozen_replica_cannot_stop_the_others_for_ever(database: Database) -> None:
    if database.is_sqlite:
        return  # one process; the operating system frees its locks when it dies
    async with database.begin() as work:
        shown = await work.session.scalar(text("SHOW idle_in_transaction_session_timeout"))
    assert shown == f"{IDLE_IN_TRANSACTION_SECONDS}s"
