"""The stories told in the browser write the documentation's pictures: ``pytest tests/scenarios --write-images``."""

import os
from collections.abc import Awaitable, Callable, Generator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page

from remediations import catalogue
from tests.fixtures.canaries import Watch, watched
from tests.fixtures.start_service import CAPABILITY, StartService
from tests.local.page.conftest import chromium
from tests.scenarios.stage import ROOT
from tests.second_channel.receivers import PASSWORD, ROUTING_KEY

__all__ = ["chromium"]

IMAGES = ROOT / "docs" / "images"
LARGEST_IMAGE_BYTES = 300_000

TakePicture = Callable[[Page, str], Awaitable[None]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-images", action="store_true", help="write the pictures in docs/images anew")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What was printed by us, or by whoever has our output, came to light as well."""
    report = yield
    watch = getattr(item, "funcargs", {}).get("canaries")
    if isinstance(watch, Watch):
        for place, text in report.sections:
            if "log" not in place:  # pytest's own log, not in our form
                watch.saw(place, text)
    return report


@pytest.fixture(autouse=True)
def canaries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """No story brings a secret to light: neither in a log, an answer, a card or a row, nor anywhere else."""
    monkeypatch.setenv("TEST_MAIL_PASSWORD", PASSWORD)
    monkeypatch.setenv("TEST_PAGERDUTY_KEY", ROUTING_KEY)
    with watched(tmp_path) as watch:
        yield watch


@pytest.fixture
def picture(request: pytest.FixtureRequest) -> TakePicture:
    """Takes a picture of a page for the documentation, when asked to; the name is the file's, without its ending."""
    wanted = request.config.getoption("--write-images", default=False) or os.environ.get("WATCHKEEPER_WRITE_IMAGES")

    async def take(page: Page, name: str) -> None:
        if not wanted:
            return
        IMAGES.mkdir(parents=True, exist_ok=True)
        taken = await page.screenshot(path=IMAGES / f"{name}.png", animations="disabled")
        assert len(taken) < LARGEST_IMAGE_BYTES, f"{name}.png has {len(taken)} bytes"

    return take


@pytest.fixture
def start_service(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a remediation that can be rolled back, known to the bot of this story; a restart cannot be."""
    monkeypatch.setattr(catalogue, "CAPABILITIES", (*catalogue.CAPABILITIES, CAPABILITY))
    return StartService.name
