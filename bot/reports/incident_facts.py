"""Everything on record about one incident, read in one transaction and before anything is written about it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.policy.stored import AlteredError
from bot.remediation import Step
from bot.response.model.actions import Action
from bot.response.model.incidents import Alert, Incident
from bot.response.model.records import (
    AuditEntry,
    ClaimJudgement,
    Review,
    StoredDecision,
    Vote,
    execute_key,
    rollback_key,
)
from bot.response.ports.work import Work

ALERTS_MAX = 50
QUESTIONS_MAX = 50
"""The newest so many decisions; a document of more would be read by nobody."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Carried:
    """One effect, or one attempt at a rollback, with its steps."""

    rollback: bool
    steps: Sequence[Step]
    report: str


@dataclass(frozen=True, slots=True)
class Question:
    """One decision, and what came of it."""

    revision: int
    decided: StoredDecision | None
    """None where what is stored is not what was decided, or only a newer release can read it."""
    action: Action | None
    votes: Sequence[Vote] = ()
    claim: ClaimJudgement | None = None
    """The judgement that let it act."""
    carried: Sequence[Carried] = ()
    review: Review | None = None


@dataclass(frozen=True, slots=True)
class IncidentFacts:
    """One incident with its questions, oldest first, and its part of the record."""

    incident: Incident
    alerts: Sequence[Alert]
    """Newest first; at most ``ALERTS_MAX``."""
    questions: Sequence[Question]
    earlier_questions: int
    """How many older decisions are left out."""
    entries: Sequence[AuditEntry]
    seal: str
    """Of the last of these entries, as hexadecimal; empty where there is none."""
    written_at: datetime

    @property
    def people(self) -> frozenset[str]:
        """Everybody who is named in it, by id."""
        found = {entry.actor for entry in self.entries} | {self.incident.taken_by or ""}
        for question in self.questions:
            if (action := question.action) is not None:
                found |= {*action.approvers, *action.decided_by, action.requested_by or "", action.halted_by or ""}
            if (review := question.review) is not None:
                found |= {review.assigned_to or "", review.done_by or "", *(str(one["by"]) for one in review.earlier)}
        return frozenset(found - {""})


async def gather(work: Work, incident_id: int, now: datetime) -> IncidentFacts | None:
    """What is on record about the incident of this number; None when there is none."""
    incident = await work.incidents.get(incident_id)
    if incident is None:
        return None
    actions = {action.revision: action for action in await work.actions.of_incident(incident_id)}
    first = max(1, incident.revision - QUESTIONS_MAX + 1)
    questions = [
        question
        for revision in range(first, incident.revision + 1)
        if (question := await _question(work, incident_id, revision, actions.get(revision))) is not None
    ]
    entries = await work.audit.of_incident(incident_id)
    return IncidentFacts(
        incident=incident,
        alerts=await work.incidents.alerts(incident_id, limit=ALERTS_MAX),
        questions=questions,
        earlier_questions=first - 1,
        entries=entries,
        seal=await work.audit.seal_of(entries[-1].number) if entries else "",
        written_at=now,
    )


async def _question(work: Work, incident_id: int, revision: int, action: Action | None) -> Question | None:
    try:
        decided = await work.decisions.at_revision(incident_id, revision)
    except AlteredError:
        log.exception("the decision %d of incident %d is not what was stored", revision, incident_id)
        decided = None
    if action is None:
        return None if decided is None else Question(revision, decided, None)
    return Question(
        revision=revision,
        decided=decided,
        action=action,
        votes=await work.votes.of(action.id),
        claim=await _claim(work, action),
        carried=await _carried(work, action),
        review=await work.reviews.get(action.id),
    )


async def _claim(work: Work, action: Action) -> ClaimJudgement | None:
    try:
        claims = await work.decisions.claims_of(action.id)
    except AlteredError:
        log.exception("the judgement that let action %s act is not what was stored", action.id)
        return None
    return claims[-1] if claims else None


async def _carried(work: Work, action: Action) -> list[Carried]:
    keys = [execute_key(action.id), *(rollback_key(action.id, number + 1) for number in range(action.rollbacks))]
    found = []
    for key in keys:
        attempt = await work.attempts.get(key)
        if attempt is not None:
            found.append(Carried(key != keys[0], await work.steps.of(key), attempt.report))
    return found
