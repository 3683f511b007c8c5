"""Candidacy: one attempt of a runbook at a higher level: its gates are run and signed off, or its record speaks for it.

It begins with a person who asks for the gates, or with us, who propose to lift demotions; it ends with what a person
says, or with what the gates have shown.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from bot.policy.plan import Facts
from bot.policy.situation import Gate
from bot.response.model.lifecycle import Lifecycle


class CandidacyKind(StrEnum):
    """What the level rests on."""

    GATES = "gates"
    """The gates are run on staging, and a person signs off what was seen."""
    RECORD = "record"
    """All gates count, and its cases support that its demotions are lifted."""


class CandidacyState(StrEnum):
    """How far it is."""

    RUNNING = "running"
    """The gates are to be run, or are being run under somebody's lease."""
    WAITING = "waiting"
    """People are asked."""
    SIGNED_OFF = "signed_off"
    PROMOTED = "promoted"
    DECLINED = "declined"
    """Somebody said "Not yet"."""
    FAILED = "failed"
    """A gate has not passed, or could not be run."""
    BROKEN_OFF = "broken_off"
    """The process that ran the gates has ended meanwhile."""
    SUPERSEDED = "superseded"
    """A newer one takes its place."""

    @classmethod
    def _missing_(cls, value: object) -> "CandidacyState":
        return cls.SUPERSEDED


class CandidacyEvent(StrEnum):
    """What moves a candidacy from state to state."""

    SHOWN = "shown"
    """Its gates have passed, and people are asked to sign off."""
    NOT_PASSED = "not_passed"
    BREAK_OFF = "break_off"
    SIGN_OFF = "sign_off"
    PROMOTE = "promote"
    DECLINE = "decline"
    SUPERSEDE = "supersede"


_WAITING = frozenset({CandidacyState.WAITING})
CANDIDACY_LIFECYCLE: Lifecycle[CandidacyState, CandidacyEvent] = Lifecycle(
    name="candidacy",
    table={
        CandidacyEvent.SHOWN: (frozenset({CandidacyState.RUNNING}), CandidacyState.WAITING),
        CandidacyEvent.NOT_PASSED: (frozenset({CandidacyState.RUNNING}), CandidacyState.FAILED),
        CandidacyEvent.BREAK_OFF: (frozenset({CandidacyState.RUNNING}), CandidacyState.BROKEN_OFF),
        CandidacyEvent.SIGN_OFF: (_WAITING, CandidacyState.SIGNED_OFF),
        CandidacyEvent.PROMOTE: (_WAITING, CandidacyState.PROMOTED),
        CandidacyEvent.DECLINE: (_WAITING, CandidacyState.DECLINED),
        CandidacyEvent.SUPERSEDE: (_WAITING, CandidacyState.SUPERSEDED),
    },
    beginnings=frozenset({CandidacyState.RUNNING, CandidacyState.WAITING}),
)


class GateSeen(Facts):
    """What one gate has shown so far."""

    gate: Gate
    passed: bool | None = None
    """None until it is over."""
    begun: bool = False
    text: str = ""
    """In words: what is tried now, or what was seen."""


class Findings(Facts):
    """What a candidacy rests on, as people are shown it."""

    gates: tuple[GateSeen, ...] = ()
    cases: str = ""
    """What its cases amount to, in a sentence."""
    seal: str = ""
    """Digest of everything the gates were passed with; empty before they were."""
    lifts: tuple[str, ...] = ()
    """Why it was demoted, in words: what a promotion lifts."""
    text: str = ""
    """How it ended, in words."""
    signers: tuple[str, ...] = Field(default=())
    """User ids of who may decide."""


@dataclass(frozen=True, slots=True)
class Candidacy:
    """One row."""

    id: int
    handle: str
    """Opaque; what its buttons carry."""
    kind: CandidacyKind
    runbook: str
    state: CandidacyState
    by: str
    """Who began it: a user id, or Watchkeeper."""
    began: datetime
    findings: Findings
    revision: int
    decided_by: str | None = None
    ended: datetime | None = None
    tries: int = 0
    """How many processes have begun to run its gates."""
