"""What is said in one place: a stored word, a line in the thread, the refusal of a person."""

import ast
from collections.abc import Iterator
from pathlib import Path

from bot.response.model.audit_kinds import AuditKind
from bot.response.ports.flow import FlowName

ROOT = Path(__file__).parents[2]
SOURCES = ("bot", "handlers", "remediations", "storage")
FLOW_NAMES = "bot/response/ports/flow.py"
AUDIT_KINDS = "bot/response/model/audit_kinds.py"
REFUSALS = "bot/response/interventions/refusals.py"
TIMELINE = "bot/reports/timeline.py"
"""Puts every kind of entry into words."""
THREAD_LINES = {f"bot/response/notices/{name}.py" for name in ("report", "candidacy_card", "closing_summary")}


def nodes() -> Iterator[tuple[str, ast.AST]]:
    for path in (path for source in SOURCES for path in (ROOT / source).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            yield str(path.relative_to(ROOT)), node


def places_of_words(words: set[str]) -> set[str]:
    return {path for path, node in nodes() if isinstance(node, ast.Constant) and node.value in words}


def test_a_kind_of_audit_entry_is_written_out_once() -> None:
    assert places_of_words({kind.value for kind in AuditKind}) == {AUDIT_KINDS}


def test_a_flow_is_named_once() -> None:
    assert places_of_words({name.value for name in FlowName}) == {FLOW_NAMES}


def test_a_person_is_refused_in_one_place() -> None:
    refusing = {path for path, node in nodes() if isinstance(node, ast.Attribute) and node.attr == "PERSON_REFUSED"}
    assert refusing - {TIMELINE} == {REFUSALS}


def test_a_line_in_the_thread_is_made_where_it_gets_the_number_of_its_entry() -> None:
    making = {
        path
        for path, node in nodes()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "ThreadNotice"
    }
    assert making == THREAD_LINES
