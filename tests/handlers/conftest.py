"""Handlers are tested on a real SQLite database, over real sockets: what people do arrives in both of Slack's ways."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.database import Database
from storage.migrations import migrate
from tests.fixtures.audit_document import recorded_as_documented
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.handlers.ship import Ship, sailing


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path / 'watch.db'}"


@pytest.fixture
def enqueuer() -> RecordingEnqueuer:
    return RecordingEnqueuer()


@pytest.fixture
async def database(database_url: str, enqueuer: RecordingEnqueuer) -> AsyncIterator[Database]:
    database = Database(database_url, enqueuer, AUDIT_KEY)
    await database.open()
    await migrate(database)
    yield database
    await database.close()


@pytest.fixture(params=["socket mode", "http"])
def http(request: pytest.FixtureRequest) -> bool:
    """Whether Slack reaches us by signed HTTP requests, instead of Socket Mode."""
    return bool(request.param == "http")


@pytest.fixture
async def ship(database: Database, enqueuer: RecordingEnqueuer, http: bool) -> AsyncIterator[Ship]:
    async with sailing(database, enqueuer, http=http) as ship:
        yield ship
        await recorded_as_documented(database)
