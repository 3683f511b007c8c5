"""One plan under judgment, and the shape of one rule's ruling.

Rules are functions ``Case -> Ruling`` in modules named after what they guard. They know nothing of each other and
nothing of precedence: that is ``decide``'s.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.policy.confidence import Confidence
from bot.policy.decision import Reason, RuleResult, Verdict
from bot.policy.file.document import Policy, Runbook
from bot.policy.plan import Plan
from bot.policy.situation import Situation


@dataclass(frozen=True, slots=True)
class Case:
    """The facts, the policy, and the entry and plan they are about; both exist, or there is no case."""

    situation: Situation
    policy: Policy
    name: str
    """The runbook's name."""
    runbook: Runbook
    plan: Plan
    confidence: Confidence


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
