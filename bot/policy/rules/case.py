"""One plan under judgment with the conclusions every rule shares, and the shape of one rule's ruling.

Rules are functions ``Case -> Ruling`` in modules named after what they guard. They know nothing of each other and
nothing of precedence: that is ``decide``'s.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.policy.confidence import Cases, Confidence
from bot.policy.decision import Reason, RuleResult, Verdict
from bot.policy.evidence import Evidence
from bot.policy.file.budget import Budget
from bot.policy.file.document import Policy, Runbook
from bot.policy.levels import Level
from bot.policy.plan import Plan
from bot.policy.rules.impact import Impact
from bot.policy.rules.matching import Matched
from bot.policy.rules.services import Services
from bot.policy.situation import AlertFacts, Gate, Situation

ROUNDING = 1e-9
"""A share times a whole number may come out a hair below the whole number that is meant."""


@dataclass(frozen=True, slots=True)
class BudgetState:
    """One budget of the shared ledger as it stands for one subject of its scope, before an action."""

    budget: Budget
    subject: str
    used: int | None
    """Actions on record or under way; of a share the instances touched, the action's own among them. None: unknown."""
    fleet: int | None = None
    """Of a share: how many instances there are."""

    @property
    def exhausted(self) -> bool:
        """Whether there is no room for the action; unknown is no room."""
        budget = self.budget
        if self.used is None:
            return True
        if budget.share is not None:
            return self.fleet is None or self.used > budget.share * self.fleet + ROUNDING
        limits = [limit for limit in (budget.actions, budget.concurrent) if limit is not None]
        return any(self.used >= limit for limit in limits)


@dataclass(frozen=True, slots=True)
class Licence:
    """What a runbook has earned by evidence, and what it lost."""

    gates: frozenset[Gate] = frozenset()
    """Passed with everything as it is now, and not expired."""
    demoted_to: Level | None = None
    """Caps the level whatever the gates say."""
    demotion_reason: str = ""
    missing: Mapping[Gate, str] = field(default_factory=dict)
    """Why a gate does not count, as a predicate: "expired 3 days ago"; empty for one that was never passed."""


@dataclass(frozen=True, slots=True)
class Case:
    """The facts, the policy, and the entry and plan they are about; both exist, or there is no case."""

    situation: Situation
    policy: Policy
    matched: Matched
    name: str
    """The runbook's name."""
    runbook: Runbook
    plan: Plan
    alerts: tuple[AlertFacts, ...]
    """What fills the runbook: the worst of its alerts and those that may be as bad, with what a person gave in their
    place. The plan, the evidence and the verification are filled by the first."""
    services: Services
    impact: Impact
    evidence: tuple[Evidence, ...]
    confidence: Confidence
    cases: Cases | None
    """Runs of this runbook on this kind of incident; None when nobody counted them."""
    budgets: tuple[BudgetState, ...] | None
    """None when the ledger could not be read: what is unknown never permits."""
    licence: Licence
    granted: Level
    """The least of the runbook's own level, the organisation's highest and the licence: the level without controls."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What one rule says, and the verdict it insists on; None when it has no objection."""

    result: RuleResult
    text: str
    """For a person woken at 3 a.m.: what is the matter, in one or two sentences."""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """What the rule read; JSON only."""
    verdict: Verdict | None = None

    def reason(self, rule: str) -> Reason:
        """The ruling as it is stored beside the decision."""
        return Reason(rule=rule, result=self.result, text=self.text, inputs=dict(self.inputs))


def passed(text: str, inputs: Mapping[str, Any] | None = None) -> Ruling:
    """The rule has no objection."""
    return Ruling(RuleResult.PASSED, text, inputs or {})


def escalates(text: str, inputs: Mapping[str, Any] | None = None) -> Ruling:
    """A person must decide."""
    return Ruling(RuleResult.ESCALATES, text, inputs or {}, Verdict.ASK)


def forbids(verdict: Verdict, text: str, inputs: Mapping[str, Any] | None = None) -> Ruling:
    """Not autonomously, whatever else is true; ``verdict`` says what is left."""
    return Ruling(RuleResult.FORBIDS, text, inputs or {}, verdict)
