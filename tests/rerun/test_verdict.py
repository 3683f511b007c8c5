"""Every verdict on two runs of the tests."""

from pathlib import Path

import pytest

from tests.rerun import NO_SECOND_CHANCE
from tests.rerun.recorder import Outcome, Record, plain
from tests.rerun.verdict import judge

ROOT = Path(__file__).parents[2]
PASSED, FAILED, SKIPPED = Outcome.PASSED, Outcome.FAILED, Outcome.SKIPPED


def ran(**outcomes: Outcome) -> Record:
    failures = {name: "why" for name, outcome in outcomes.items() if outcome is FAILED}
    return Record(planned=frozenset(outcomes), outcomes=dict(outcomes), failures=failures)


def test_a_run_in_which_everything_passes_passes() -> None:
    verdict = judge(ran(a=PASSED, b=SKIPPED), 0, Record())
    assert (verdict.failed, verdict.unstable) == ({}, ())
    assert verdict.counts == {"passed": 1, "skipped": 1}


@pytest.mark.parametrize(
    ("first", "exit_code", "name", "why"),
    [
        (ran(a=PASSED), 1, "pytest", "ended with exit code 1"),
        (ran(a=PASSED), 2, "pytest", "ended with exit code 2"),
        (ran(a=PASSED), 3, "pytest", "ended with exit code 3"),
        (ran(), 5, "pytest", "ran no test (exit code 5)"),
        (ran(a=SKIPPED), 0, "pytest", "ran no test (exit code 0)"),
        (ran(a=FAILED), 1, "a", "failed, and could not be run again"),
        (
            Record(planned=frozenset("abc"), outcomes={"a": PASSED}),
            0,
            "2 of 3 tests",
            "were never run; the first of them is b",
        ),
        (
            Record(planned=frozenset("a"), outcomes={"a": PASSED}, broken=("b.py",)),
            1,
            "b.py (collection)",
            "could not be collected",
        ),
    ],
)
def test_whatever_does_not_come_to_its_end_fails_the_run(first: Record, exit_code: int, name: str, why: str) -> None:
    verdict = judge(first, exit_code, Record())
    assert verdict.failed == {name: why}
    assert verdict.counts["failed"] == 1


@pytest.mark.parametrize(
    "name",
    [
        "tests/a.py::test_b",
        "tests/a.py::test_b[c@d]",
        "tests/a.py::test_b[c]@d]",
        "tests/a@b.py::Test::test_c",
        "tests/a@b.py",
    ],
)
def test_a_tests_name_has_no_group_in_it(name: str) -> None:
    assert plain(name) == name
    if "::" in name:
        assert plain(f"{name}@browser_and more") == name


def test_the_folders_without_a_second_chance_exist() -> None:
    assert [folder for folder in NO_SECOND_CHANCE if not (ROOT / folder).is_dir()] == []
