"""The calm situation with something changed, decided: for tests of each rule at its edges."""

from datetime import timedelta
from typing import Any

from bot.policy.decide import decide
from bot.policy.decision import Decision, Reason, RuleResult
from bot.policy.file.document import Policy
from bot.policy.plan import BlastRadius
from bot.policy.situation import PastAction
from bot.policy.track_record import Ending, PastCase
from tests.policy.calm import NOW, RUNBOOK, calm_plan, calm_policy, calm_situation, targets

PASSED, ESCALATES, FORBIDS = RuleResult.PASSED, RuleResult.ESCALATES, RuleResult.FORBIDS


def decided(policy: Policy | None = None, **changes: Any) -> Decision:
    policy = policy or calm_policy()
    return decide(calm_situation(policy, **changes), policy)


def said(rule: str, policy: Policy | None = None, **changes: Any) -> Reason:
    return decided(policy, **changes).reason(rule)


def reaching(count: int, *, stated: int | None = None, share: float | None = 0.25) -> Any:
    radius = BlastRadius(targets=count if stated is None else stated, share=share)
    return calm_plan(targets=targets(count), blast_radius=radius)


def past(outcome: str, *, hours: float = 1, runbook: str = RUNBOOK) -> PastAction:
    return PastAction(
        action_id="a", runbook=runbook, service="checkout", outcome=outcome, at=NOW - timedelta(hours=hours)
    )


def run(ending: Ending = Ending.VERIFIED, *, alert: str = "ServiceDown", days: float = 2, **changes: Any) -> PastCase:
    facts = {"key": "a", "alert": alert, "ending": ending, "at": NOW - timedelta(days=days)}
    return PastCase.model_validate({**facts, **changes})
