"""Every mutant of one module: where its fault is, and what the module is with it."""

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from tests.mutation.operators import Members, condition, instead_of, nothing_of
from tests.mutation.tables import Edit, of_entries, span

_SKIPPED = frozenset({"annotation", "returns", "decorator_list"})
"""Parts of the tree without behaviour of their own: types are mypy's business, and a decorator belongs to its class."""
_LOOSE = (ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Compare, ast.IfExp, ast.Lambda)
"""Expressions that need parentheses where they stand in the place of another."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """The module with one fault."""

    line: int
    """Where the fault begins, from 1."""
    was: str
    """The lines that the fault changes, without indentation."""
    becomes: str
    """The same with the fault."""
    source: str
    """The whole module."""

    @property
    def key(self) -> tuple[str, str]:
        """Names the fault within its module, wherever its lines have moved."""
        return self.was, self.becomes

    def diff(self, original: str) -> str:
        """What differs, as ``diff`` would print it, with two lines around."""
        lines = difflib.unified_diff(original.splitlines(), self.source.splitlines(), lineterm="", n=2)
        return "\n".join(line for line in lines if not line.startswith(("---", "+++")))


def mutants_of(source: str, members: Members) -> Iterator[Mutant]:
    """Every mutant of a module, in the order of its lines; none twice, and none that is not Python.

    Args:
        source: the module.
        members: the enumerations it knows, by the names it has for them.
    """
    tree, seen = ast.parse(source), {source}
    edits = [*_faults(tree, members, None), *of_entries(source, tree, _SKIPPED)]
    for edit in sorted(edits, key=lambda edit: edit.begin):
        mutated = edit.made_in(source)
        if mutated in seen or not _parses(mutated):
            continue
        seen.add(mutated)
        was, becomes = _changed_lines(source, mutated)
        yield Mutant(edit.begin[0], was, becomes, mutated)


def _faults(node: ast.AST, members: Members, text_around: ast.JoinedStr | None) -> Iterator[Edit]:
    """Where each fault begins and ends, and what stands there; within an f-string, the whole string stands anew."""
    for field, value in ast.iter_fields(node):
        if field in _SKIPPED:
            continue
        for place, child in enumerate(value) if isinstance(value, list) else ((None, value),):
            if not isinstance(child, ast.AST) or _is_docstring(child):
                continue
            anchor = text_around or (child if isinstance(child, ast.JoinedStr) else None)
            for other in (*_in_its_role(node, field, child), *instead_of(child, members)):
                _put(node, field, place, other)
                shown = text_around or other
                text = ast.unparse(ast.fix_missing_locations(shown))
                spot = text_around or child
                _put(node, field, place, child)
                if hasattr(spot, "lineno"):
                    loose = isinstance(shown, _LOOSE) and text_around is None
                    yield Edit(*span(spot), f"({text})" if loose else text)
            yield from _faults(child, members, anchor)


def _in_its_role(parent: ast.AST, field: str, child: ast.AST) -> Iterator[ast.AST]:
    if isinstance(child, ast.expr):
        if field in ("test", "ifs"):
            yield from condition(child)
        if field == "iter":
            yield from nothing_of(child)
        if isinstance(parent, ast.Return) and not isinstance(child, ast.Constant):
            yield ast.Constant(None)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _put(node: ast.AST, field: str, place: int | None, child: ast.AST) -> None:
    if place is None:
        setattr(node, field, child)
    else:
        getattr(node, field)[place] = child


def _parses(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def _changed_lines(source: str, mutated: str) -> tuple[str, str]:
    old, new = source.splitlines(), mutated.splitlines()
    same = next(place for place, pair in enumerate(zip([*old, None], [*new, None], strict=False)) if pair[0] != pair[1])
    old, new = old[same:], new[same:]
    while old and new and old[-1] == new[-1]:
        del old[-1], new[-1]
    return "\n".join(map(str.strip, old)), "\n".join(map(str.strip, new))
