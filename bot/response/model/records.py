"""What the rows say, as values: votes, attempts, requests, decisions, entries of the record, reviews."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from bot.policy.decision import Decision
from bot.policy.plan import Facts
from bot.policy.situation import Situation
from bot.remediation import Snapshot


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
    """It ended in any other way; its report says how."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One external effect of one action (``execute`` or ``roll_back``), begun at most once."""

    key: str
    state: AttemptState
    snapshot: Snapshot | None
    report: str


PERSON = "person"
"""The source of what no monitor said: a person asked for it."""


class Request(Facts):
    """A person wants this runbook considered, with a reason; it goes the same way as an alert."""

    runbook: str
    by: str
    reason: str
    parameters: dict[str, str] = Field(default_factory=dict)
    """``key=value`` as the person gave them: they fill the runbook's references, or change what is written there."""


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


@dataclass(frozen=True, slots=True)
class Review:
    """What somebody says, or still has to say, about an action that changed something."""

    action_id: str
    due_at: datetime
    done_at: datetime | None
    done_by: str | None
    answers: Mapping[str, Any] | None
