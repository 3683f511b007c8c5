"""One trial: the tests, in a process of their own, over the code with one fault in it.

The fault is in the memory of that process alone. It is forked, so that it need not import again what is not ours, and
it imports everything of ours anew, so that a fault in a table reaches whatever is made of the table at import.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import resource
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

LONGEST = 300
"""Seconds of computing after which a trial is ended: a fault may make a loop endless."""
EXAMPLES = (
    *("-x", "-q", "-m", "not hypothesis", "-o", "addopts=--import-mode=importlib", "-o", "timeout=60"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # what is not ours is imported before, on purpose
    *("-p", "no:unraisableexception", "-p", "no:threadexception"),  # each collects garbage for longer than a test takes
    *("--noconftest", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:remediations.testing.plugin"),
)
"""The examples alone, as ``make coverage`` runs them: what Hypothesis tries differs from run to run."""
OURS = ("bot", "handlers", "remediations", "storage", "tests", "__main__")


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the examples do where there is no fault."""

    failed: str
    """A test that fails all the same; empty where none does."""
    tests: Sequence[str]
    """All there are, by name."""
    reached: Mapping[str, Mapping[int, Sequence[str]]]
    """By module and line: the tests that reached it. What is run at import is reached by none, and concerns all."""
    seconds: Mapping[str, float]
    """How long the tests of each file took."""


def baseline(modules: Mapping[str, str], files: Sequence[str]) -> Baseline:
    """Run every example, and note which lines of these modules, by name and file, each of them reaches."""

    def run() -> dict[str, Any]:
        import coverage  # not before: a trial has no use for it

        measured = coverage.Coverage(data_file=None, include=list(modules.values()), config_file=False)
        watch = Watch(begins=measured.switch_context)
        with measured.collect():
            watch.run(files)
        lines = {
            name: measured.get_data().contexts_by_lineno(str(Path(file).resolve())) for name, file in modules.items()
        }
        return {"failed": watch.failed, "reached": lines, "seconds": watch.seconds}

    said = in_child(run)
    reached = {
        name: {int(line): tuple(filter(None, tests)) for line, tests in lines.items()}
        for name, lines in said["reached"].items()
    }
    return Baseline(said["failed"], said["tests"], reached, said["seconds"])


def libraries(files: Sequence[str]) -> list[str]:
    """What is not ours and is imported by the tests, by name: to be imported once, before everything."""

    def run() -> list[str]:
        before = set(sys.modules)
        pytest.main([*EXAMPLES, "--collect-only", *files])
        return [name for name in sys.modules if name not in before and name.partition(".")[0] not in OURS]

    return list(in_child(run))


def killer(module: str, source: str, stages: Sequence[Sequence[str]]) -> str:
    """The test that notices when ``module`` is ``source``, or what else does; empty where the fault survives.

    Args:
        module: its full name.
        source: what it is made of instead of its file.
        stages: tests by name, run one group after the other until one fails.
    """

    def run() -> str:
        sys.meta_path.insert(0, Instead(module, source))
        watch = Watch()
        for tests in filter(None, stages):
            watch.run(sorted({file_of(test) for test in tests}), only=tests)
            if watch.failed:
                break
        return watch.failed

    said = in_child(run)
    return "the process was ended: it had computed too long" if said is None else str(said)


def in_child(work: Callable[[], Any]) -> Any:
    """What ``work`` returns, as JSON carries it, done in a forked process; None where that died of it.

    Raises:
        RuntimeError: it raised an error, which is a defect of ours and notices no fault.
    """
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        try:
            _alone_in_the_dark()
            with os.fdopen(theirs, "wb") as pipe:
                pipe.write(json.dumps(_done(work)).encode())
        finally:
            os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    if not said:
        return None
    result, error = json.loads(said)
    if error:
        raise RuntimeError(f"a trial could not be made:\n{error}")
    return result


def file_of(test: str) -> str:
    """The file that a test is in, as pytest names it."""
    return test.partition("::")[0]


class Watch:
    """A plugin of pytest that runs the tests it is told to, and notes which failed and how long each file took."""

    def __init__(self, begins: Callable[[str], None] | None = None) -> None:
        """``begins`` is called with the name of each test that begins."""
        self.failed = ""
        self.tests: list[str] = []
        self.seconds: Counter[str] = Counter()
        self._begins, self._only = begins, None

    def run(self, files: Sequence[str], only: Collection[str] | None = None) -> None:
        """Run the tests of these files, or ``only`` some of them, until one fails.

        Raises:
            RuntimeError: pytest itself could not, which is a defect of ours.
        """
        self._only = only
        ended = pytest.main([*EXAMPLES, *files], plugins=[self])
        if ended not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) and not self.failed:
            raise RuntimeError(f"pytest ended with {ended!r}, and no test had failed")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Called by pytest once it knows every test."""
        if self._only is not None:
            items[:] = [item for item in items if item.nodeid in self._only]

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Called by pytest before each test."""
        self.tests.append(nodeid)
        if self._begins is not None:
            self._begins(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called by pytest for each part of each test."""
        self.seconds[file_of(report.nodeid)] += report.duration  # type: ignore[assignment]
        if report.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Called by pytest for each file."""
        if report.failed:
            self.failed = report.nodeid


class Instead(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module, and makes it of another source than its file."""

    def __init__(self, module: str, source: str) -> None:
        self.module, self.source = module, source

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        """The module, where it is the one."""
        if fullname != self.module:
            return None
        file = importlib.machinery.PathFinder.find_spec(fullname, path)
        return importlib.util.spec_from_file_location(fullname, file.origin, loader=self) if file else None

    def create_module(self, spec: ModuleSpec) -> None:
        """As Python makes one."""

    def exec_module(self, module: ModuleType) -> None:
        """Fill it from the other source."""
        exec(compile(self.source, str(module.__file__), "exec"), module.__dict__)  # noqa: S102 - that is what it is for


def _alone_in_the_dark() -> None:
    """What a trial prints is nobody's business, and what it computes has an end."""
    resource.setrlimit(resource.RLIMIT_CPU, (LONGEST, LONGEST))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)


def _done(work: Callable[[], Any]) -> tuple[Any, str]:
    """What it returns, or the error that it raised."""
    try:
        return work(), ""
    except Exception:  # noqa: BLE001 - told to the process that waits, which raises it again
        return None, traceback.format_exc()
