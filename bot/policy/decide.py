"""The decision: every rule speaks, then the strictest verdict stands.

Precedence, first match wins:

1. hold      a pause or freeze applies
2. refuse    oversight is incomplete, no targets, beyond every bound, or forbidden and refused by the policy
3. observe   the level granted is L0
4. ask       any rule wants a person: bounds, forbidden effects, escalation, budgets, notification, licence, L1 ...
5. act_unless_stopped, act   the level granted is L3, or L2 and every condition holds

Within one verdict the first rule, in the order below, is the decisive one. Where no runbook matched, or no plan
could be made, there is nothing to judge: people are called and Watchkeeper observes. A person's request takes the
same path: it is judged like an alert, so it acts by itself only where the level in force would have acted, and the
person's own vote never counts.
"""

from collections.abc import Callable, Mapping

from bot.policy.approval import approvals_needed
from bot.policy.confidence import assess
from bot.policy.decision import Decision, RuleResult, Verdict
from bot.policy.file.document import Policy, Runbook
from bot.policy.levels import Level
from bot.policy.plan import Plan
from bot.policy.rules import bounds, budgets, escalation, forbidden, licence
from bot.policy.rules import level as autonomy
from bot.policy.rules.case import Case, Ruling, forbids, passed
from bot.policy.rules.controls import controls
from bot.policy.situation import Situation

STRICTEST_FIRST = (
    Verdict.HOLD,
    Verdict.REFUSE,
    Verdict.OBSERVE,
    Verdict.ASK,
    Verdict.ACT_UNLESS_STOPPED,
    Verdict.ACT,
)

ABOUT_THE_PLAN: Mapping[str, Callable[[Case], Ruling]] = {
    "oversight": bounds.oversight,
    "targets": bounds.targets,
    "blast_radius": bounds.blast_radius,
    "forbidden_effects": forbidden.forbidden_effects,
    "confidence": escalation.confidence,
    "billing": escalation.billing,
    "data_integrity": escalation.data_integrity,
    "slo_burn": escalation.slo_burn,
    "security": escalation.security,
    "budgets": budgets.budgets,
    "notification": bounds.notification,
    "licence": licence.licence,
    "conditions": autonomy.conditions,
    "veto_window": autonomy.veto_window,
}
"""The rules that judge a plan, in order of precedence."""

RULES = ("runbook", "plan", "controls", *ABOUT_THE_PLAN, "level")
"""Every rule that reports, always, in this order."""

NOT_JUDGED = Ruling(RuleResult.ESCALATES, "Not judged: there is no plan.")


def decide(situation: Situation, policy: Policy) -> Decision:
    """Judge the situation by the policy. The same arguments always give the same decision."""
    runbook = policy.runbooks.get(situation.runbook) if situation.runbook is not None else None
    plan = situation.plan if runbook is not None and _fits(situation.plan, runbook) else None
    if situation.runbook is None or runbook is None or plan is None:
        return _observe(situation, policy, runbook)
    confidence = assess(
        situation.evidence, situation.history, situation.runbook, situation.now, queries=runbook.evidence
    )
    case = Case(situation, policy, situation.runbook, runbook, plan, confidence)
    paused = controls(situation, policy)
    held = paused.verdict is not None
    rulings = {
        "runbook": _runbook_rule(situation, runbook),
        "plan": passed(plan.summary, {"remediation": plan.remediation}),
        "controls": paused,
        **{name: rule(case) for name, rule in ABOUT_THE_PLAN.items()},
        "level": autonomy.level(case, held=held),
    }
    verdict, decisive = _strictest(rulings)
    otherwise, _ = _strictest({name: ruling for name, ruling in rulings.items() if name != "controls"})
    window = policy.veto_window_of(case.name).total_seconds() if verdict is Verdict.ACT_UNLESS_STOPPED else 0
    return Decision(
        verdict=verdict,
        level=autonomy.in_force(case, held=held),
        reasons=tuple(ruling.reason(name) for name, ruling in rulings.items()),
        decisive=decisive,
        headline=rulings[decisive].text,
        otherwise=otherwise if held else None,
        confidence=confidence.score,
        approvals_needed=approvals_needed(policy, case.name, plan),
        veto_window_seconds=window,
        policy_digest=policy.digest,
        plan_digest=plan.digest,
    )


def _strictest(rulings: Mapping[str, Ruling]) -> tuple[Verdict, str]:
    return next(
        (verdict, name) for verdict in STRICTEST_FIRST for name, ruling in rulings.items() if ruling.verdict is verdict
    )


def _observe(situation: Situation, policy: Policy, runbook: Runbook | None) -> Decision:
    """Nothing can be judged, so nothing can be approved: people are called."""
    rulings = {
        "runbook": _runbook_rule(situation, runbook),
        "plan": _no_plan(situation, runbook),
        "controls": controls(situation, policy),
        **dict.fromkeys((*ABOUT_THE_PLAN, "level"), NOT_JUDGED),
    }
    decisive = "runbook" if runbook is None else "plan"
    return Decision(
        verdict=Verdict.OBSERVE,
        level=Level.L0,
        reasons=tuple(ruling.reason(name) for name, ruling in rulings.items()),
        decisive=decisive,
        headline=rulings[decisive].text,
        policy_digest=policy.digest,
    )


def _runbook_rule(situation: Situation, runbook: Runbook | None) -> Ruling:
    inputs = {"runbook": situation.runbook}
    if situation.runbook is None:
        return forbids(Verdict.OBSERVE, "No runbook matches this alert: people must handle it.", inputs)
    if runbook is None:
        return forbids(
            Verdict.OBSERVE, f"The policy no longer has the runbook {situation.runbook}: people must handle it.", inputs
        )
    return passed(f"{situation.runbook}: {runbook.summary}", inputs)


def _no_plan(situation: Situation, runbook: Runbook | None) -> Ruling:
    inputs = {"plan_problem": situation.plan_problem}
    if runbook is None:
        return forbids(Verdict.OBSERVE, "There is no plan, because there is no runbook.", inputs)
    if situation.plan is not None:
        return forbids(
            Verdict.OBSERVE,
            f"The plan is for {situation.plan.remediation}, but {situation.runbook} names {runbook.remediation}: "
            "people must handle it.",
            inputs,
        )
    problem = situation.plan_problem.strip().rstrip(".") or "no reason was given"
    return forbids(Verdict.OBSERVE, f"No plan could be made: {problem}. People must handle it.", inputs)


def _fits(plan: Plan | None, runbook: Runbook) -> bool:
    return plan is not None and plan.remediation == runbook.remediation
