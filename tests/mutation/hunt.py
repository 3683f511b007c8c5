"""Tries every mutant of the modules it is given, in a copy of the code; see ``python -m tests.mutation``."""

import ast
import enum
import gc
import importlib
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import coverage
import pytest

from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.survivors import Accepted, accepted, of_module
from tests.mutation.trial import EXAMPLES, Watch, imported_anew, in_child, run_until_one_fails, with_other_code

TESTS = Path("tests/policy")
SLOW = {"test_decision_space.py"}
"""Too long for a thousand times. What only they would notice is told as a survivor."""
FIRST = 12
"""So many tests run before the others: those that noticed most faults."""
NEAR = 4
"""So many files of tests, likewise, where all is imported anew."""
STEP = 25
"""After so many mutants, how far it has come is told."""


def main(modules: Sequence[str], files: Sequence[str] = ()) -> int:
    """Print what survived, and its reason where one is written; 0 where each has one and each reason one.

    Args:
        modules: by their full names.
        files: of tests; without any, the quick ones of ``TESTS``.
    """
    files = files or [str(file) for file in sorted(TESTS.glob("test_*.py")) if file.name not in SLOW]
    hunt = Hunt(modules, files, out=os.fdopen(os.dup(1), "w", buffering=1))
    ended = pytest.main([*EXAMPLES, *files], plugins=[hunt, hunt.watch])
    return 2 if hunt.wrong is None else 1 if hunt.wrong or ended != pytest.ExitCode.OK else 0


class Hunt:
    """A plugin of pytest that, where the tests would run, runs them once for each mutant."""

    def __init__(self, modules: Sequence[str], files: Sequence[str], out: TextIO) -> None:
        """``out`` is what people read; pytest has the terminal meanwhile."""
        self.watch = Watch()
        self.wrong: int | None = None
        """Survivors without a reason, and reasons without a survivor; None while nobody can tell."""
        self._modules, self._files, self._out = modules, files, out
        self._items: dict[str, pytest.Item] = {}
        self._reached: dict[str, dict[int, set[str]]] = {}
        """By module and line: the tests that reached it."""
        self._seconds: dict[str, float] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Called by pytest once it has found all tests."""
        if not session.testsfailed:
            self._items = {item.nodeid: item for item in session.items}
            gc.freeze()  # what was imported is shared by all trials, and none needs to go through it
            if self._are_healthy():
                self.wrong = sum(self._hunted(module) for module in self._modules)
        else:
            self._say("The tests could not be found: run them first.")
        return True

    def _are_healthy(self) -> bool:
        """Whether all tests pass where there is no fault; and notes which lines each of them reaches."""
        begun = time.monotonic()
        paths = {module: str(_file(module).resolve()) for module in self._modules}

        def run() -> tuple[str, dict[str, dict[int, list[str]]], dict[str, float]]:
            measured = coverage.Coverage(data_file=None, include=list(paths.values()), config_file=False)
            with measured.collect():
                failed = run_until_one_fails(list(self._items.values()), self.watch, measured.switch_context)
            data = measured.get_data()
            reached = {module: data.contexts_by_lineno(path) for module, path in paths.items()}
            return failed, reached, self.watch.seconds

        failed, reached, self._seconds = in_child(run)
        self._reached = {
            module: {int(line): set(tests) for line, tests in lines.items()} for module, lines in reached.items()
        }
        passed = f"{len(self._items)} examples in {time.monotonic() - begun:.0f} s"
        self._say(f"Without any fault {failed} fails: mend that first." if failed else f"Without any fault: {passed}.")
        return not failed

    def _hunted(self, module: str) -> int:
        """Try each mutant of one module; how many survivors have no reason, and how many reasons no survivor."""
        path, begun = _file(module), time.monotonic()
        source, may = path.read_text(), of_module(accepted(), module)
        mutants, killers = known_mutants(module, source), Counter[str]()
        mutants.sort(key=lambda mutant: not function_around(source, mutant.line)[0])  # what is quick tells who notices
        survived: list[Mutant] = []
        for number, mutant in enumerate(mutants, 1):
            killer = self._killer(module, source, mutant, killers)
            if killer:
                killers[killer] += 1
            else:
                survived.append(mutant)
                self._say(_told(path, mutant, source, may.get(mutant.key)))
            if number % STEP == 0 or number == len(mutants):
                passed = time.monotonic() - begun
                self._say(f"{path}: {number} of {len(mutants)}, {len(survived)} survived, {passed:.0f} s")
        without = [mutant for mutant in survived if mutant.key not in may]
        needless = [entry for key, entry in may.items() if key not in {mutant.key for mutant in survived}]
        for entry in needless:
            self._say(f"{path}: a reason is written for what does not survive: {entry.was!r} -> {entry.becomes!r}")
        self._say(f"{path}: {len(mutants)} mutants, {len(survived)} survived, {len(without)} of them without a reason")
        return len(without) + len(needless)

    def _killer(self, module: str, source: str, mutant: Mutant, killers: Counter[str]) -> str:
        """The test that notices the mutant, or what else does; empty where it survives."""
        name, lines = function_around(source, mutant.line)

        def run() -> str:
            if not name or not with_other_code(module, name, mutant.source):
                found = Counter(file_of(each) for each in killers if file_of(each) in self._files)
                near = [file for file, _ in found.most_common(NEAR)]
                return imported_anew(module, mutant.source, [near, [file for file in self._files if file not in near]])
            reached = {test for line in lines for test in self._reached[module].get(line, ())} & self._items.keys()
            first = [test for test, _ in killers.most_common() if test in reached][:FIRST]
            rest = sorted(reached - set(first), key=lambda test: self._seconds.get(test, 0))
            return run_until_one_fails([self._items[test] for test in (*first, *rest)], self.watch)

        killer = in_child(run)
        return "the process was ended: it had computed too long" if killer is None else str(killer)

    def _say(self, text: str) -> None:
        print(text, file=self._out, flush=True)


def known_mutants(module: str, source: str) -> list[Mutant]:
    """Every mutant of a module, which is imported for the members of the enumerations that it knows."""
    names = vars(importlib.import_module(module))
    known = {name: each for name, each in names.items() if isinstance(each, type) and issubclass(each, enum.Enum)}
    return list(mutants_of(source, {name: tuple(each.__members__) for name, each in known.items()}))


def function_around(source: str, line: int) -> tuple[Sequence[str], range]:
    """The outermost function around a line, by its name within the module, and its lines; no name outside."""
    scope: Sequence[ast.stmt] = ast.parse(source).body
    name: list[str] = []
    while True:
        around = next((each for each in scope if each.lineno <= line <= (each.end_lineno or each.lineno)), None)
        if isinstance(around, ast.FunctionDef):
            return [*name, around.name], range(around.lineno, (around.end_lineno or around.lineno) + 1)
        if not isinstance(around, ast.ClassDef):
            return [], range(0)
        name.append(around.name)
        scope = around.body


def file_of(test: str) -> str:
    """The file that a test is in, as pytest names it."""
    return test.partition("::")[0]


def _file(module: str) -> Path:
    return Path(*module.split(".")).with_suffix(".py")


def _told(path: Path, mutant: Mutant, source: str, may: Accepted | None) -> str:
    reason = f"may survive: {may.why}" if may else "SURVIVED, and no reason is written"
    return f"\n{path}:{mutant.line}: {reason}\n{mutant.diff(source)}\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
