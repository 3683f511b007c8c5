"""Parameters and servers of the crash tests."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bot.local.servers import find_binary

pytest.register_assert_rewrite("tests.crash.invariants", "tests.crash.story")

from tests.crash.discovery import points_of_all_stories  # noqa: E402 - after what concerns it
from tests.crash.yard import Yard, running_yard  # noqa: E402 - likewise


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes ``story_name`` and ``point`` runs once for every point there is."""
    if "story_name" not in metafunc.fixturenames:
        return
    if find_binary("prometheus") is None:
        metafunc.parametrize(("story_name", "point"), [("approved", "")])  # the yard then says what is missing
        return
    cache = metafunc.config.cache
    if cache is None:
        raise pytest.UsageError("the crash tests keep their points in pytest's cache: leave the cache plugin on")
    found = points_of_all_stories(cache.mkdir("crash-points"))
    cases = [pytest.param(name, point, id=f"{name}: {point}") for name, points in found.items() for point in points]
    metafunc.parametrize(("story_name", "point"), cases)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def yard(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Yard]:
    """The servers that all stories of this worker share."""
    async with running_yard(tmp_path_factory.mktemp("yard")) as running:
        yield running
