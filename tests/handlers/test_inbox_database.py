"""While the database is locked or away nothing is acknowledged, so Slack sends it again; then it takes effect once."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from bot.response.model.actions import ActionState
from storage.database import Database
from tests.fixtures.database import (  # noqa: F401 - pytest finds fixtures by their names here
    AUDIT_KEY,
    RecordingEnqueuer,
    migrated_postgresql_url,
    postgresql_server,
    postgresql_template,
)
from tests.handlers.ship import Ship, sailing

IMPATIENT_SECONDS = 0.3


@contextmanager
def locked(ship: Ship) -> Iterator[None]:
    """Somebody else writes to the SQLite file, and takes long over it."""
    with closing(sqlite3.connect(str(make_url(ship.database.url).database), isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@asynccontextmanager
async def away(server: str, url: str) -> AsyncIterator[None]:
    """The PostgreSQL database ends every connection and takes no other, as during a fail-over."""
    name = sql.Identifier(str(make_url(url).database))

    def allow(yes: bool) -> None:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format(name, sql.Literal(yes)))
            if not yes:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                    [make_url(url).database],
                )

    await asyncio.to_thread(allow, False)
    try:
        yield
    finally:
        await asyncio.to_thread(allow, True)


async def test_an_event_that_comes_while_the_database_is_locked_is_sent_again_and_taken_once(ship: Ship) -> None:
    ship.workspace.ack_timeout = IMPATIENT_SECONDS
    with locked(ship):
        await ship.alice.post("C01INC", "<@UWATCH> are you there?")
        await ship.workspace.until(lambda: len(ship.workspace.deliveries) >= 2)
        assert not any(record.answer.acked for record in ship.workspace.deliveries)
        assert ship.told("alice") == []
    await ship.workspace.until(lambda: ship.workspace.deliveries[-1].answer.acked)
    await ship.workspace.until(lambda: ship.told("alice"))
    await ship.settled()
    assert len(ship.told("alice")) == 1
    assert await ship.unfinished() == 0


async def test_a_click_that_could_not_be_saved_in_time_and_its_repetition_count_once(ship: Ship) -> None:
    card = await ship.question(approvals_needed=2)
    ship.workspace.ack_timeout = IMPATIENT_SECONDS
    with locked(ship):
        outcome = await ship.alice.click(card, "approve")
    assert not outcome.acked
    assert outcome.warning is not None, "nobody believes that it counted"
    ship.workspace.ack_timeout = 10.0
    assert (await ship.alice.click(card, "approve")).acked
    await ship.workspace.until(lambda: len(ship.told("alice")) == 2)
    await ship.settled()
    assert len(await ship.audited("action.vote")) == 1
    assert "Your approval is already counted." in ship.told("alice")
    assert await ship.unfinished() == 0


@pytest.fixture
async def server_ship(request: pytest.FixtureRequest, http: bool) -> AsyncIterator[Ship]:
    """A ship on PostgreSQL."""
    enqueuer = RecordingEnqueuer()
    database = Database(request.getfixturevalue("migrated_postgresql_url"), enqueuer, AUDIT_KEY)
    await database.open()
    async with sailing(database, enqueuer, http=http) as ship:
        yield ship
    await database.close()


async def test_what_comes_while_the_database_server_is_away_is_taken_once_when_it_is_back(
    server_ship: Ship, request: pytest.FixtureRequest
) -> None:
    ship = server_ship
    card = await ship.question()
    async with away(request.getfixturevalue("postgresql_server"), ship.database.url):
        await ship.bob.post("C01INC", "<@UWATCH> are you there?")
        assert not (await ship.alice.click(card, "approve")).acked
        assert not any(record.answer.acked for record in ship.workspace.deliveries)
    await ship.workspace.until(lambda: any("ask Watchkeeper" in text for text in ship.told("bob")))
    assert (await ship.alice.click(card, "approve")).acked
    await ship.settled()
    assert (await ship.action()).state is ActionState.APPROVED
    assert len(await ship.audited("action.vote")) == 1
    assert len([text for text in ship.told("bob") if "ask Watchkeeper" in text]) == 1
