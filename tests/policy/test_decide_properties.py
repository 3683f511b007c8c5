"""What must hold for every situation and every policy that can be written."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.policy.decide import RULES, decide
from bot.policy.decision import Decision, RuleResult, Verdict
from bot.policy.evidence import Finding
from bot.policy.file.document import Policy, Severity
from bot.policy.levels import Level
from bot.policy.situation import Gate, Notification, Pause, Situation
from tests.policy.strategies import (
    COVERING_SCOPES,
    NOW,
    RUNBOOK,
    calm_plan,
    calm_policy,
    calm_situation,
    forbidden_plans,
    pauses,
    policies,
    situations,
)

AUTONOMY = {Verdict.ACT: 2, Verdict.ACT_UNLESS_STOPPED: 1}
"""How much happens without a person's approval; everything else is none."""


def autonomy(decision: Decision) -> int:
    return AUTONOMY.get(decision.verdict, 0)


@given(situations(), policies())
@settings(max_examples=150)
def test_every_rule_speaks_always_in_the_same_order_and_for_people(situation: Situation, policy: Policy) -> None:
    decision = decide(situation, policy)
    assert tuple(reason.rule for reason in decision.reasons) == RULES
    for reason in decision.reasons:
        assert reason.text.strip()
    assert decision.reason(decision.decisive).text == decision.headline
    Decision.model_validate_json(decision.model_dump_json())


@given(situations(), policies())
def test_the_same_situation_is_always_decided_the_same_way(situation: Situation, policy: Policy) -> None:
    stored = Situation.model_validate(situation.model_dump())
    assert decide(situation, policy) == decide(stored, Policy.model_validate(policy.model_dump(by_alias=True)))


@given(situations(), policies())
@settings(max_examples=150)
def test_autonomy_needs_every_rule_to_pass(situation: Situation, policy: Policy) -> None:
    decision = decide(situation, policy)
    results = {reason.result for reason in decision.reasons}
    assert decision.verdict.autonomous == (results == {RuleResult.PASSED})


@given(situations(), policies(), forbidden_plans())
def test_a_forbidden_effect_is_never_autonomous_and_needs_two(situation: Situation, policy: Policy, plan: Any) -> None:
    decision = decide(situation.model_copy(update={"plan": plan, "runbook": RUNBOOK}), policy)
    assert not decision.verdict.autonomous
    assert decision.reason("forbidden_effects").result is RuleResult.FORBIDS
    assert decision.approvals_needed >= 2


@given(situations(), policies(), pauses(COVERING_SCOPES))
def test_a_pause_that_applies_always_holds_what_could_be_judged(
    situation: Situation, policy: Policy, pause: Pause
) -> None:
    situation = situation.model_copy(update={"plan": calm_plan(), "runbook": RUNBOOK})
    decision = decide(situation.model_copy(update={"pauses": (*situation.pauses, pause)}), policy)
    unpaused = decide(situation.model_copy(update={"pauses": ()}), policy.model_copy(update={"freezes": ()}))
    assert (decision.verdict, decision.decisive, decision.level) == (Verdict.HOLD, "controls", Level.L0)
    assert decision.otherwise is unpaused.verdict
    assert unpaused.otherwise is None


@given(situations(), policies())
def test_a_freeze_holds_exactly_within_its_time(situation: Situation, policy: Policy) -> None:
    situation = situation.model_copy(update={"pauses": (), "plan": calm_plan(), "runbook": RUNBOOK})
    for begins, ends, holds in ((0, 60, True), (-60, 60, True), (-60, 0, False), (1, 60, False)):
        since, until = NOW + timedelta(seconds=begins), NOW + timedelta(seconds=ends)
        frozen = calm_policy(freezes=[{"name": "release", "from": since, "until": until}])
        decision = decide(situation, policy.model_copy(update={"freezes": frozen.freezes}))
        assert (decision.verdict is Verdict.HOLD) == holds


@given(situations(), policies())
@settings(max_examples=100)
def test_the_level_in_force_never_exceeds_policy_organisation_or_licence(situation: Situation, policy: Policy) -> None:
    decision = decide(situation, policy)
    assert decision.level <= policy.runbooks[RUNBOOK].level
    assert decision.level <= policy.levels.highest
    if situation.licence.demoted_to is not None:
        assert decision.level <= situation.licence.demoted_to
    if situation.licence.gates != frozenset(Gate):
        assert decision.level <= Level.L1
    if decision.verdict.autonomous:
        assert decision.level >= Level.L2


@given(situations(), policies())
@settings(max_examples=100)
def test_a_veto_window_is_given_exactly_where_one_may_be_used(situation: Situation, policy: Policy) -> None:
    decision = decide(situation, policy)
    if decision.verdict is Verdict.ACT_UNLESS_STOPPED:
        assert decision.veto_window_seconds == policy.veto_window_of(RUNBOOK).total_seconds()
    else:
        assert decision.veto_window_seconds == 0
    if decision.verdict is Verdict.ACT:
        assert policy.runbooks[RUNBOOK].level is Level.L2


def _runbook(policy: Policy, **changes: Any) -> Policy:
    runbook = policy.runbooks[RUNBOOK].model_copy(update=changes)
    return policy.model_copy(update={"runbooks": {RUNBOOK: runbook}})


def _bounds(policy: Policy, **changes: Any) -> Policy:
    return _runbook(policy, blast_radius=policy.runbooks[RUNBOOK].blast_radius.model_copy(update=changes))


def _escalate(policy: Policy, **changes: Any) -> Policy:
    return policy.model_copy(update={"escalate": policy.escalate.model_copy(update=changes)})


TIGHTENED: dict[str, Callable[[Policy], Policy]] = {
    "confidence floor": lambda p: _escalate(p, confidence_below=min(1.0, p.escalate.confidence_below + 0.1)),
    "tolerated burn": lambda p: _escalate(p, slo_burn_above=p.escalate.slo_burn_above / 2),
    "security severity": lambda p: _escalate(p, security_severity=Severity.LOW),
    "targets": lambda p: _bounds(p, targets=1),
    "approved targets": lambda p: _bounds(p, approved_targets=1),
    "share": lambda p: _bounds(p, share=0.1),
    "no level": lambda p: _runbook(p, level=Level.L0),
    "assisted": lambda p: _runbook(p, level=min(Level.L1, p.runbooks[RUNBOOK].level)),
    "highest L2": lambda p: (
        p.model_copy(update={"levels": calm_policy(levels={"highest": "L2"}).levels})
        if p.levels.highest > Level.L2
        else p
    ),
    "highest L1": lambda p: (
        p.model_copy(update={"levels": calm_policy(levels={"highest": "L1"}).levels})
        if p.levels.highest > Level.L1
        else p
    ),
    "one more condition": lambda p: _runbook(p, conditions=(*p.runbooks[RUNBOOK].conditions, "hour == 25")),
    "refusing": lambda p: p.model_copy(
        update={"forbidden_effects": calm_policy(forbidden_effects="refuse").forbidden_effects}
    ),
    "one more query": lambda p: _runbook(p, evidence={**p.runbooks[RUNBOOK].evidence, "other": "up"}),
    "one more budget": lambda p: p.model_copy(
        update={"budgets": (*p.budgets, calm_policy(budgets=[{"scope": "all", "actions": 1, "per": "1d"}]).budgets[0])}
    ),
    "freeze": lambda p: p.model_copy(
        update={
            "freezes": (
                *p.freezes,
                *calm_policy(freezes=[{"name": "f", "from": NOW, "until": NOW + timedelta(hours=1)}]).freezes,
            )
        }
    ),
}


@pytest.mark.parametrize("what", TIGHTENED)
@given(situations(), policies())
@settings(max_examples=40)
def test_tightening_the_policy_never_adds_autonomy(what: str, situation: Situation, policy: Policy) -> None:
    assert autonomy(decide(situation, TIGHTENED[what](policy))) <= autonomy(decide(situation, policy))


@given(situations(), policies(), st.sampled_from(Level))
def test_demoting_never_adds_autonomy(situation: Situation, policy: Policy, level: Level) -> None:
    held = situation.licence
    capped = min(level, held.demoted_to) if held.demoted_to is not None else level
    demoted = situation.model_copy(update={"licence": held.model_copy(update={"demoted_to": capped})})
    assert autonomy(decide(demoted, policy)) <= autonomy(decide(situation, policy))


def _with(situation: Situation, **changes: Any) -> Situation:
    return situation.model_copy(update=changes)


def _unknown_share(situation: Situation) -> Situation:
    if situation.plan is None:
        return situation
    radius = situation.plan.blast_radius.model_copy(update={"share": None})
    return _with(situation, plan=situation.plan.model_copy(update={"blast_radius": radius}))


def _unknown_burn(situation: Situation) -> Situation:
    if not situation.impact.slo_measured:
        return situation
    return _with(situation, impact=situation.impact.model_copy(update={"slo_burn": None}))


def _unknown_severity(situation: Situation) -> Situation:
    if situation.impact.security_severity is None:
        return situation
    return _with(situation, impact=situation.impact.model_copy(update={"security_severity": "?"}))


UNKNOWN: dict[str, Callable[[Situation], Situation]] = {
    "runbook": lambda s: _with(s, runbook=None),
    "plan": lambda s: _with(s, plan=None),
    "budgets": lambda s: _with(s, budgets=None),
    "one budget": lambda s: _with(s, budgets=()),
    "share of the fleet": _unknown_share,
    "burn rate": _unknown_burn,
    "security severity": _unknown_severity,
    "evidence": lambda s: _with(
        s, evidence=tuple(e.model_copy(update={"finding": Finding.UNKNOWN}) for e in s.evidence)
    ),
    "first evidence": lambda s: _with(
        s, evidence=tuple(e.model_copy(update={"finding": Finding.UNKNOWN}) for e in s.evidence[:1]) + s.evidence[1:]
    ),
    "evidence was not gathered": lambda s: _with(s, evidence=()),
    "outcomes of the past": lambda s: _with(
        s,
        history=s.history.model_copy(
            update={"actions": tuple(a.model_copy(update={"outcome": "?"}) for a in s.history.actions)}
        ),
    ),
    "labels": lambda s: _with(s, alert=s.alert.model_copy(update={"labels": {}})),
    "gates": lambda s: _with(s, licence=s.licence.model_copy(update={"gates": frozenset()})),
    "trigger": lambda s: _with(s, oversight=s.oversight.model_copy(update={"trigger": ""})),
    "audit": lambda s: _with(s, oversight=s.oversight.model_copy(update={"audited": False})),
    "notification": lambda s: _with(s, oversight=s.oversight.model_copy(update={"notification": Notification.FAILED})),
}


@pytest.mark.parametrize("what", UNKNOWN)
@given(situations(), policies())
@settings(max_examples=40)
def test_unknown_never_permits(what: str, situation: Situation, policy: Policy) -> None:
    known, unknown = decide(situation, policy), decide(UNKNOWN[what](situation), policy)
    assert autonomy(unknown) <= autonomy(known)


@pytest.mark.parametrize(
    "what",
    [
        "plan",
        "runbook",
        "budgets",
        "one budget",
        "share of the fleet",
        "burn rate",
        "evidence",
        "first evidence",
        "evidence was not gathered",
        "gates",
        "trigger",
        "audit",
        "notification",
    ],
)
def test_what_is_unknown_in_the_calm_case_calls_people(what: str) -> None:
    assert not decide(UNKNOWN[what](calm_situation()), calm_policy()).verdict.autonomous


def test_a_persons_request_takes_the_same_path_as_an_alert() -> None:
    asked = {"trigger": "person", "requested_by": "U01ALICE"}
    assert decide(calm_situation(**asked), calm_policy()).verdict is Verdict.ACT_UNLESS_STOPPED
    assert decide(calm_situation(**asked, evidence=()), calm_policy()).verdict is Verdict.ASK
    assert decide(calm_situation(**asked), calm_policy({"level": "L1"})).verdict is Verdict.ASK
    assert decide(calm_situation(**asked), calm_policy({"level": "L0"})).verdict is Verdict.OBSERVE
