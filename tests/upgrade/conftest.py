"""What the tests of upgrades start from: every version that is kept, on both kinds of databases."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

from tests.fixtures.database import (
    create_postgresql_database,
    drop_postgresql_database,
    postgresql_server,
)
from tests.upgrade.landed import Landed, landed
from tests.upgrade.legacy import Legacy, brought_up_to_date, leave_on_postgresql

__all__ = ["postgresql_server"]


@pytest.fixture(params=landed(), ids=str)
def version(request: pytest.FixtureRequest) -> Landed:
    """A landed version."""
    found: Landed = request.param
    return found


@pytest.fixture(scope="session")
def left_on_postgresql(
    postgresql_server: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[Landed], str]:
    """Makes a version's database on PostgreSQL, once; its name, for copies."""

    @cache
    def left(version: Landed) -> str:
        name = f"landed_{secrets.token_hex(8)}"
        url = create_postgresql_database(postgresql_server, name)
        file = version.database(tmp_path_factory.mktemp("left") / "stored.sqlite")
        with ThreadPoolExecutor(1) as thread:
            thread.submit(lambda: asyncio.run(leave_on_postgresql(url, file))).result()
        return name

    return left


@pytest.fixture
def postgresql_copy(
    postgresql_server: str,
    left_on_postgresql: Callable[[Landed], str],
    version: Landed,
) -> Iterator[str]:
    """The URL of a PostgreSQL database of the test's own, as the version left it."""
    name = f"test_{secrets.token_hex(8)}"
    yield create_postgresql_database(postgresql_server, name, left_on_postgresql(version))
    drop_postgresql_database(postgresql_server, name)


@pytest.fixture
def sqlite_copy(version: Landed, tmp_path: Path) -> str:
    """The URL of a SQLite file of the test's own, as the version left it."""
    return f"sqlite+aiosqlite:///{version.database(tmp_path / 'watch.db')}"


@pytest.fixture(params=["sqlite", "postgresql"])
async def legacy(request: pytest.FixtureRequest, version: Landed, tmp_path: Path) -> AsyncIterator[Legacy]:
    """The version's database as the present code finds it, once per kind."""
    url = str(request.getfixturevalue(f"{request.param}_copy"))
    file = version.database(tmp_path / "stored.sqlite")
    async with brought_up_to_date(url) as database:
        yield Legacy(version, file, database)
