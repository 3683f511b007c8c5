"""People meet one word for one state: it stands in one table, and no code makes words out of names."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "bot" / "response" / "model" / "state_words.py"
STATES = {"ActionState", "IncidentState", "Verdict", "Shown"}
LOCAL = ROOT / "bot" / "local"
"""Stands alone: it plays Slack and a service, and knows none of our states."""


def modules() -> list[Path]:
    found = [path for source in ("bot", "handlers") for path in (ROOT / source).rglob("*.py")]
    return sorted(path for path in found if path != TABLE and LOCAL not in path.parents)


def words_made_of_names(tree: ast.AST) -> Iterator[str]:
    """``state.replace("_", " ")``: what people would read is then decided by what a programmer called it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "replace":
            given = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
            if given == ["_", " "]:
                yield f"line {node.lineno}: {ast.unparse(node)}"


def tables_of_words(tree: ast.AST) -> Iterator[str]:
    """A dict from states to text, alone or among other things."""
    names = STATES | {name for node in ast.walk(tree) for name in _short_for_a_state(node)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Dict):
            continue
        keys = {key.value.id for key in node.keys if isinstance(key, ast.Attribute) and isinstance(key.value, ast.Name)}
        text = [
            one for value in node.values for one in ast.walk(value) if isinstance(one, ast.Constant | ast.JoinedStr)
        ]
        if keys & names and any(isinstance(one, ast.JoinedStr) or isinstance(one.value, str) for one in text):
            yield f"line {node.lineno}: {ast.unparse(node)[:80]}"


def _short_for_a_state(node: ast.AST) -> Iterator[str]:
    """``_S = ActionState``."""
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and node.value.id in STATES:
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_what_people_read_of_a_state_stands_in_the_one_table(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert not [*words_made_of_names(tree), *tables_of_words(tree)], f"read it from {TABLE.relative_to(ROOT)}"


def test_a_private_table_and_a_word_made_of_a_name_are_found() -> None:
    planted = """
_S = ActionState
A = {ActionState.EXPIRED: "nobody answered"}
B = {_S.EXPIRED: ("Expired", Tone.WARNING)}
C = {Verdict.ASK: f"{mark} ask"}
D = {ActionState.EXPIRED: Kind.ENDING, ActionState.HELD: (Button.TAKE,)}
said = state.value.replace("_", " ")
safe = text.replace("_", "-")
"""
    tree = ast.parse(planted)
    assert [line.partition(":")[0] for line in tables_of_words(tree)] == ["line 3", "line 4", "line 5"]
    assert [line.partition(":")[0] for line in words_made_of_names(tree)] == ["line 7"]
