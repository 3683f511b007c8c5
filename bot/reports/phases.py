"""How long each phase of an incident took: detected, asked, answered, acted, verified, resolved.

Pure. Each phase is measured from the one before it, so that they add up.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.policy.decision import Verdict
from bot.reports.incident_facts import IncidentFacts, Question
from bot.response.model.actions import SETTLED_BY_PEOPLE, Action
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.records import AuditEntry
from bot.response.model.state_words import state_words

ASKING = frozenset({Verdict.ASK, Verdict.HOLD})
ENDS: Mapping[str, str] = {
    AuditKind.ACTION_UNHEALTHY: "Verified, and it did not help",
    AuditKind.ACTION_SUCCEEDED: "Verified",
    AuditKind.ACTION_ROLLED_BACK: "Rolled back",
    AuditKind.ACTION_FAILED: "Failed",
}


@dataclass(frozen=True, slots=True)
class Phase:
    """One moment at which the incident went on."""

    name: str
    at: datetime
    took: timedelta | None
    """Since the phase before; None for the first."""


def phases(facts: IncidentFacts) -> Sequence[Phase]:
    """Every phase that there was, in order of time."""
    moments = sorted(_moments(facts), key=lambda one: one[1])
    before = [None, *(at for _, at in moments)]
    return [
        Phase(name, at, None if earlier is None else at - earlier)
        for (name, at), earlier in zip(moments, before, strict=False)
    ]


def _moments(facts: IncidentFacts) -> Iterator[tuple[str, datetime]]:
    began = min((alert.facts.starts_at for alert in facts.alerts), default=None)
    if began is not None and began < facts.incident.opened_at:
        yield "Began, as the monitor says", began
    yield "Detected", facts.incident.opened_at
    asked = [question for question in facts.questions if question.action is not None]
    for question in asked:
        of = f" (question {question.revision})" if len(asked) > 1 else ""
        yield from ((f"{name}{of}", at) for name, at in _of_one(question, facts.entries))
    if facts.incident.resolved_at is not None:
        yield "Resolved", facts.incident.resolved_at


def _of_one(question: Question, entries: Sequence[AuditEntry]) -> Iterator[tuple[str, datetime]]:
    action = question.action
    if action is None:
        return
    yield "Asked" if action.verdict in ASKING else "Decided to act", action.created_at
    if action.decided_at is not None:
        yield _decided(question, action), action.decided_at
    if action.begun_at is None:
        return
    yield "Acted", action.begun_at
    # An action keeps its last end alone; the record has them all.
    ends = [(ENDS[one.kind], one.at) for one in entries if one.kind in ENDS and one.body.get("action") == action.id]
    yield from ends


def _decided(question: Question, action: Action) -> str:
    if action.state in SETTLED_BY_PEOPLE:
        return state_words(action.state).label
    if question.votes or action.verdict in ASKING:
        return "Answered"
    return "Released, as nobody objected" if action.verdict is Verdict.ACT_UNLESS_STOPPED else "Released"
