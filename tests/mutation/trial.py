"""One trial: the tests, in a process of their own, over the code with one fault in it.

The fault is in the memory of that process alone. It is forked from one in which pytest has found all tests, so that a
fault within a function costs no import: the code of the function is exchanged where it stands. A fault outside of
functions may be in a table that others have read at import: for it, everything of ours is imported anew.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import resource
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

LONGEST = 300
"""Seconds of computing after which a trial is ended: a fault may make a loop endless."""
EXAMPLES = (
    *("-x", "-q", "-s", "-m", "not hypothesis", "-o", "addopts=--import-mode=importlib", "-o", "timeout=60"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # what is not ours is imported before, on purpose
    *("-p", "no:unraisableexception", "-p", "no:threadexception"),  # each collects garbage for longer than a test takes
    *("--noconftest", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:remediations.testing.plugin"),
)
"""The examples alone, as ``make coverage`` runs them: what Hypothesis tries differs from run to run.

``-s``: what is told goes where the process has its output, which is nowhere in a trial.
"""


class Watch:
    """A plugin of pytest that notes which test failed first, and how long each took."""

    def __init__(self) -> None:
        self.failed = ""
        self.seconds: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called by pytest for each part of each test."""
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration
        if report.failed:
            self.failed = self.failed or report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Called by pytest for each file."""
        if report.failed:
            self.failed = self.failed or report.nodeid


def run_until_one_fails(
    items: Sequence[pytest.Item], watch: Watch, begins: Callable[[str], object] | None = None
) -> str:
    """Run tests that have been found, one after the other, and name the first that fails.

    Args:
        items: the tests.
        watch: is registered with their pytest.
        begins: is told the name of each before it begins.
    """
    for item in items:
        if begins is not None:
            begins(item.nodeid)
        item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
        if watch.failed:
            break
    return watch.failed


def with_other_code(module: str, function: Sequence[str], source: str) -> bool:
    """Exchange the code of one function, by its name within the module, for what it is in ``source``.

    False where that cannot be done: the function needs something else from around it then.
    """
    there = sys.modules[module]
    made = dict(vars(there))
    exec(compile(source, str(there.__file__), "exec"), made)  # noqa: S102 - that is what it is for
    old, new = _function(vars(there), function), _function(made, function)
    if old.__code__.co_freevars != new.__code__.co_freevars:
        return False
    old.__code__, old.__defaults__, old.__kwdefaults__ = new.__code__, new.__defaults__, new.__kwdefaults__
    return True


def imported_anew(module: str, source: str, stages: Sequence[Sequence[str]]) -> str:
    """Import everything in this folder again, ``module`` from ``source``, and name the first test that fails.

    ``stages``: files of tests, found and run one group after the other.

    Raises:
        RuntimeError: pytest itself could not, which is a defect of ours.
    """
    here = str(Path.cwd())
    for name in [name for name, each in sys.modules.items() if str(getattr(each, "__file__", "")).startswith(here)]:
        del sys.modules[name]
    sys.meta_path.insert(0, Instead(module, source))
    watch = Watch()
    for files in filter(None, stages):
        ended = pytest.main([*EXAMPLES, *files], plugins=[watch])
        if watch.failed:
            break
        if ended not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            raise RuntimeError(f"pytest ended with {ended!r}, and no test had failed")
    return watch.failed


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
        exec(compile(self.source, str(module.__file__), "exec"), module.__dict__)  # noqa: S102 - likewise


def _function(names: Any, path: Sequence[str]) -> FunctionType:
    found: Any = names[path[0]]
    for name in path[1:]:
        found = vars(found)[name]
    for inner in ("fget", "func", "__func__"):
        found = getattr(found, inner, found)
    if not isinstance(found, FunctionType):
        raise TypeError(f"{'.'.join(path)} is {found!r}, whose code cannot be exchanged")
    return found


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
