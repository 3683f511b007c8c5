"""How the properties of ``decide`` judge: what a decision permits, and situations changed in one thing."""

from typing import Any

from hypothesis import assume

from bot.policy.decide import STRICTEST_FIRST, decide
from bot.policy.decision import Decision, Verdict
from bot.policy.file.document import Policy
from bot.policy.situation import Planned, Situation
from tests.policy.calm import RUNBOOK

AUTONOMY = {Verdict.ACT: 2, Verdict.ACT_UNLESS_STOPPED: 1}
"""How much happens without a person's approval; everything else is none."""
Case = tuple[Situation, Policy]


def autonomy(decision: Decision) -> int:
    return AUTONOMY.get(decision.verdict, 0)


def strictness(decision: Decision) -> int:
    return -STRICTEST_FIRST.index(decision.verdict)


def judged(situation: Situation, policy: Policy) -> Decision:
    """The decision about a plan for the calm runbook; anything else is another test's."""
    decision = decide(situation, policy)
    assume(decision.plan_digest is not None and decision.runbook == RUNBOOK)
    return decision


def with_(situation: Situation, **changes: Any) -> Situation:
    return situation.model_copy(update=changes)


def planning(situation: Situation, planned: Planned) -> Situation:
    return with_(situation, plans=dict.fromkeys(situation.plans, planned))
