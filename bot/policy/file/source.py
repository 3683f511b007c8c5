"""The policy file as text: plain data, and for everything in it the line and column where it is written.

Only what an auditor can read without a YAML manual is accepted: no anchors, aliases, merge keys or tags; each key
once; ``yes`` and ``on`` are texts, not booleans; times and durations are texts that the document's types parse.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.reader import ReaderError

from bot.policy.file.problems import Problem, Weight

Path = tuple[str | int, ...]
"""Keys and indexes from the root: ``("people", "leads", "users", 0)``."""

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]{1,400}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the file; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class _Place:
    key: Mark
    value: Mark
    node: Node


class Source:
    """A parsed policy file. ``data`` is None when ``problems`` say that it could not be read at all."""

    def __init__(self, text: str) -> None:
        self.lines = text.splitlines()
        self.problems: list[Problem] = []
        self._places: dict[Path, _Place] = {}
        self.data: Any = None
        root = self._compose(text)
        if root is not None:
            self.data = self._read(root, (), _mark(root.start_mark))

    def value_at(self, path: Path) -> Mark:
        """Where the value is written; of something that is missing, where what should hold it begins."""
        place = self._places.get(path)
        return place.value if place is not None else self.key_at(path[:-1])

    def key_at(self, path: Path) -> Mark:
        """Where the key (or list item) is written, else that of the nearest thing around it."""
        while path and path not in self._places:
            path = path[:-1]
        place = self._places.get(path)
        return place.key if place is not None else Mark(1, 1)

    def place_of(self, path: Path) -> Mark:
        """Where somebody has to look: the value, or of a whole section its name and not whatever is first in it."""
        place = self._places.get(path)
        return self.value_at(path) if place is None or isinstance(place.node, ScalarNode) else place.key

    def inside(self, path: Path, line: int, column: int) -> Mark:
        """Where line and column *of a text value* are in the file; where its text begins when that cannot be told."""
        start, place = self.value_at(path), self._places.get(path)
        if place is None or not isinstance(place.node, ScalarNode):
            return start
        style, value_lines = place.node.style, place.node.value.splitlines()
        written = value_lines[line - 1] if line <= len(value_lines) else ""
        if style == "|":
            number = start.line + line
            found = self.lines[number - 1].find(written) if number <= len(self.lines) else -1
        else:
            number = start.line
            found = start.column - 1 + (1 if style in ("'", '"') else 0)
            found = found if line == 1 and self.lines[number - 1].startswith(written, found) else -1
        return Mark(number, found + column) if found >= 0 and written else start

    def error(self, mark: Mark, path: Path, message: str, remedy: str) -> None:
        """Add an error at ``mark``."""
        self.problems.append(Problem(mark.line, mark.column, dotted(path), Weight.ERROR, message, remedy))

    def _compose(self, text: str) -> Node | None:
        try:
            root = _root_of(text)
        except ReaderError as error:
            before = text[: error.position]
            mark = Mark(before.count("\n") + 1, error.position - before.rfind("\n"))
            self.error(mark, (), f"unreadable character #x{ord(text[error.position]):04x}", "remove it")
            return None
        except yaml.MarkedYAMLError as error:
            found = error.problem_mark or error.context_mark
            mark = _mark(found) if found is not None else Mark(1, 1)
            self.error(mark, (), f"not readable as YAML: {error.problem or error.context}", _yaml_remedy(error))
            return None
        except RecursionError:
            self.error(Mark(1, 1), (), "the file is nested too deeply to be read", "write it as docs/policy.md shows")
            return None
        if root is None or (isinstance(root, ScalarNode) and _scalar(root) is None):
            self.error(Mark(1, 1), (), "the policy is empty", "start from docs/policy.example.yml")
            return None
        return root

    def _read(self, node: Node, path: Path, key: Mark) -> Any:
        self._places[path] = _Place(key, _mark(node.start_mark), node)
        if isinstance(node, MappingNode):
            return self._read_mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self._read(item, (*path, index), _mark(item.start_mark)) for index, item in enumerate(node.value)]
        return _scalar(node)

    def _read_mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            mark = _mark(key_node.start_mark)
            if not isinstance(key_node, ScalarNode):
                self.error(mark, path, "a key must be a word, not a list or mapping", "write `key: value`")
                continue
            key = key_node.value
            if key in data:
                first = self.key_at((*path, key)).line
                self.error(
                    mark, (*path, key), f"{key!r} is written twice, first in line {first}", "keep one of the two"
                )
                continue
            data[key] = self._read(value_node, (*path, key), mark)
        return data


def dotted(path: Sequence[str | int]) -> str:
    """``("people", "leads", "users", 0)`` -> ``people.leads.users[0]``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


class _NotPlain(yaml.MarkedYAMLError):
    """Something that YAML allows and a policy does not."""


class _PlainLoader(yaml.SafeLoader):
    """Composes nodes without aliases and tags; the policy must be readable as it stands."""

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave the parser untyped
        features = {
            "aliases": isinstance(event, yaml.AliasEvent),
            "anchors": getattr(event, "anchor", None) is not None,
            "tags": getattr(event, "tag", None) is not None,
        }
        used = [name for name, there in features.items() if there]
        if used:
            raise _NotPlain(problem=f"{used[0]} are not accepted", problem_mark=event.start_mark)
        return super().compose_node(parent, index)


def _root_of(text: str) -> Node | None:
    """The one document in ``text``; None when there is nothing in it."""
    loader = _PlainLoader(text)
    try:
        root: Node | None = loader.get_single_node()
    finally:
        loader.dispose()
    return root


def _scalar(node: Node) -> Any:
    text = str(node.value)
    if not isinstance(node, ScalarNode) or node.style is not None:
        return text
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _mark(mark: Any) -> Mark:
    return Mark(mark.line + 1, mark.column + 1)


def _yaml_remedy(error: yaml.MarkedYAMLError) -> str:
    if isinstance(error, _NotPlain) and "tags" in str(error.problem):
        return "put a text that begins with ! in quotes"
    if isinstance(error, _NotPlain):
        return "write the value out where it is used"
    if "'\\t'" in str(error.problem):
        return "indent with spaces, not tabs"
    return "check the indentation, and put texts that contain ': ', ' #', quotes, braces or brackets in quotes"
