"""Tries every mutant of the modules it is given, in a copy of the code; see ``python -m tests.mutation``."""

import ast
import enum
import gc
import importlib
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.survivors import Accepted, accepted, of_module
from tests.mutation.trial import Baseline, baseline, file_of, in_child, killer, libraries

TESTS = Path("tests/policy")
FIRST = 12
"""So many tests run before the others: those that noticed most faults."""
STEP = 25
"""After so many mutants, how far it has come is told."""


def main(modules: Sequence[str]) -> int:
    """Print what survived, and its reason where one is written; 0 where each has one and each reason one."""
    files = sorted(map(str, TESTS.glob("test_*.py")))
    for library in libraries(files):
        importlib.import_module(library)
    gc.freeze()  # what was imported is shared by all trials, and none needs to go through it
    begun = time.monotonic()
    healthy = baseline({module: str(_file(module)) for module in modules}, files)
    if healthy.failed:
        print(f"Without any fault {healthy.failed} fails: mend that first.")
        return 2
    print(f"Without any fault the examples of {TESTS} pass in {time.monotonic() - begun:.0f} s.", flush=True)
    wrong = [_hunted(module, healthy) for module in modules]
    return 1 if any(wrong) else 0


def _hunted(module: str, healthy: Baseline) -> int:
    """Try each mutant of one module; how many survivors have no reason, and how many reasons no survivor."""
    path = _file(module)
    source, may = path.read_text(), of_module(accepted(), module)
    mutants = [Mutant(*one) for one in in_child(lambda: known_mutants(module))]
    concerned = Concerned(source, module, healthy)
    killers: Counter[str] = Counter()
    survived: list[Mutant] = []
    begun = time.monotonic()
    for number, mutant in enumerate(mutants, 1):
        noticed = killer(module, mutant.source, _in_turn(concerned.by(mutant), killers, healthy))
        if noticed:
            killers[noticed] += 1
        else:
            survived.append(mutant)
            _tell(path, mutant, source, may.get(mutant.key))
        if number % STEP == 0 or number == len(mutants):
            passed = time.monotonic() - begun
            print(f"{path}: {number} of {len(mutants)}, {len(survived)} survived, {passed:.0f} s", flush=True)
    without = [mutant for mutant in survived if mutant.key not in may]
    needless = [entry for key, entry in may.items() if key not in {mutant.key for mutant in survived}]
    for entry in needless:
        print(f"{path}: a reason is written for what does not survive: {entry.was!r} -> {entry.becomes!r}")
    print(f"{path}: {len(mutants)} mutants, {len(survived)} survived, {len(without)} of them without a reason")
    return len(without) + len(needless)


class Concerned:
    """Which tests a fault can concern: those that reach the function it is in; outside of functions all."""

    def __init__(self, source: str, module: str, healthy: Baseline) -> None:
        self._functions = [
            range(node.lineno, (node.end_lineno or node.lineno) + 1)
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.FunctionDef)
        ]
        self._reached = healthy.reached[module]
        self._all = healthy.tests

    def by(self, mutant: Mutant) -> Sequence[str]:
        """The tests, by name."""
        around = next((lines for lines in self._functions if mutant.line in lines), None)
        if around is None:
            return self._all
        return sorted({test for line in around for test in self._reached.get(line, ())})


def _in_turn(tests: Sequence[str], killers: Counter[str], healthy: Baseline) -> list[Sequence[str]]:
    """Tests in groups: those that noticed most, others of their files, all others, and the slow ones last."""
    first = [test for test, _ in killers.most_common() if test in set(tests)][:FIRST]
    files = {file_of(test) for test in first}
    rest = [test for test in tests if test not in first]
    rest.sort(key=lambda test: healthy.seconds.get(file_of(test), 0))
    quick = [test for test in rest if healthy.seconds.get(file_of(test), 0) < 2]
    return [
        first,
        [test for test in quick if file_of(test) in files],
        [test for test in quick if file_of(test) not in files],
        [test for test in rest if test not in set(quick)],
    ]


def known_mutants(module: str) -> list[tuple[int, str, str, str]]:
    """Every mutant of a module, which is imported for the members of the enumerations that it knows."""
    made = importlib.import_module(module)
    known = {name: each for name, each in vars(made).items() if isinstance(each, type) and issubclass(each, enum.Enum)}
    members = {name: tuple(each.__members__) for name, each in known.items()}
    source = Path(str(made.__file__)).read_text()
    return [(one.line, one.was, one.becomes, one.source) for one in mutants_of(source, members)]


def _file(module: str) -> Path:
    return Path(*module.split(".")).with_suffix(".py")


def _tell(path: Path, mutant: Mutant, source: str, may: Accepted | None) -> None:
    reason = f"may survive: {may.why}" if may else "SURVIVED, and no reason is written"
    print(f"\n{path}:{mutant.line}: {reason}\n{mutant.diff(source)}\n", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
