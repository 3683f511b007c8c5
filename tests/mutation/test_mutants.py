"""Which faults are tried, and which may survive."""

import importlib
from pathlib import Path

import pytest

from tests.mutation.hunt import function_around, known_mutants
from tests.mutation.mutants import mutants_of
from tests.mutation.survivors import accepted

ROOT = Path(__file__).parents[2]
VERDICTS = {"Verdict": ("ACT", "ASK", "HOLD", "REFUSE")}


def faults(source: str) -> set[str]:
    return {mutant.becomes for mutant in mutants_of(source, VERDICTS)}


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("x = a < b", {"x = (a <= b)", "x = (a >= b)"}),
        ("x = a is None", {"x = (a is not None)"}),
        ("x = a in b", {"x = (a not in b)"}),
        ("x = a and b", {"x = (a or b)", "x = a", "x = b"}),
        ("x = not a", {"x = a"}),
        ("x = a + b", {"x = (a - b)"}),
        ("x = a | b", {"x = (a & b)"}),
        ("x = 2", {"x = 3", "x = 1"}),
        ("x = True", {"x = False"}),
        ("x = 'no'", {"x = ''"}),
        ("x = f'{a} is not'", {"x = f'{a}'"}),
        ("x = f'{a + 1}'", {"x = f'{a - 1}'", "x = f'{a + 2}'", "x = f'{a + 0}'"}),
        ("x = Verdict.ASK", {"x = Verdict.ACT", "x = Verdict.HOLD"}),
        ("x = Other.ASK", set()),
        ("x = min(a, b)", {"x = max(a, b)"}),
        ("x = a.strip()", {"x = a"}),
        ("x = f(a, b=c)", {"x = f(a)"}),
        ("x = a if b else c", {"x = a", "x = c", "x = a if True else c", "x = a if False else c"}),
        ("x = [a for a in b if c]", {"x = [a for a in () if c]", "x = [a for a in b if True]",
                                     "x = [a for a in b if False]"}),
        ("x = (a, b)", {"x = (b)", "x = (a,)", "x = (b, a)"}),
        ("x = (a,)", {"x = ()"}),
        ("x = {a: b, c: d}", {"x = {c: d}", "x = {a: b}", "x = {c: d, a: b}"}),
        ("x = f({a: b, **c})", {"x = f({**c})", "x = f({a: b})"}),
        ("def f():\n    x -= y", {"pass"}),
        ("def f():\n    return x", {"return None"}),
        ("if x:\n    pass", {"if True:", "if False:"}),
        ("for x in y:\n    continue", {"for x in ():", "pass"}),
        ("raise x", {"pass"}),
        ("é = 'ä' + a  # columns are bytes", {"é = '' + a  # columns are bytes", "é = ('ä' - a)  # columns are bytes"}),
    ],
)  # fmt: skip
def test_a_piece_of_code_has_these_faults(source: str, wanted: set[str]) -> None:
    assert faults(source) >= wanted
    assert bool(faults(source)) == bool(wanted)


@pytest.mark.parametrize(
    "source", ['"""A docstring."""', "x: 'a | b' = y", "def f(a: int | str) -> 'no': ...", "@f(True)\nclass A: ..."]
)
def test_what_has_no_behaviour_has_no_fault(source: str) -> None:
    assert not faults(source)


def test_no_mutant_is_there_twice_or_is_the_original_and_each_is_python() -> None:
    path = ROOT / "bot/policy/rules/licence.py"
    source = path.read_text()
    mutants = known_mutants("bot.policy.rules.licence", source)
    assert len({mutant.source for mutant in mutants} | {source}) == len(mutants) + 1
    for mutant in mutants:
        compile(mutant.source, "mutant", "exec")
        assert mutant.diff(source).count("\n-") + mutant.diff(source).count("\n+") > 0


def test_the_function_around_a_line_is_the_outermost_one_and_may_belong_to_a_class() -> None:
    source = "X = 1\nclass A:\n    y = 2\n    def f(self):\n        def g():\n            return 3\n        return g\n"
    assert [function_around(source, line)[0] for line in (1, 3, 6)] == [[], [], ["A", "f"]]


def test_each_reason_is_for_a_mutant_that_there_is() -> None:
    for entry in accepted(ROOT / "docs/decisions/0015-survivors.yml"):
        made = importlib.import_module(entry.module)
        keys = {mutant.key for mutant in known_mutants(entry.module, Path(str(made.__file__)).read_text())}
        assert entry.key in keys, f"{entry.module}: take away the reason for {entry.was!r} -> {entry.becomes!r}"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a: [{was: x, becomes: y}]", "says what it was"),
        ("a: [{was: x, becomes: y, why: ' '}]", "says what it was"),
        ("a: [{was: x, becomes: y, why: z}, {was: x, becomes: y, why: z}]", "there twice"),
    ],
)
def test_a_survivor_needs_a_reason_and_only_one(tmp_path: Path, text: str, error: str) -> None:
    file = tmp_path / "survivors.yml"
    file.write_text(text)
    with pytest.raises(ValueError, match=error):
        accepted(file)
