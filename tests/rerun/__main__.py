"""The command line of ``tests.rerun``; its exit code is 0 where nothing failed but what is unstable."""

import hashlib
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.rerun.recorder import Record, Recorder
from tests.rerun.verdict import Verdict, judge, with_second_chance

KEPT = Path(".unstable")
"""Where the output of what failed among others is kept, run after run: what is rare needs more than one look."""
LINE = 100
INTERRUPTED = 130
"""The exit code of a program that a person has stopped."""


class SurvivingWorkers:
    """A plugin of pytest that goes on after a worker has died, wherever pytest-xdist hands out tests by groups."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> object | None:
        """Called by pytest-xdist's controller, once."""
        if config.option.dist != "loadgroup":
            return None
        from tests.rerun.scheduling import Surviving  # pytest wants to import pytest-xdist first, and itself

        return Surviving(config, log)


def main(arguments: list[str]) -> int:
    """Run the tests once, what failed once more, and print what came of it; the exit code."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "first.jsonl"
        exit_code = int(pytest.main(arguments, plugins=[Recorder(written), SurvivingWorkers()]))
        first = Record.read(written)
        again = with_second_chance(first.failures) if exit_code == pytest.ExitCode.TESTS_FAILED else []
        if again:
            print(f"\n{' run once more, alone ':=^{LINE}}", flush=True)
        verdict = judge(first, exit_code, run_alone(again, arguments, Path(folder)))
    tell(verdict, first, time.monotonic() - begun)
    if not verdict.failed:
        return 0
    return exit_code if exit_code > 1 else 1


def run_alone(names: Sequence[str], arguments: list[str], folder: Path) -> Record:
    """Run these tests one after another in one process; in another one those that a dying process left over."""
    record, left = Record(), set(names)
    while left:
        wanted, written = folder / "wanted.json", folder / "alone.jsonl"
        wanted.write_text(json.dumps(sorted(left)))
        written.write_text("")
        command = [sys.executable, "-m", "tests.rerun.alone", str(wanted), str(written), *arguments]
        finish(command)
        more = Record.read(written)
        if not left & more.outcomes.keys():
            break  # what is left is not to be found again
        left -= more.outcomes.keys()
        record = Record(outcomes=record.outcomes | more.outcomes, failures=record.failures | more.failures)
    return record


def finish(command: list[str]) -> None:
    """Run a program to its end. It hears a person's ctrl-C too, and is left the time to stop the servers it started."""
    with subprocess.Popen(command) as process:
        try:
            process.wait()
        except KeyboardInterrupt:
            process.wait()
            raise


def tell(verdict: Verdict, first: Record, seconds: float) -> None:
    """Print what failed, what is unstable, and how many of everything there were."""
    if verdict.failed:
        print(f"\n{' FAILED ':=^{LINE}}")
        for name, why in sorted(verdict.failed.items()):
            print(f"{name}: {why}")
    if verdict.unstable:
        print(f"\n{' UNSTABLE ':=^{LINE}}")
        for name in verdict.unstable:
            print(f"{name}: failed among others, passed alone; see {kept(name, first.failures[name])}")
    counts = ", ".join(f"{number} {what}" for what, number in sorted(verdict.counts.items()))
    print(f"\n{f' {counts} in {seconds:.2f}s ':=^{LINE}}", flush=True)


def kept(name: str, failure: str) -> Path:
    """Keep what is known about a failure; the file."""
    words = re.sub(r"[^A-Za-z0-9_]+", "-", name.partition("::")[2])[:60].strip("-")
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    KEPT.mkdir(exist_ok=True)
    file = KEPT / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{words}-{digest}.txt"
    file.write_text(failure, encoding="utf-8", errors="backslashreplace")
    return file


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
