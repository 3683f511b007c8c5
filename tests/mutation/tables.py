"""Faults of what is written as a list: an entry left out, two neighbours exchanged."""

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

Place = tuple[int, int]
"""A line, from 1, and a column in bytes, from 0, as ``ast`` counts them."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Another text between two places of a source."""

    begin: Place
    end: Place
    text: str

    def made_in(self, source: str) -> str:
        """The source with it."""
        return _up_to(source, self.begin) + self.text + _from(source, self.end)


def span(node: ast.AST) -> tuple[Place, Place]:
    """Where an expression or statement begins and ends."""
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]


def of_entries(source: str, tree: ast.AST, skipped: Collection[str]) -> Iterator[Edit]:
    """Each entry of each tuple, list, set and dictionary left out, and neighbours exchanged where their order counts.

    The order of a dictionary counts in the tables of the module; elsewhere nobody goes through one.
    """
    tables = {node.value for node in ast.iter_child_nodes(tree) if isinstance(node, ast.Assign | ast.AnnAssign)}
    for node in _walk(tree, skipped):
        match node:
            case ast.Tuple(elts=parts, ctx=ast.Load()) | ast.List(elts=parts, ctx=ast.Load()) if parts:
                yield from _edits(source, node, [span(part) for part in parts], ordered=True)
            case ast.Set(elts=parts) if len(parts) > 1:
                yield from _edits(source, node, [span(part) for part in parts], ordered=False)
            case ast.Dict(keys=keys, values=values) if keys:
                spans = [_of_pair(key, value) for key, value in zip(keys, values, strict=True)]
                yield from _edits(source, node, spans, ordered=node in tables)


def _edits(source: str, node: ast.AST, spans: list[tuple[Place, Place]], *, ordered: bool) -> Iterator[Edit]:
    if len(spans) == 1:
        yield Edit(*span(node), {ast.Tuple: "()", ast.List: "[]", ast.Dict: "{}"}[type(node)])
        return
    for place, (begin, end) in enumerate(spans):
        if place + 1 < len(spans):
            yield Edit(begin, spans[place + 1][0], "")
        else:
            yield Edit(spans[place - 1][1], end, "," if len(spans) == 2 and isinstance(node, ast.Tuple) else "")
    for one, other in pairwise(spans) if ordered else ():
        between = _text(source, one[1], other[0])
        yield Edit(one[0], other[1], f"{_text(source, *other)}{between}{_text(source, *one)}")


def _walk(node: ast.AST, skipped: Collection[str]) -> Iterator[ast.AST]:
    """Everything but what is skipped and what is within an f-string, whose parts Python 3.11 cannot place."""
    yield node
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else (value,):
            if isinstance(child, ast.AST) and field not in skipped and not isinstance(child, ast.JoinedStr):
                yield from _walk(child, skipped)


def _of_pair(key: ast.expr | None, value: ast.expr) -> tuple[Place, Place]:
    (line, column), end = span(value)
    return (line, column - len("**")) if key is None else span(key)[0], end


def _text(source: str, begin: Place, end: Place) -> str:
    return _up_to(source, end)[len(_up_to(source, begin)) :]


def _up_to(source: str, place: Place) -> str:
    lines = source.encode().splitlines(keepends=True)
    return (b"".join(lines[: place[0] - 1]) + lines[place[0] - 1][: place[1]]).decode()


def _from(source: str, place: Place) -> str:
    lines = source.encode().splitlines(keepends=True)
    return (lines[place[0] - 1][place[1] :] + b"".join(lines[place[0] :])).decode()
