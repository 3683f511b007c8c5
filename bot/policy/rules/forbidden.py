"""What never happens without people, whatever the policy says."""

from collections.abc import Mapping

from bot.policy.decision import Verdict
from bot.policy.file.document import ForbiddenEffects
from bot.policy.plan import Effect, Exactness, Plan
from bot.policy.rules.case import Case, Ruling, forbids, passed

FORBIDDEN: Mapping[Effect, str] = {
    Effect.DELETE_CUSTOMER_DATA: "delete customer data",
    Effect.CHANGE_CONTRACTS_OR_PRICING: "change contracts or pricing",
    Effect.DISABLE_AUTHENTICATION: "disable authentication",
    Effect.LEGAL_OR_COMPLIANCE: "be a legal or compliance act",
    Effect.IRREVERSIBLE: "be irreversible",
    Effect.UNKNOWN: "have an effect that this release does not know",
}
"""The forbidden effects, in words that follow "this plan would"."""
APPROVERS_NEEDED = 2
"""Distinct persons who must approve a plan with a forbidden effect."""


def forbidden_in(plan: Plan) -> tuple[Effect, ...]:
    """The forbidden effects of a plan; one without a rollback is irreversible even if it does not say so."""
    effects = plan.effects
    if plan.rollback.exactness is Exactness.NONE:
        effects |= {Effect.IRREVERSIBLE}
    return tuple(effect for effect in FORBIDDEN if effect in effects)


def forbidden_effects(case: Case) -> Ruling:
    """Forbidden effects are never autonomous: two people must agree, or nobody may where the policy says so."""
    found = forbidden_in(case.plan)
    inputs = {"forbidden": [effect.value for effect in found], "policy": case.policy.forbidden_effects.value}
    if not found:
        return passed("Nothing in the plan is forbidden.", inputs)
    would = f"This plan would {' and '.join(FORBIDDEN[effect] for effect in found)}"
    if case.policy.forbidden_effects is ForbiddenEffects.REFUSE:
        return forbids(Verdict.REFUSE, f"{would}: the policy refuses that altogether.", inputs)
    return forbids(Verdict.ASK, f"{would}: that never happens by itself, {APPROVERS_NEEDED} people must agree.", inputs)
