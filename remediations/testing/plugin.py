"""The pytest plugin: asks of a remediation all that the contract promises, one test for each promise.

An author writes a subject, a fixture that gives one, and a test with the mark ``contract``::

    @pytest.mark.contract(subject=FlagsInAFile)
    async def test_set_flag(promise: Promise, subject: FlagsInAFile) -> None:
        await promise.of(subject)

The fixture's scope is free, since the situation is made anew for each promise. What a subject declares absent is not
asked, and listed with its reasons at the end of the run.

pytest loads this wherever Watchkeeper is installed, so everything else of the suite is imported where it is needed.
"""

from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from remediations.testing.subject import Subject

MARK = "contract"
NOT_ASKED = "not asked by the contract suite"
DECLARED = "What cannot be shown is declared with its reason"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option that stores a plan of the present version."""
    group = parser.getgroup("contract", "the remediation contract")
    text = "store a plan of a remediation's present version where none is stored"
    group.addoption("--write-golden", action="store_true", help=text)


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", f"{MARK}(subject): asks of a remediation what the contract promises")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each promise that is asked of the subject."""
    mark = metafunc.definition.get_closest_marker(MARK)
    if mark is None:
        return
    from remediations.testing import golden
    from remediations.testing.checks import PROMISES
    from remediations.testing.promise import Promise
    from remediations.testing.subject import faults

    golden.write_missing = metafunc.config.getoption("--write-golden", default=False)
    subject: type[Subject] = mark.kwargs["subject"]
    if found := faults(subject):
        raise pytest.UsageError(f"{subject.__name__}: " + "; ".join(found))
    asked = [Promise(DECLARED, frozenset(), _declared), *(each for each in PROMISES if each.is_asked_of(subject))]
    metafunc.parametrize("promise", asked, ids=[each.sentence for each in asked])


async def _declared(_subject: "Subject") -> None:
    """The reasons were checked when the tests were collected; here they are noted, to be listed."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Take note of what is not asked, where a run in several processes can see it."""
    mark = item.get_closest_marker(MARK)
    promise = item.callspec.params["promise"] if mark is not None and isinstance(item, pytest.Function) else None
    if mark is not None and getattr(promise, "sentence", "") == DECLARED:
        subject = mark.kwargs["subject"]
        for ability, reason in subject.absent.items():
            item.user_properties.append((NOT_ASKED, f"{subject.__name__}: {ability}: {reason}"))
    return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what was not asked."""
    passed = terminalreporter.stats.get("passed", ())
    lines = {text for report in passed for name, text in getattr(report, "user_properties", ()) if name == NOT_ASKED}
    if lines:
        terminalreporter.section("not asked by the contract suite, as declared")
        for line in sorted(lines):
            terminalreporter.line(line)
