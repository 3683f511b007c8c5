"""What two runs of the tests mean together. Must not know: how they were run, and what is printed."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from tests.rerun import NO_SECOND_CHANCE
from tests.rerun.recorder import Outcome, Record


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of the whole."""

    failed: dict[str, str]
    """Why the run fails, by test; or by whatever else went wrong."""
    unstable: tuple[str, ...]
    """Tests that failed among others and passed alone."""
    counts: Counter[str]
    """How many tests became what, in pytest's words."""


def one_time_folder(name: str) -> str | None:
    """The folder of a test that is not run again after a failure; None where it is."""
    return next((folder for folder in NO_SECOND_CHANCE if name.startswith(f"{folder}/")), None)


def with_second_chance(names: Collection[str]) -> list[str]:
    """Those of the failed tests that are run once more."""
    return sorted(name for name in names if one_time_folder(name) is None)


def judge(first: Record, exit_code: int, alone: Record) -> Verdict:
    """Whether a run passes: everything that was to run did, and what failed in it passed ``alone``.

    A first run that ends badly must have told why: pytest's exit code other than 0 needs a failed test behind it.
    """
    failed = {f"{name} (collection)": "could not be collected" for name in first.broken}
    for name in first.failures:
        folder = one_time_folder(name)
        if folder is not None:
            failed[name] = f"failed; in {folder} a failure is a race until shown otherwise, so it was not run again"
        elif name not in alone.outcomes:
            failed[name] = "failed, and could not be run again"
        elif alone.outcomes[name] is Outcome.FAILED:
            failed[name] = "failed twice"
        elif alone.outcomes[name] is not Outcome.PASSED:
            failed[name] = f"failed, and was {alone.outcomes[name]} alone"
    never = sorted(first.planned - first.outcomes.keys())
    if never:
        failed[f"{len(never)} of {len(first.planned)} tests"] = f"were never run; the first of them is {never[0]}"
    if exit_code not in (0, 1) or (exit_code == 1 and not first.failures and not first.broken):
        failed["pytest"] = f"ended with exit code {exit_code}"
    if not {Outcome.PASSED, Outcome.FAILED} & set(first.outcomes.values()):
        failed["pytest"] = f"ran no test (exit code {exit_code})"
    unstable = tuple(name for name in first.failures if name not in failed)
    ended = (str(outcome) for outcome in first.outcomes.values() if outcome is not Outcome.FAILED)
    return Verdict(failed, unstable, Counter(ended) + Counter(failed=len(failed), unstable=len(unstable)))
