"""The decision: every rule speaks, then the strictest verdict stands.

Precedence, first match wins:

1. hold      a pause or freeze applies, or somebody else is changing the targets
2. refuse    oversight is incomplete, no targets, beyond every bound, or forbidden and refused by the policy
3. observe   the level granted is L0
4. ask       any rule wants a person: bounds, forbidden effects, escalation, budgets, notification, licence, L1 ...
5. act_unless_stopped, act   the level granted is L3, or L2, and every condition holds

Within one verdict the first rule, in the order below, is the decisive one. Matching is part of it: which runbook the
incident is for is drawn from its alerts every time, so a stored situation can be judged under another policy. Where no
runbook matches, or no plan could be made, there is nothing to judge: people are called and Watchkeeper observes. A
person's request takes the same path: it is judged like an alert, so it acts by itself only where the level in force
would have acted, and the person's own vote never counts.
"""

from collections import Counter
from collections.abc import Callable, Mapping

from bot.policy.approval import approvals_needed
from bot.policy.confidence import FLAPPING_WITHIN, Cases, Circumstances, assess, cases_of, in_a_sentence
from bot.policy.decision import HOLDING, Decision, RuleResult, Verdict
from bot.policy.evidence import NOT_ASKED, Evidence, judge
from bot.policy.file.document import Policy, Runbook
from bot.policy.file.templates import TemplateError, substitute_query
from bot.policy.levels import Level
from bot.policy.plan import Plan
from bot.policy.rules import (
    bounds,
    budgets,
    causes,
    changes,
    controls,
    escalation,
    forbidden,
    incident,
    level,
    licence,
    remaining,
)
from bot.policy.rules.case import Case, Licence, Ruling, passed
from bot.policy.rules.impact import impact_of
from bot.policy.rules.matching import Matched, facts_for, filled_by, match_incident
from bot.policy.rules.seal import seal_of
from bot.policy.rules.services import Services, services_of
from bot.policy.shadow import in_shadow
from bot.policy.situation import GATES_THAT_RUN, AlertFacts, Evidenced, Gate, Planned, Situation

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
    "leave_healthy": remaining.leave_healthy,
    "forbidden_effects": forbidden.forbidden_effects,
    "cautions": escalation.cautions,
    "memory": incident.memory,
    "again": incident.again,
    "alerts": incident.alerts,
    "request": incident.request,
    "confidence": escalation.confidence,
    "billing": escalation.billing,
    "data_integrity": escalation.data_integrity,
    "slo_burn": escalation.slo_burn,
    "security": escalation.security,
    "budgets": budgets.budgets,
    "notification": bounds.notification,
    "licence": licence.licence,
    "cases": escalation.cases,
    "common_cause": causes.common_cause,
    "conditions": level.conditions,
    "veto_window": level.veto_window,
}
"""The rules that judge a plan, in order of precedence."""

RULES = ("runbook", "plan", "controls", "changes", *ABOUT_THE_PLAN, "level")
"""Every rule that reports, always, in this order."""

NOT_JUDGED = Ruling(RuleResult.ESCALATES, "Not judged: there is no plan.")


class PlanMissingError(LookupError):
    """The situation was assembled without a plan for the runbook that matches: it cannot be known what to decide.

    Live, another assessment makes the plan. In a later replay that is the answer, never a verdict.
    """

    def __init__(self, runbook: str) -> None:
        super().__init__(f"what to decide cannot be known: the situation holds no plan for the runbook {runbook!r}")
        self.runbook = runbook


def decide(situation: Situation, policy: Policy) -> Decision:
    """Judge the situation by the policy. The same arguments always give the same decision.

    Raises:
        PlanMissingError: the runbook that matches was not planned.
    """
    return _decide(situation, policy)


def as_if_licensed(situation: Situation, policy: Policy) -> Decision:
    """What would be decided if the runbook had passed every gate and nothing had demoted it: for shadow, never to act.

    What a person changed of its parameters is outside any licence, and so it is here.

    Raises:
        PlanMissingError: the runbook that matches was not planned.
    """
    return _decide(situation, policy, licensed=True)


def _decide(situation: Situation, policy: Policy, *, licensed: bool = False) -> Decision:
    matched = match_incident(policy, situation.alerts, situation.request)
    runbook = policy.runbooks.get(matched.runbook) if matched.runbook is not None else None
    if matched.runbook is None or runbook is None:
        return _observe(situation, policy, matched, None, Planned())
    planned = situation.plans.get(matched.runbook)
    if planned is None:
        raise PlanMissingError(matched.runbook)
    matched = filled_by(matched, situation.alerts, planned.alert)
    evidence = evidence_of(runbook, facts_for(situation.alerts[matched.alert], situation.request), situation)
    plan = planned.plan
    if plan is None or plan.remediation != runbook.remediation or evidence is None:
        return _observe(situation, policy, matched, runbook, planned, evidence or ())
    case = _case(situation, policy, matched, runbook, planned, plan, evidence, licensed=licensed)
    paused = _controls(situation, policy, matched, case.services, plan)
    reported = changes.standing(situation.changes, situation.now, case.services, _target_names(plan))
    changing = (*reported, *changes.seen_on(plan))
    applied = (*paused, *changing)
    rulings = {
        "runbook": _runbook_rule(matched, runbook),
        "plan": passed(plan.summary, {"remediation": plan.remediation}),
        "controls": controls.controls(paused),
        "changes": changes.changes(changing),
        **{name: rule(case) for name, rule in ABOUT_THE_PLAN.items()},
        "level": level.level(case, held=bool(applied)),
    }
    verdict, decisive = _strictest(rulings)
    otherwise, _ = _strictest({name: ruling for name, ruling in rulings.items() if name not in HOLDING})
    shadowed = not licensed and in_shadow(runbook.level, policy.levels.highest, licence.earned(case.licence))
    window = policy.veto_window_of(case.name).total_seconds() if verdict is Verdict.ACT_UNLESS_STOPPED else 0
    return Decision(
        verdict=verdict,
        level=level.in_force(case, held=bool(applied)),
        reasons=tuple(ruling.reason(name) for name, ruling in rulings.items()),
        decisive=decisive,
        headline=rulings[decisive].text,
        otherwise=otherwise if applied else None,
        shadow=as_if_licensed(situation, policy).verdict if shadowed else None,
        confidence=case.confidence.score,
        parts=case.confidence.parts,
        sure=in_a_sentence(case.confidence, case.cases, policy.escalate.cases_below),
        approvals_needed=approvals_needed(policy, case.name, plan, situation.under_way),
        veto_window_seconds=window,
        policy_digest=policy.digest,
        plan_digest=plan.digest,
        runbook=case.name,
        alert=matched.alert,
        evidence=evidence,
        services=case.services.counted,
        unmatched=_names(situation, matched),
        others=matched.others,
        controls=tuple(control.id for control in applied),
    )


def undecided(situation: Situation, policy: Policy, why: str) -> Decision:
    """What is recorded where no judgement could be made, for a reason of our own: people are called."""
    matched = match_incident(policy, situation.alerts, situation.request)
    runbook = policy.runbooks.get(matched.runbook) if matched.runbook is not None else None
    return _observe(situation, policy, matched, runbook, Planned(problem=why))


def evidence_of(runbook: Runbook, alert: AlertFacts, situation: Situation) -> tuple[Evidence, ...] | None:
    """What the runbook's queries say, from the stored answers; None when the alert cannot fill them.

    How the act would be verified must be fillable as well: what cannot be verified is not begun. An answer to any other
    query counts for nothing; a query without an answer is unknown, not absent.
    """
    try:
        queries = {name: substitute_query(query, alert) for name, query in runbook.evidence.items()}
        substitute_query(runbook.verify.healthy or "", alert)
    except TemplateError:
        return None
    return tuple(judge(name, query, situation.answers.get(query, NOT_ASKED)) for name, query in queries.items())


def _case(
    situation: Situation,
    policy: Policy,
    matched: Matched,
    runbook: Runbook,
    planned: Planned,
    plan: Plan,
    evidence: tuple[Evidence, ...],
    *,
    licensed: bool,
) -> Case:
    name, now = str(matched.runbook), situation.now
    filling = tuple(facts_for(situation.alerts[place], situation.request) for place in matched.filling)
    heard = (*(situation.alerts[place] for place in matched.heard), *filling)
    services = services_of(policy, heard, plan)
    evidenced = situation.evidenced.get(name, Evidenced())
    seal = seal_of(policy, name, plan.version)
    held = Evidenced() if licensed else evidenced
    own = licence.licence_of(held, policy, name, seal, now, touched=services, changed=planned.changed)
    if licensed:
        own = Licence(frozenset(Gate), own.demoted_to, own.demotion_reason)
    ledger, keys = situation.ledger, {target.key for target in plan.targets}
    cases = None
    if evidenced.cases is not None:
        kinds, gates = frozenset(alert.name for alert in filling), len(own.gates & GATES_THAT_RUN)
        cases = cases_of(evidenced.cases, kinds, now, digest=runbook.digest, gates=gates)
    circumstances = _circumstances(situation, matched, services, plan, filling)
    return Case(
        situation=situation,
        policy=policy,
        matched=matched,
        name=name,
        runbook=runbook,
        plan=plan,
        alerts=filling,
        services=services,
        impact=impact_of(policy, heard, services, situation.answers),
        evidence=evidence,
        confidence=assess(evidence, situation.history, name, now, cases or Cases(), circumstances),
        cases=cases,
        budgets=None
        if ledger is None
        else budgets.states_of(
            policy,
            ledger,
            services.counted,
            name,
            now,
            targets=keys,
            instances=max(plan.blast_radius.targets, len(keys)),
            under_way=situation.under_way,
        ),
        licence=own,
        granted=min(runbook.level, policy.levels.highest, licence.earned(own)),
    )


def _controls(
    situation: Situation, policy: Policy, matched: Matched, services: Services, plan: Plan | None
) -> tuple[controls.Control, ...]:
    targets = _target_names(plan) if plan is not None else ()
    return controls.applying(
        policy, situation.pauses, situation.now, runbook=matched.runbook, services=services, targets=targets
    )


def _target_names(plan: Plan) -> tuple[str, ...]:
    return tuple(name for target in plan.targets for name in (target.key, target.label))


def _circumstances(
    situation: Situation, matched: Matched, services: Services, plan: Plan, filling: tuple[AlertFacts, ...]
) -> Circumstances:
    now, over = situation.now, changes.just_over
    lately = Counter(each.alert for each in situation.beginnings if now - each.at <= FLAPPING_WITHIN)
    return Circumstances(
        beginnings=max(1, *(lately[alert.key] for alert in filling)),
        age=now - situation.answered_at if situation.answered_at is not None else None,
        changes=tuple(change.what for change in over(situation.changes, now, services, _target_names(plan))),
        rivals=(*matched.rivals, *matched.doubtful) if situation.request is None else (),
    )


def _strictest(rulings: Mapping[str, Ruling]) -> tuple[Verdict, str]:
    return next(
        (verdict, name) for verdict in STRICTEST_FIRST for name, ruling in rulings.items() if ruling.verdict is verdict
    )


def _observe(
    situation: Situation,
    policy: Policy,
    matched: Matched,
    runbook: Runbook | None,
    planned: Planned,
    evidence: tuple[Evidence, ...] = (),
) -> Decision:
    """Nothing can be judged, so nothing can be approved: people are called."""
    heard = tuple(situation.alerts[place] for place in matched.heard) or situation.alerts
    applied = _controls(situation, policy, matched, services_of(policy, heard, None), None)
    rulings = {
        "runbook": _runbook_rule(matched, runbook),
        "plan": _no_plan(matched, runbook, planned),
        "controls": controls.controls(applied),
        **dict.fromkeys(("changes", *ABOUT_THE_PLAN, "level"), NOT_JUDGED),
    }
    decisive = "runbook" if runbook is None and not planned.problem else "plan"
    return Decision(
        verdict=Verdict.OBSERVE,
        level=Level.L0,
        reasons=tuple(ruling.reason(name) for name, ruling in rulings.items()),
        decisive=decisive,
        headline=rulings[decisive].text,
        policy_digest=policy.digest,
        runbook=matched.runbook if runbook is not None else None,
        alert=matched.alert,
        evidence=evidence,
        unmatched=_names(situation, matched),
        others=matched.others,
    )


def _names(situation: Situation, matched: Matched) -> tuple[str, ...]:
    return tuple(dict.fromkeys(situation.alerts[place].name for place in matched.unmatched))


def _runbook_rule(matched: Matched, runbook: Runbook | None) -> Ruling:
    inputs = {"runbook": matched.runbook, "undetermined": [one.text for one in matched.undetermined]}
    if matched.all_muted and matched.runbook is None:
        return Ruling(RuleResult.FORBIDS, f"Muted by the policy: {'; '.join(matched.muted)}.", inputs)
    if matched.runbook is None:
        return Ruling(RuleResult.FORBIDS, "No runbook matches this alert: people must handle it.", inputs)
    if runbook is None:
        return Ruling(
            RuleResult.FORBIDS,
            f"The policy no longer has the runbook {matched.runbook}: people must handle it.",
            inputs,
        )
    return passed(f"{matched.runbook}: {runbook.summary}", inputs)


def _no_plan(matched: Matched, runbook: Runbook | None, planned: Planned) -> Ruling:
    inputs = {"plan_problem": planned.problem}
    if runbook is None and not planned.problem:
        return Ruling(RuleResult.FORBIDS, "There is no plan, because there is no runbook.", inputs)
    if planned.plan is not None and runbook is not None and planned.plan.remediation != runbook.remediation:
        return Ruling(
            RuleResult.FORBIDS,
            f"The plan is for {planned.plan.remediation}, but {matched.runbook} names {runbook.remediation}: "
            "people must handle it.",
            inputs,
        )
    if planned.nothing_to_do:
        done = planned.problem.strip().rstrip(".")
        return Ruling(RuleResult.FORBIDS, f"Nothing to do: {done}. If it is not well all the same, look there.", inputs)
    problem = planned.problem.strip().rstrip(".") or "the alert does not fill what the runbook asks monitoring"
    return Ruling(RuleResult.FORBIDS, f"No plan could be made: {problem}. People must handle it.", inputs)
