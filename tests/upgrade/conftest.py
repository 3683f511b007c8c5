"""What the tests of upgrades start from: every version that is kept, on both kinds of databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fixtures.database import (  # noqa: F401 - pytest finds fixtures by their names here
    empty_database_url,
    empty_postgresql_url,
    postgresql_server,
)
from tests.upgrade.legacy import Legacy, carried_over
from tests.upgrade.stored import Landed, landed


@pytest.fixture(params=landed(), ids=str)
def version(request: pytest.FixtureRequest) -> Landed:
    """A landed version."""
    found: Landed = request.param
    return found


@pytest.fixture
async def legacy(version: Landed, tmp_path: Path, empty_database_url: str) -> AsyncIterator[Legacy]:  # noqa: F811
    """Its database, as the present code finds it."""
    async with carried_over(version, tmp_path, empty_database_url) as found:
        yield found
