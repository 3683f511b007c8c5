"""The answer of the policy: a verdict, with every rule's reason, so that "why?" never needs a log file."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from bot.policy.evidence import Evidence
from bot.policy.levels import Level
from bot.policy.plan import IN_ORDER, Facts


class Verdict(StrEnum):
    """What may happen now."""

    ACT = "act"
    """Runs at once, and people are told."""
    ACT_UNLESS_STOPPED = "act_unless_stopped"
    """Runs when the veto window ends and nobody has stopped it."""
    ASK = "ask"
    """Runs only when enough people approve."""
    HOLD = "hold"
    """Waits for the end of a pause or freeze; a person with the authority may act by hand."""
    OBSERVE = "observe"
    """The card goes to people, and nothing waits for their approval."""
    REFUSE = "refuse"
    """Must not run this way, not even approved; the card goes to people."""

    @classmethod
    def _missing_(cls, value: object) -> "Verdict":
        return cls.OBSERVE

    @property
    def autonomous(self) -> bool:
        """True when something would run without a person's approval first."""
        return self in (Verdict.ACT, Verdict.ACT_UNLESS_STOPPED)


class RuleResult(StrEnum):
    """What one rule says."""

    PASSED = "passed"
    """Nothing stands in the way as far as this rule sees."""
    ESCALATES = "escalates"
    """A person must decide."""
    FORBIDS = "forbids"
    """Not autonomously, whatever else is true."""

    @classmethod
    def _missing_(cls, value: object) -> "RuleResult":
        return cls.FORBIDS


RULE_TITLES: Mapping[str, str] = {
    "runbook": "Runbook",
    "plan": "Plan",
    "controls": "Pauses and freezes",
    "changes": "Changes under way",
    "oversight": "Human oversight",
    "targets": "Targets",
    "blast_radius": "Blast radius",
    "leave_healthy": "What must remain",
    "forbidden_effects": "Forbidden effects",
    "cautions": "Cautions",
    "memory": "What people said",
    "again": "Done before",
    "alerts": "All alerts",
    "request": "Request",
    "confidence": "Confidence",
    "billing": "Billing",
    "data_integrity": "Data integrity",
    "slo_burn": "Error budget",
    "security": "Security",
    "budgets": "Action budgets",
    "notification": "Notification",
    "licence": "Licence",
    "cases": "Cases",
    "common_cause": "Common cause",
    "conditions": "Conditions",
    "veto_window": "Veto window",
    "level": "Level",
}
"""Every rule of ``decide`` in words."""

HOLDING = frozenset({"controls", "changes"})
"""Rules that hold what is planned: a person with the authority may act by hand all the same."""


class Reason(Facts):
    """One rule's finding: what it read, what it concluded, and that conclusion in words for a person."""

    rule: str
    result: RuleResult
    text: str
    inputs: dict[str, Any] = Field(default_factory=dict)

    @property
    def title(self) -> str:
        """What people call the rule; one that only an older release knew keeps the name it was stored under."""
        return RULE_TITLES.get(self.rule, self.rule)


@dataclass(frozen=True, slots=True)
class Part:
    """One contribution to confidence: a factor (0 to 1), and what it comes from, in words."""

    name: str
    factor: float
    text: str
    short: str = ""
    """The same where there is little room; the text, where that is empty."""

    @property
    def in_short(self) -> str:
        """For a card."""
        return self.short or self.text


class Decision(Facts):
    """A verdict with the reason of every rule, and the conclusions they were drawn through.

    ``decisive`` names the rule that settled the verdict (precedence: see ``decide``); ``headline`` is that rule's
    reason in one sentence, as it stands on the card.
    """

    verdict: Verdict
    level: Level
    """Level in force: the least of policy, licence and controls."""
    reasons: tuple[Reason, ...]
    decisive: str
    headline: str
    otherwise: Verdict | None = None
    """Where the verdict is ``hold``: what it would be if nothing were paused. A person may act by hand only where
    this is something other than ``refuse`` or ``observe``; see ``approval.may_act_by_hand``."""
    shadow: Verdict | None = None
    """Where the licence alone keeps the runbook from the autonomy that is written for it: what it would be with one.
    None elsewhere, and in rows of older releases."""
    confidence: float | None = None
    parts: tuple[Part, ...] = ()
    """What the confidence is the product of; empty in rows of older releases."""
    sure: str = ""
    """How sure we are, in a sentence with its parts; empty where there is nothing to judge, and in older rows."""
    approvals_needed: int = 1
    """Distinct persons who must approve, where the verdict is ``ask`` (or a person acts on ``hold``)."""
    veto_window_seconds: float = 0
    policy_digest: str
    plan_digest: str | None = None
    runbook: str | None = None
    """The entry that applies; None when no alert matched any."""
    alert: int = 0
    """Which of the situation's alerts fills the runbook: its place in ``Situation.alerts``."""
    evidence: tuple[Evidence, ...] = ()
    """What the runbook's queries say."""
    services: Annotated[frozenset[str], IN_ORDER] = frozenset()
    """What the plan touches, with an empty name for a service that nobody knows; empty when no service feels it."""
    unmatched: tuple[str, ...] = ()
    """Names of firing alerts that no runbook matches."""
    others: tuple[str, ...] = ()
    """Further runbooks that match alerts of the incident: what an override offers first."""
    controls: tuple[str, ...] = ()
    """Ids of the pauses and freezes that apply: what a person sees, and overrides, who acts by hand."""

    @property
    def left_out(self) -> tuple[str, ...]:
        """What other alerts ask the same runbook for and this plan is not about, in words; none where all ask alike."""
        fillings = next((each.inputs.get("fillings", ()) for each in self.reasons if each.rule == "alerts"), ())
        return tuple(fillings[1:])

    def reason(self, rule: str) -> Reason:
        """The reason of one rule.

        Raises:
            KeyError: no such rule reported.
        """
        for reason in self.reasons:
            if reason.rule == rule:
                return reason
        raise KeyError(f"no reason from rule {rule!r}; rules that reported: {[r.rule for r in self.reasons]}")
