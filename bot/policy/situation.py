"""Every fact a decision rests on, frozen, and stored beside the decision so that "why?" can always be answered."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from bot.policy.levels import Level
from bot.policy.plan import IN_ORDER, Facts, Plan


class AlertFacts(Facts):
    """One firing or resolved signal from a monitor, as the policy sees it."""

    source: str
    fingerprint: str
    name: str
    severity: str = ""
    service: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    starts_at: datetime


class Finding(StrEnum):
    """What a piece of evidence says about the alert."""

    SUPPORTS = "supports"
    CONTRADICTS = "contradicts"
    UNKNOWN = "unknown"
    """Nobody could say: no monitoring, no sample, or an error. Never taken for support."""


class Evidence(Facts):
    """One corroborating query and its answer; ``detail`` is for people (value, error, link-free)."""

    name: str
    query: str
    finding: Finding
    detail: str = ""
    value: float | None = None


class Impact(Facts):
    """What customers feel. None means unknown, which never permits and always escalates where it is asked."""

    slo_burn: float | None = None
    """Error-budget burn rate; 1.0 spends exactly the budget. None: not measured for this service."""
    slo_measured: bool = False
    """True when the policy names a burn query for this service, so that None means "could not be evaluated"."""
    billing: bool = False
    data_integrity: bool = False
    security_severity: str | None = None
    """low, medium, high, critical; None when the alert is not about security; anything else counts as high."""


class PastAction(Facts):
    """One earlier action of the same runbook or on the same service."""

    action_id: str
    runbook: str
    service: str
    outcome: str
    at: datetime


class History(Facts):
    """What happened before; newest first, bounded by the caller."""

    actions: tuple[PastAction, ...] = ()


class ScopeKind(StrEnum):
    """What a scope is named by: the name of a service, a runbook or a target, or nothing for everything."""

    EVERYTHING = "everything"
    SERVICE = "service"
    RUNBOOK = "runbook"
    TARGET = "target"


class Scope(Facts):
    """What a pause, freeze or budget covers; ``name`` is empty for everything."""

    kind: ScopeKind
    name: str = ""

    def __str__(self) -> str:
        return "everything" if self.kind is ScopeKind.EVERYTHING else f"{self.kind.value} {self.name}"


class Pause(Facts):
    """Automation was paused by a person, or by Watchkeeper after harm (``by`` is then ``watchkeeper``)."""

    pause_id: str
    scope: Scope
    by: str
    reason: str
    since: datetime
    until: datetime | None = None


class BudgetState(Facts):
    """One budget of the shared ledger as it stands now: ``used`` of ``limit`` actions in the window."""

    scope: str
    """As in the policy: all, service, tier, runbook."""
    subject: str = ""
    limit: int
    used: int
    window_seconds: int


class Gate(StrEnum):
    """What a runbook must pass before it may act by itself."""

    STAGING_DRY_RUN = "staging_dry_run"
    """It was rehearsed against staging, and changed nothing there."""
    CHAOS_TEST = "chaos_test"
    """It ended in a state that people were told of, although its backend failed it half-way."""
    ROLLBACK_VERIFICATION = "rollback_verification"
    """Its rollback restored on staging what had been there before."""
    FAILURE_SIMULATION = "failure_simulation"
    """It repaired the very failure it is for, injected on staging."""
    HUMAN_SIGN_OFF = "human_sign_off"
    """A person has read the evidence and answers for it."""

    @property
    def in_words(self) -> str:
        """What people call it, within a sentence."""
        return {
            Gate.STAGING_DRY_RUN: "staging dry run",
            Gate.CHAOS_TEST: "chaos test",
            Gate.ROLLBACK_VERIFICATION: "rollback verification",
            Gate.FAILURE_SIMULATION: "failure simulation",
            Gate.HUMAN_SIGN_OFF: "human sign-off",
        }[self]


class Licence(Facts):
    """What a runbook has earned by evidence.

    A gate counts only while its row is unexpired and made for the runbook's present digest; the caller passes just
    those. Without all five gates the earned level is L1.
    """

    gates: Annotated[frozenset[Gate], IN_ORDER] = frozenset()
    demoted_to: Level | None = None
    """Set after harm or an overdue review; caps the level whatever the gates say."""
    demotion_reason: str = ""


class Notification(StrEnum):
    """Has the card been accepted by Slack (or the configured second channel)?"""

    PLANNED = "planned"
    """While considering: the card goes first and the action is released only by its acceptance."""
    ACCEPTED = "accepted"
    """People can have seen the card."""
    FAILED = "failed"
    """Nobody accepted it: no notification, no autonomy."""


class Oversight(Facts):
    """The parts of human oversight that are not in the plan itself; all must be true for autonomy."""

    trigger: str = ""
    """The alert or person that caused this, in words; empty means none."""
    audited: bool = False
    notification: Notification = Notification.FAILED


class Trigger(StrEnum):
    """What asks for the action."""

    ALERT = "alert"
    """A monitor: alerts of an incident are firing."""
    PERSON = "person"
    """A person asked for this runbook, whether or not an alert fires."""


class Situation(Facts):
    """Everything ``decide`` may read."""

    now: datetime
    incident: str
    """Display name, ``INC-7``."""
    trigger: Trigger = Trigger.ALERT
    requested_by: str | None = None
    """Slack user id when a person asked (``/watch run``, Override); their own vote never counts."""
    requested_with: dict[str, str] = Field(default_factory=dict)
    """The ``key=value`` that came with the person's request."""
    alert: AlertFacts
    runbook: str | None
    """Name of the matching policy entry; None when nothing matched."""
    plan: Plan | None = None
    plan_problem: str = ""
    """Why there is no plan although a runbook matched."""
    evidence: tuple[Evidence, ...] = ()
    impact: Impact = Impact()
    history: History = History()
    pauses: tuple[Pause, ...] = ()
    budgets: tuple[BudgetState, ...] | None = None
    """None when the ledger could not be read: unknown never permits."""
    licence: Licence = Licence()
    oversight: Oversight = Oversight()
    variables: dict[str, Any] = Field(default_factory=dict)
    """Extra declared variables for conditions (none yet besides what is derived from the fields above)."""
