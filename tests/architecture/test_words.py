"""One word for one thing: where the mission or the field has a word, prose uses that one.

Checked are the docstrings, comments and texts of product code, the documents, and the configuration that people read. A
card may be warm, so a few words are refused in docstrings and comments only.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("bot", "handlers", "remediations", "storage")
AT_THE_TOP = (
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
    "manifest.http.yml",
    "manifest.yml",
    "pyproject.toml",
)
HISTORY = ("docs/decisions/",)
"""What was written then stays as it was written then. (CHANGELOG.md is not read at all.)"""
STORED = frozenset(
    {"claim way back", "conclude way back", "deed", "look", "look again", "owed", "way back", "way_back"}
)
"""Texts that are names of something stored: columns, keys of JSON, durable steps. They outlive releases as they are."""


class Kind(Enum):
    PROSE = "a docstring, a comment or a document"
    TEXT = "a text in code: on a card, in an error or in a log"


@dataclass(frozen=True)
class Passage:
    file: str
    line: int
    kind: Kind
    text: str


@dataclass(frozen=True)
class Rule:
    pattern: re.Pattern[str]
    use: str
    kinds: frozenset[Kind]


def rule(pattern: str, use: str, *, only: Kind | None = None) -> Rule:
    """``pattern`` in any case; a space in it is any white space, so that a line may end there."""
    kinds = frozenset(Kind) if only is None else frozenset({only})
    return Rule(re.compile(pattern.replace(" ", r"\s+"), re.IGNORECASE), use, kinds)


RULES = (
    rule(r"\borders\b|\b(?:standing|written) order\b", "policy"),
    rule(r"\bways? back\b", "rollback"),
    rule(r"\btak(?:e|es|en|ing)\b[^.;:,]{0,30}\bback\b", "roll back (an act), withdraw (an approval)", only=Kind.PROSE),
    # "Nothing to undo" is what the rollback option of a restart is called.
    rule(r"(?<!\bnothing\x20to\x20)\bundo(?:es|ne|ing)?\b", "roll back", only=Kind.PROSE),
    rule(r"\b(?:its|the|their|whose) reach\b|\breach: ", "blast radius"),
    rule(
        r"\b(?:an?|the|your|my|his|her|their|own|one|every|each|second|another|\w+[\u2019']s) yes\b"
        r"|\bsa(?:y|ys|id|ying) yes\b|\bmeans? yes\b|\byes (?:counts?|from|by|can)\b",
        "approve, approval, approver",
    ),
    rule(
        r"\b(?:an?|another|one|the|each|every|first|second|last|next|late|bad|good|healthy|two|more|owed) looks?\b"
        r"(?! like)|\blook(?:s|ed|ing)? (?:again|anew|twice|once)\b",
        "assessment, assess again; or check, read, ask",
    ),
    rule(r"\blook(?:s|ed|ing)? (?:at|for|into|first|before|whether)\b", "read, check, search, ask", only=Kind.PROSE),
    rule(r"\bdeeds?\b", "intervention (of a person), action (of a runbook), act"),
    rule(r"\bhear(?:s|d|ing)?\b", "receive, be told, be connected to", only=Kind.PROSE),
    rule(r"\bbrakes?\b", "pause"),
    rule(r"\bkeep(?:s|ing)? the watch\b|(?<!/)\bthe watch\b|\bcaptain\b|\bcrew\b", "Watchkeeper, run, operate"),
    rule(
        r"\bthe dead\b(?! (?:process|replica|one))|\blegac(?:y|ies)\b|\broll call\b|\bcall the roll\b",
        "a process whose liveness lock is free, and its flows and leases",
    ),
    rule(r"\bin hand\b|\b(?:nobody|somebody|whose)(?:[\u2019']s)? hands\b|\bclaim(?:s|ed)? runs? out\b", "lease"),
    rule(r"\b(?:the|this|our) house\b|\bthe senses\b", "the thing itself: the project, the database, evidence"),
)


def passages_of_code(path: Path) -> Iterator[Passage]:
    """Docstrings (of attributes, too) and comments as prose, every other literal as a text."""
    source, file = path.read_text(), str(path.relative_to(ROOT))
    tree = ast.parse(source)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value not in STORED:
            yield Passage(file, node.lineno, Kind.PROSE if id(node) in docstrings else Kind.TEXT, node.value)
    yield from _comments(source, file)


def _comments(source: str, file: str) -> Iterator[Passage]:
    """Comments in lines that follow each other are one passage."""
    found = [
        (token.start[0], token.string.lstrip("# "))
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    ]
    starts = [
        0,
        *(index for index, (one, other) in enumerate(pairwise(found), 1) if other[0] != one[0] + 1),
        len(found),
    ]
    for start, end in pairwise(starts):
        block = found[start:end]
        if block:
            yield Passage(file, block[0][0], Kind.PROSE, "\n".join(text for _, text in block))


def passages_of_configuration(path: Path) -> Iterator[Passage]:
    """The comments of a YAML or TOML file, and the values that people read."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        value = re.match(r"\s*-? ?(?:description|title|summary|name)\s*[:=] (.*)", line)
        comment = re.search(r"(?:^|\s)#\s(.*)", line)
        for kind, found in ((Kind.TEXT, value), (Kind.PROSE, comment)):
            if found is not None:
                yield Passage(str(path.relative_to(ROOT)), number, kind, found[1])


def passages_of_document(path: Path) -> Iterator[Passage]:
    """A document's words without its code, which is replaced by as much nothing."""
    text = re.sub(r"```.*?```|`[^`\n]*`", lambda code: "\n" * code[0].count("\n"), path.read_text(), flags=re.DOTALL)
    yield Passage(str(path.relative_to(ROOT)), 1, Kind.PROSE, text)


PASSAGES = {
    ".py": passages_of_code,
    ".md": passages_of_document,
    ".yml": passages_of_configuration,
    ".toml": passages_of_configuration,
}
"""How each kind of file is read."""


def wrong_words(passages: Iterator[Passage]) -> Iterator[str]:
    for passage in passages:
        for one in RULES:
            for match in one.pattern.finditer(passage.text) if passage.kind in one.kinds else ():
                line = passage.line + passage.text.count("\n", 0, match.start())
                yield f"{passage.file}:{line}: “{' '.join(match[0].split())}”; write {one.use}"


def checked() -> list[str]:
    folders = (ROOT / folder for folder in (*SOURCES, "docs"))
    found = [path for folder in folders for path in folder.rglob("*") if path.suffix in PASSAGES]
    files = sorted(str(path.relative_to(ROOT)) for path in (*found, *(ROOT / name for name in AT_THE_TOP)))
    return [file for file in files if not file.startswith(HISTORY)]


@pytest.mark.parametrize("file", checked())
def test_prose_uses_the_words_of_the_mission_and_the_field(file: str) -> None:
    path = ROOT / file
    found = list(wrong_words(PASSAGES[path.suffix](path)))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("said", "use"),
    [
        ("As the orders say.", "policy"),
        ("The way\nback is exact.", "rollback"),
        ("Take a vote back.", "roll back"),
        ("What was done is undone.", "roll back"),
        ("Known by its reach.", "blast radius"),
        ("Whoever said yes is named.", "approve"),
        ("Somebody's yes counts.", "approve"),
        ("Asks for another look.", "assessment"),
        ("It looks again later.", "assess"),
        ("It looks at the outbox.", "read"),
        ("Each deed is recorded.", "intervention"),
        ("Slack heard it.", "receive"),
        ("A brake holds everything.", "pause"),
        ("How the watch stands.", "Watchkeeper"),
        ("Legacies of the dead first.", "liveness"),
        ("Somebody has it in hand.", "lease"),
        ("How it leaves the house.", "the thing itself"),
    ],
)
def test_another_word_is_found_with_its_place_and_the_word_to_use(said: str, use: str, tmp_path: Path) -> None:
    found = list(wrong_words(iter([Passage("bot/some.py", 7, Kind.PROSE, f"Some text.\n{said}")])))
    assert found
    assert all(one.startswith("bot/some.py:8: ") for one in found)
    assert any(use in one for one in found)


def test_texts_of_code_are_told_from_prose_and_stored_names_are_left_alone() -> None:
    kinds = {(one.kind, one.text) for one in passages_of_code(ROOT / "bot/policy/plan.py")}
    assert (Kind.PROSE, "How exact the rollback is.") in kinds
    assert (Kind.TEXT, "rollback") in kinds
    assert all(text not in STORED for _, text in kinds)
