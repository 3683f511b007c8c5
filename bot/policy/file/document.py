"""The policy file as typed, frozen models: what a policy can say.

Reading YAML, naming the line of an error and warning about surprises is ``loading`` and ``lint``; this module is
only the shape, so that rules and tests can build a policy in code.
"""

import math
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, Field, field_validator, model_validator

from bot.policy.file.budget import Budget
from bot.policy.file.canonical import digest_of, policy_document, runbook_document
from bot.policy.file.channels import Channels
from bot.policy.file.earning import Gates, Promotion
from bot.policy.file.fields import (
    AT_ONCE_MAX,
    CASES_MAX,
    INSTANCES_MAX,
    TARGETS_MAX,
    DeclaredEffect,
    Duration,
    Entry,
    Expression,
    PolicyLevel,
    Share,
    TimeOfDay,
    TimeZone,
)
from bot.policy.file.protected import Protected
from bot.policy.file.second_channel import Address, AppriseRoute, EmailRoute, PagerDutyRoute, SafeUrl, is_address
from bot.policy.file.staging import Staging, Verify
from bot.policy.levels import Level


class QuietHours(Entry):
    """A time of day in which a group is neither mentioned nor written to, in its own time zone."""

    since: TimeOfDay = Field(alias="from")
    until: TimeOfDay
    timezone: TimeZone
    severities: tuple[str, ...] = Field(default=(), alias="except")
    """Severities of incidents for which the group is called all the same."""


class Group(Entry):
    """People by Slack user ids, by a user group, or both."""

    users: tuple[str, ...] = ()
    usergroup: str | None = None
    email: tuple[Address, ...] = ()
    """Where they are reached when Slack does not answer."""
    quiet_hours: QuietHours | None = None


class Levels(Entry):
    """What this organisation operates at."""

    lowest: PolicyLevel = Level.L0
    highest: PolicyLevel = Level.L3


class Approvals(Entry):
    """Who must approve, how many of them, and until when."""

    groups: tuple[str, ...] = Field(default=(), alias="from")
    escalation: tuple[str, ...] = ()
    """Groups asked next, one after the other, each time ``approve_within`` passes without enough answers."""
    needed: int = Field(default=1, ge=1, le=10)
    approve_within: Duration = timedelta(minutes=30)
    execute_within: Duration = timedelta(minutes=10)


class Severity(StrEnum):
    """Security severity, lowest first."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Escalate(Entry):
    """Thresholds of the escalation rules. They can be tightened here, never switched off."""

    confidence_below: float = Field(default=0.8, ge=0.5, le=1)
    cases_below: int = Field(default=3, ge=1, le=CASES_MAX)
    """With fewer cases of a runbook, those of its gates included, nobody can know whether it works."""
    slo_burn_above: float = Field(default=2.0, ge=0, le=2.0)
    security_severity: Severity = Severity.HIGH

    @field_validator("security_severity")
    @classmethod
    def _not_laxer_than_high(cls, value: Severity) -> Severity:
        if value is Severity.CRITICAL:
            raise ValueError("security_severity can be tightened to medium or low, not loosened to critical")
        return value


class ForbiddenEffects(StrEnum):
    """What happens when a plan has a forbidden effect."""

    ASK = "ask"
    """A person decides; two distinct approvers are needed."""
    REFUSE = "refuse"
    """It is not even offered."""


class Defaults(Entry):
    """What a runbook gets where it says nothing."""

    approvals: Approvals = Approvals()
    veto_window: Duration = timedelta(seconds=60)
    review_within: Duration = timedelta(days=5)
    announce_within: Duration = timedelta(seconds=30)
    """How long Slack may take to accept the card of an autonomous act before people are asked instead."""
    still_firing_after: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(minutes=10)
    """An alert that goes on firing this long after an act was verified, or a question expired, is told again."""
    rollback_within: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(minutes=5)
    """How long a rollback may take before nobody knows how far it got."""
    clock_tolerance: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(hours=1))] = timedelta(seconds=60)
    """How far the clocks of monitors may be off from ours."""
    watch_after: Duration = timedelta(minutes=10)
    """A new alert on the same or a dependent service this long after an act counts as harm: rollback, pause, human."""


class LeaveHealthy(Entry):
    """How much of a service stays healthy whatever is done to it: so many instances, or such a share of them."""

    count: Annotated[int, Field(ge=1, le=INSTANCES_MAX)] | None = None
    share: Share | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.count is None) == (self.share is None):
            raise ValueError("leave_healthy needs exactly one of count and share; write {count: 2} or {share: 0.5}")
        return self

    def least(self, total: int) -> int:
        """The fewest instances of ``total`` that must stay healthy."""
        if self.share is None:
            return self.count or 0
        return math.ceil(self.share * total - _ROUNDING)


_ROUNDING = 1e-9
"""A share times a whole number may come out a hair above the whole number that is meant."""


class Service(Entry):
    """What is known about a service."""

    owner: str = ""
    tier: int = Field(default=3, ge=1, le=5)
    depends_on: tuple[str, ...] = ()
    fleet: int | None = Field(default=None, ge=1, le=INSTANCES_MAX)
    """Number of instances, for the share of a blast radius."""
    slo_burn: str | None = None
    """PromQL that gives the present error-budget burn rate."""
    dashboard: str | None = None
    targets: tuple[str, ...] = ()
    """Which targets belong to it, as patterns over their keys and names: ``supervisor:checkout*``."""
    leave_healthy: LeaveHealthy | None = None
    """What must stay healthy meanwhile. Less than that takes two people; where nobody can tell, a person."""


class Freeze(Entry):
    """A time in which nothing acts by itself; everything, unless services are named."""

    name: str
    since: AwareDatetime = Field(alias="from")
    until: AwareDatetime
    services: tuple[str, ...] = ()


class RunbookBounds(Entry):
    """The largest blast radius a runbook may have by itself, and with approval."""

    targets: int = Field(default=1, ge=1, le=TARGETS_MAX)
    share: Share | None = None
    approved_targets: int | None = Field(default=None, ge=1, le=TARGETS_MAX * 10)
    """Largest target set a person may approve; default: ten times ``targets``."""


class Runbook(Entry):
    """One policy entry: when it applies, which remediation, at which level, within which bounds."""

    summary: str
    when: Expression
    """CEL over ``alert``: does this entry apply?"""
    level: PolicyLevel
    remediation: str
    parameters: dict[str, Any] = Field(default_factory=dict, alias="with")
    conditions: tuple[Expression, ...] = ()
    """CEL: all must hold for it to act by itself, at L2 and at L3."""
    blast_radius: RunbookBounds = RunbookBounds()
    evidence: dict[str, str] = Field(default_factory=dict)
    verify: Verify
    veto_window: Duration | None = None
    approvals: Approvals | None = None
    alternatives: tuple[str, ...] = ()
    """Runbooks offered in the override dialog, beside all that match the alert."""
    runbook_url: str | None = None
    staging: Staging | None = None
    rollback_within: Annotated[Duration, Field(gt=timedelta(0))] | None = None
    """How long its rollback may take; the default's where it says nothing."""
    settle: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(minutes=10))] | None = None
    """How long its alerts may take to end by themselves before anybody is told of them; None: no time."""
    effects: tuple[DeclaredEffect, ...] | None = None
    """What it touches beyond what its remediation says of itself; all there is to know where that cannot know."""
    authors: tuple[str, ...] | None = None
    """Slack user ids of who wrote it: none of them may sign it off."""

    @field_validator("effects")
    @classmethod
    def _says_something(cls, value: tuple[DeclaredEffect, ...] | None) -> tuple[DeclaredEffect, ...] | None:
        if value == ():
            raise ValueError("effects is empty; name what it touches, or remove it")
        return value

    @field_validator("authors")
    @classmethod
    def _names_somebody(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value == ():
            raise ValueError("authors is empty; name who wrote it, or remove it")
        return value

    @cached_property
    def digest(self) -> str:
        """Seals what a licence was earned for; any change to the entry asks for the gates again."""
        return digest_of(self.sealed)

    @property
    def sealed(self) -> dict[str, Any]:
        """What is sealed of it. A field that came later counts only where it is written: no new release voids it."""
        return runbook_document(self.model_dump(mode="json", by_alias=True))


class ActionLinks(Entry):
    """Links in messages of the second channel with which their reader can stop and pause, never approve."""

    base_url: SafeUrl
    """Where people reach Watchkeeper's own listener: ``https://watch.example.com``."""
    valid_for: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(days=7))] = timedelta(hours=4)


class SecondChannel(Entry):
    """How people are reached when Slack does not take a notice that they must see."""

    after: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(hours=1))] = timedelta(seconds=30)
    """How long Slack may take before this channel is used."""
    email: EmailRoute | None = None
    pagerduty: PagerDutyRoute | None = None
    apprise: tuple[AppriseRoute, ...] = ()
    links: ActionLinks | None = None

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        if self.email is None and self.pagerduty is None and not self.apprise:
            raise ValueError("the second channel reaches nobody; add email, pagerduty or apprise")
        if len({route.name for route in self.apprise}) < len(self.apprise):
            raise ValueError("two apprise routes have the same name; give each its own")
        return self


class Storm(Entry):
    """When similar questions stop getting a card each: ``after`` so many ``within`` the time, more share one card."""

    after: int = Field(default=5, ge=1, le=AT_ONCE_MAX)
    within: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(hours=1))] = timedelta(minutes=5)


class CommonCause(Entry):
    """When similar incidents are taken for one: more than so many ``incidents`` that began ``within`` the time."""

    incidents: int = Field(default=3, ge=1, le=AT_ONCE_MAX)
    within: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(hours=1))] = timedelta(minutes=2)


class Mute(Entry):
    """Alerts that deliberately become nothing; a reason is required because silence must be explained."""

    when: Expression
    reason: str


class Policy(Entry):
    """What Watchkeeper may do, when, how far, and whom it calls."""

    version: int = Field(ge=1, le=1)
    channels: Channels
    people: dict[str, Group]
    levels: Levels = Levels()
    backends: dict[str, dict[str, Any]] = Field(default_factory=dict)
    defaults: Defaults = Defaults()
    escalate: Escalate = Escalate()
    forbidden_effects: ForbiddenEffects = ForbiddenEffects.ASK
    group_by: tuple[str, ...] = ("service", "alertname")
    """Labels whose values make alerts one incident."""
    services: dict[str, Service] = Field(default_factory=dict)
    budgets: tuple[Budget, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    mute: tuple[Mute, ...] = ()
    protected: Protected = Protected()
    """What nothing is ever done to, whoever asks."""
    second_channel: SecondChannel | None = None
    storm: Storm = Storm()
    gates: Gates = Gates()
    promotion: Promotion = Promotion()
    common_cause: CommonCause = CommonCause()
    runbooks: dict[str, Runbook] = Field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """Identifies exactly this policy in every decision and audit entry, whichever release reads it."""
        return digest_of(self.as_written())

    def as_written(self) -> dict[str, Any]:
        """The policy as JSON, as it is stored and identified: fields that came later and say nothing are left out."""
        return policy_document(self.model_dump(mode="json", by_alias=True))

    def approvals_of(self, runbook: str) -> Approvals:
        """The runbook's own approvals, else the defaults."""
        entry = self.runbooks.get(runbook)
        return entry.approvals if entry is not None and entry.approvals is not None else self.defaults.approvals

    def rollback_within_of(self, runbook: str) -> timedelta:
        """The runbook's own time for a rollback, else the default."""
        entry = self.runbooks.get(runbook)
        own = entry.rollback_within if entry is not None else None
        return own if own is not None else self.defaults.rollback_within

    @property
    def announce_within(self) -> timedelta:
        """How long the card of an autonomous act may wait to be accepted: by Slack, then by the second channel."""
        own = self.defaults.announce_within
        return own if self.second_channel is None else own + self.second_channel.after

    def mail_recipients(self) -> tuple[str, ...]:
        """Distinct addresses of the second channel, groups resolved, in the order they are written."""
        route = self.second_channel.email if self.second_channel else None
        named = route.to if route else ()
        found = [one for name in named for one in ((name,) if is_address(name) else self.people[name].email)]
        return tuple(dict.fromkeys(found))

    def veto_window_of(self, runbook: str) -> timedelta:
        """The runbook's own veto window, else the default."""
        entry = self.runbooks.get(runbook)
        return entry.veto_window if entry is not None and entry.veto_window is not None else self.defaults.veto_window
