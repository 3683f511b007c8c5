"""What holds for every test: it asks Slack only what Slack documents, and in CI it may not be skipped.

A skip is a promise that nobody has checked. And Hypothesis judges what is decided, not how fast a busy machine is.
"""

import os
from collections.abc import Generator, Iterator
from contextlib import nullcontext

import pytest
from hypothesis import HealthCheck, settings

from bot import redaction
from bot.local.workspace.facts import method_facts
from tests.fixtures.slack_calls import every_web_api, faults, granted_scopes
from tests.unit import is_unit, without_servers

# Once for all folders: imported into several of them, a fixture of the session would begin, and end, several times.
pytest_plugins = ["tests.fixtures.database", "tests.fixtures.kubernetes", "remediations.testing.plugin"]

settings.register_profile("at any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("at any speed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite-golden", action="store_true", help="write what is compared exactly anew instead")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where CI=true."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI") == "true":
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, which CI=true forbids. {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Hold unit tests to what makes them quick, with every fixture that they ask for."""
    with without_servers() if is_unit(item.path) else nullcontext():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Likewise."""
    with without_servers() if is_unit(item.path) else nullcontext():
        yield


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    """A secret of one test is none in the next, whose texts would go without it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redaction, "_known", {})
        patch.setattr(redaction, "_pattern", None)
        yield


@pytest.fixture(autouse=True)
def calls_as_documented() -> Iterator[None]:
    """Compare every call of the Web API with Slack's words about it, at the end of the test.

    Where tests ask wrongly on purpose, they put a fixture of this name, which does nothing, in its place.
    """
    with every_web_api() as doors:
        yield
    methods, scopes = method_facts(), granted_scopes()
    assert {fault for door in doors for call in door.calls for fault in faults(call, methods, scopes)} == set()
