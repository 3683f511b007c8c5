"""The pytest plugin: asks of a remediation all that the contract promises, one test for each promise.

An author writes a subject, a fixture that gives one, and a test with the mark ``contract``::

    @pytest.mark.contract(subject=FlagsInAFile)
    async def test_set_flag(promise: Promise, subject: FlagsInAFile) -> None:
        await promise.of(subject)

The fixture's scope is free, since the situation is made anew for each promise. What a subject declares absent is not
asked, and listed with its reasons at the end of the run.
"""

from collections.abc import Iterator

import pytest

from remediations.testing import golden
from remediations.testing.checks import PROMISES
from remediations.testing.promise import Promise
from remediations.testing.subject import Subject, faults

MARK = "contract"
NOT_ASKED = "not asked by the contract suite"
DECLARED = Promise("What cannot be shown is declared with its reason", frozenset(), lambda _: _nothing())


async def _nothing() -> None:
    """The reasons were checked when the tests were collected; the plugin lists them."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option that stores a plan of the present version."""
    group = parser.getgroup("contract", "the remediation contract")
    text = "store a plan of a remediation's present version where none is stored"
    group.addoption("--write-golden", action="store_true", help=text)


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", f"{MARK}(subject): asks of a remediation what the contract promises")
    golden.write_missing = config.getoption("--write-golden", default=False)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each promise that is asked of the subject."""
    mark = metafunc.definition.get_closest_marker(MARK)
    if mark is None:
        return
    subject: type[Subject] = mark.kwargs["subject"]
    if found := faults(subject):
        raise pytest.UsageError(f"{subject.__name__}: " + "; ".join(found))
    asked = [DECLARED, *(each for each in PROMISES if each.is_asked_of(subject))]
    metafunc.parametrize("promise", asked, ids=[each.sentence for each in asked])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Take note of what is not asked, where a run in several processes can see it."""
    mark = item.get_closest_marker(MARK)
    if mark is not None and isinstance(item, pytest.Function) and item.callspec.params.get("promise") is DECLARED:
        subject = mark.kwargs["subject"]
        for ability, reason in subject.absent.items():
            item.user_properties.append((NOT_ASKED, f"{subject.__name__}: {ability}: {reason}"))
    return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what was not asked."""
    passed = terminalreporter.stats.get("passed", ())
    lines = [text for report in passed for name, text in getattr(report, "user_properties", ()) if name == NOT_ASKED]
    if lines:
        terminalreporter.section("not asked by the contract suite, as declared")
        for line in sorted(lines):
            terminalreporter.line(line)
