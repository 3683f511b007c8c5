"""What the rows say, as values: votes, attempts, requests, decisions, entries of the record, reviews."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from bot.policy.burning import Reading, Watched
from bot.policy.decision import Decision
from bot.policy.situation import AlertFacts, Planned, Situation
from bot.remediation import Snapshot
from bot.response.model.notices import DirectNotice


class Ballot(StrEnum):
    """What a person answered."""

    APPROVE = "approve"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Vote:
    """One person's answer to one action's question."""

    person: str
    ballot: Ballot
    at: datetime
    opened_evidence: bool
    """Whether this person had opened "why?" for this revision before answering."""


class AttemptState(StrEnum):
    """How far an external effect has got, as far as rows can tell."""

    CLAIMED = "claimed"
    """Its snapshot is stored; the effect has not begun."""
    STARTED = "started"
    """The effect was begun. When its process is gone, nobody knows how far it got."""
    DONE = "done"
    """The remediation says that it did what it should."""
    FAILED = "failed"
    MOVED_ON = "moved_on"
    """Not begun: somebody has changed the target since, and was not to be overwritten."""

    @classmethod
    def _missing_(cls, value: object) -> "AttemptState":
        """A word of a newer release: as far as we can tell, it was begun."""
        return cls.STARTED


@dataclass(frozen=True, slots=True)
class Attempt:
    """One external effect of one action (``execute`` or ``roll_back``), begun at most once."""

    key: str
    state: AttemptState
    snapshot: Snapshot | None
    report: str
    after: Snapshot | None = None
    """The same right after the effect: what we left behind."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """The remediation's own, beside its report."""
    in_steps: bool = False
    """Whether its changes are on record step by step; those of older releases are not."""


@dataclass(frozen=True, slots=True)
class WearOff:
    """An effect that is to end by itself, which is checked then."""

    action_id: str
    due_at: datetime
    checks: int
    """How often it was checked."""
    ended: bool | None = None
    """What was found; None as long as that is open."""


@dataclass(frozen=True, slots=True)
class BurnWatch:
    """An autonomous act whose error budgets are watched for a while."""

    action_id: str
    began_at: datetime
    """When its effect began."""
    until: datetime
    due_at: datetime
    """When monitoring is asked next."""
    watched: tuple[Watched, ...]
    looks: int = 0
    """How often monitoring was asked."""
    readings: Mapping[str, tuple[Reading, ...]] = field(default_factory=dict)
    """What it answered, by query."""


def execute_key(action_id: str) -> str:
    """What fences the action's own effect."""
    return f"{action_id}:execute"


def rollback_key(action_id: str, number: int) -> str:
    """What fences the ``number``-th attempt at rolling an action back."""
    return f"{action_id}:roll_back" if number <= 1 else f"{action_id}:roll_back:{number}"


def go_on_key(action_id: str) -> str:
    """What lets an interrupted action be asked for once more only once."""
    return f"{action_id}:go_on"


PERSON = "person"
"""The source of what no monitor said: a person asked for it."""


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """A decision with the situation it rests on."""

    incident_id: int
    revision: int
    situation: Situation
    decision: Decision
    policy_digest: str
    audit_entry: int
    at: datetime

    @property
    def alert(self) -> AlertFacts:
        """The alert that fills the runbook, or the worst where there is no runbook."""
        return self.situation.alerts[self.decision.alert]

    @property
    def planned(self) -> Planned:
        """What came of planning the runbook that applies."""
        return self.situation.plans.get(self.decision.runbook or "", Planned())


@dataclass(frozen=True, slots=True)
class ClaimJudgement:
    """The judgement made when an action claimed its targets: the one that let it act, or kept it from acting."""

    action_id: str
    situation: Situation
    decision: Decision
    audit_entry: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Stated:
    """How sure we were when an action began."""

    runbook: str
    confidence: float
    """Between 0 and 1."""


class AssessmentResult(StrEnum):
    """Why an assessment decided nothing new."""

    MUTED = "muted"
    UNCHANGED = "unchanged"
    UNDER_WAY = "under_way"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One link of the chain."""

    number: int
    at: datetime
    actor: str
    """Slack user id, ``watchkeeper``, or a monitor's name."""
    kind: str
    """As written: the value of an ``AuditKind``, or a word of a newer release that this one does not know."""
    incident_id: int | None
    body: Mapping[str, Any]


class Occasion(StrEnum):
    """Why an action is to be reviewed: what happened last."""

    ACTED = "acted"
    """It was carried out. So is an occasion that an older release has not noted, or only a newer one knows."""
    OVERRIDDEN = "overridden"
    """A person decided otherwise before it began: chose something else, took over, or stopped what was to run."""
    ROLLED_BACK = "rolled_back"
    """It was rolled back, or was to be."""

    @classmethod
    def _missing_(cls, value: object) -> "Occasion":
        return cls.ACTED


@dataclass(frozen=True, slots=True)
class ReviewLoad:
    """What one person has to review, and had to: by it, the next review goes to whoever's turn it is."""

    open: int
    latest_due_at: datetime
    """Of all that were ever assigned to them."""


@dataclass(frozen=True, slots=True)
class Review:
    """What somebody says, or still has to say, about an action."""

    action_id: str
    due_at: datetime
    done_at: datetime | None
    done_by: str | None
    answers: Mapping[str, Any] | None
    """``judgement``, ``text``, and since they are asked for ``surprising`` and ``surprise``; None until it is done."""
    occasion: Occasion = Occasion.ACTED
    assigned_to: str | None = None
    """Whose it is; None where nobody is known whom it could be, and in rows of older releases."""
    remind_at: datetime | None = None
    """When whoever it is assigned to is reminded, before it is due; None once they were, and in older rows."""
    earlier: tuple[Mapping[str, Any], ...] = ()
    """What was said before it was opened again, oldest first: ``answers`` with ``by``, ``at`` and ``occasion``."""


@dataclass(frozen=True, slots=True)
class SentDirect:
    """A direct message that a person has."""

    outbox_id: int
    notice: DirectNotice
    channel: str
    ts: str
