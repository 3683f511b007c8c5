"""What must hold for every situation and every policy that can be written."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.policy.decide import RULES, PlanMissingError, decide
from bot.policy.decision import Decision, RuleResult, Verdict
from bot.policy.file.document import CommonCause, LeaveHealthy, Policy, Severity
from bot.policy.levels import Level
from bot.policy.rules.matching import match_incident, may_be_worse, severity_rank
from bot.policy.situation import Demotion, Gate, Pause, Planned, Refusal, ScopeKind
from bot.policy.stored import read_situation, sealed
from tests.policy.calm import (
    ANOTHER,
    COVERING_SCOPES,
    NOW,
    RUNBOOK,
    calm_plan,
    calm_policy,
    licensed,
    pause,
    refusal,
)
from tests.policy.judging import Case, autonomy, judged, planning, strictness, with_
from tests.policy.strategies import alerts, cases, forbidden_plans, pauses, variants


@given(cases())
@settings(max_examples=150)
def test_every_rule_speaks_always_in_the_same_order_and_for_people(case: Case) -> None:
    decision = decide(*case)
    assert tuple(reason.rule for reason in decision.reasons) == RULES
    for reason in decision.reasons:
        assert reason.text.strip()
    assert decision.reason(decision.decisive).text == decision.headline
    Decision.model_validate_json(decision.model_dump_json())


@given(cases())
def test_the_same_situation_is_always_decided_the_same_way(case: Case) -> None:
    situation, policy = case
    stored = read_situation(*sealed(situation))
    assert decide(situation, policy) == decide(stored, Policy.model_validate(policy.model_dump(by_alias=True)))


@given(cases(), st.sampled_from((RUNBOOK, ANOTHER)))
def test_there_is_a_decision_for_everything_but_a_runbook_that_was_not_planned(case: Case, unplanned: str) -> None:
    situation, policy = case
    situation = with_(situation, plans={name: one for name, one in situation.plans.items() if name != unplanned})
    matched = match_incident(policy, situation.alerts, situation.request).runbook
    if matched == unplanned and matched in policy.runbooks:
        with pytest.raises(PlanMissingError, match="cannot be known") as caught:
            decide(situation, policy)
        assert caught.value.runbook == unplanned
    else:
        decide(situation, policy)


@given(cases())
@settings(max_examples=150)
def test_autonomy_needs_every_rule_to_pass(case: Case) -> None:
    decision = decide(*case)
    results = {reason.result for reason in decision.reasons}
    assert decision.verdict.autonomous == (results == {RuleResult.PASSED})


@given(cases(), forbidden_plans())
def test_a_forbidden_effect_is_never_autonomous_and_needs_two(case: Case, plan: Any) -> None:
    situation, policy = case
    decision = judged(planning(situation, Planned(plan=plan)), policy)
    assert not decision.verdict.autonomous
    assert decision.reason("forbidden_effects").result is RuleResult.FORBIDS
    assert decision.approvals_needed >= 2


# Pauses and freezes


@given(cases(), pauses(COVERING_SCOPES))
def test_a_pause_that_applies_always_holds_what_could_be_judged(case: Case, pause: Pause) -> None:
    situation, policy = case
    situation = with_(planning(situation, Planned(plan=calm_plan())), changes=())
    unpaused = judged(with_(situation, pauses=()), policy.model_copy(update={"freezes": ()}))
    decision = decide(with_(situation, pauses=(*situation.pauses, pause)), policy)
    assert (decision.verdict, decision.decisive, decision.level) == (Verdict.HOLD, "controls", Level.L0)
    assert decision.otherwise is unpaused.verdict
    assert unpaused.otherwise is None


@given(cases())
def test_a_freeze_holds_exactly_within_its_time(case: Case) -> None:
    situation, policy = case
    situation = with_(situation, pauses=(), changes=())
    judged(situation, policy)
    for begins, ends, holds in ((0, 60, True), (-60, 60, True), (-60, 0, False), (1, 60, False)):
        since, until = NOW + timedelta(seconds=begins), NOW + timedelta(seconds=ends)
        frozen = calm_policy(freezes=[{"name": "release", "from": since, "until": until}])
        decision = decide(situation, policy.model_copy(update={"freezes": frozen.freezes}))
        assert (decision.verdict is Verdict.HOLD) == holds


@given(cases(), st.sampled_from(("checkout", "orders")))
@settings(max_examples=150)
def test_a_pause_or_freeze_of_a_service_holds_whatever_may_touch_it(case: Case, service: str) -> None:
    situation, policy = case
    situation, policy = with_(situation, pauses=(), changes=()), policy.model_copy(update={"freezes": ()})
    matched = match_incident(policy, situation.alerts, situation.request)
    judged(situation, policy)
    plan = situation.plans[RUNBOOK].plan
    assert plan is not None
    named = {situation.alerts[place].service for place in (*matched.heard, matched.alert)}
    by_target = {
        name
        for name, entry in policy.services.items()
        if "supervisor:web1" in entry.targets and "supervisor:web1" in {target.key for target in plan.targets}
    }
    said = {plan.service, *plan.services} - {""}
    nobody_knows = "" in named and not said and not by_target and plan.touches_service
    touched = service in named | by_target | said or nobody_knows
    paused = decide(with_(situation, pauses=(pause(ScopeKind.SERVICE, service),)), policy)
    frozen = calm_policy(
        freezes=[{"name": "f", "from": NOW, "until": NOW + timedelta(hours=1), "services": [service]}]
    ).freezes
    assert (paused.verdict is Verdict.HOLD) == touched
    assert (decide(situation, policy.model_copy(update={"freezes": frozen})).verdict is Verdict.HOLD) == touched


# Levels


@given(cases())
@settings(max_examples=100)
def test_the_level_in_force_never_exceeds_policy_organisation_or_licence(case: Case) -> None:
    situation, policy = case
    decision = judged(situation, policy)
    held = situation.evidenced[RUNBOOK]
    assert decision.level <= policy.runbooks[RUNBOOK].level
    assert decision.level <= policy.levels.highest
    for demotion in held.demotions:
        assert decision.level <= demotion.level
    if {row.gate for row in held.gates} != set(Gate) or situation.plans[RUNBOOK].changed:
        assert decision.level <= Level.L1
    if decision.verdict.autonomous:
        assert decision.level >= Level.L2


@given(cases())
@settings(max_examples=100)
def test_a_veto_window_is_given_exactly_where_one_may_be_used(case: Case) -> None:
    situation, policy = case
    decision = judged(situation, policy)
    if decision.verdict is Verdict.ACT_UNLESS_STOPPED:
        assert decision.veto_window_seconds == policy.veto_window_of(RUNBOOK).total_seconds()
    else:
        assert decision.veto_window_seconds == 0
    if decision.verdict is Verdict.ACT:
        assert policy.runbooks[RUNBOOK].level is Level.L2


def _runbook(policy: Policy, **changes: Any) -> Policy:
    runbook = policy.runbooks[RUNBOOK].model_copy(update=changes)
    return policy.model_copy(update={"runbooks": {**policy.runbooks, RUNBOOK: runbook}})


def _bounds(policy: Policy, **changes: Any) -> Policy:
    return _runbook(policy, blast_radius=policy.runbooks[RUNBOOK].blast_radius.model_copy(update=changes))


def _escalate(policy: Policy, **changes: Any) -> Policy:
    return policy.model_copy(update={"escalate": policy.escalate.model_copy(update=changes)})


def _highest(policy: Policy, level: Level) -> Policy:
    capped = policy.levels.model_copy(update={"highest": min(level, policy.levels.highest)})
    return policy.model_copy(update={"levels": capped})


TIGHTENED: dict[str, Callable[[Policy], Policy]] = {
    "confidence floor": lambda p: _escalate(p, confidence_below=min(1.0, p.escalate.confidence_below + 0.1)),
    "cases": lambda p: _escalate(p, cases_below=p.escalate.cases_below + 1),
    "common cause": lambda p: p.model_copy(
        update={"common_cause": CommonCause(incidents=1, within=timedelta(hours=1))}
    ),
    "tolerated burn": lambda p: _escalate(p, slo_burn_above=p.escalate.slo_burn_above / 2),
    "security severity": lambda p: _escalate(p, security_severity=Severity.LOW),
    "targets": lambda p: _bounds(p, targets=1),
    "approved targets": lambda p: _bounds(p, approved_targets=1),
    "share": lambda p: _bounds(p, share=0.1),
    "no level": lambda p: _runbook(p, level=Level.L0),
    "assisted": lambda p: _runbook(p, level=min(Level.L1, p.runbooks[RUNBOOK].level)),
    "highest L2": lambda p: _highest(p, Level.L2),
    "highest L1": lambda p: _highest(p, Level.L1),
    "one more condition": lambda p: _runbook(p, conditions=(*p.runbooks[RUNBOOK].conditions, "hour == 25")),
    "what must remain": lambda p: p.model_copy(
        update={
            "services": {
                name: entry.model_copy(update={"leave_healthy": LeaveHealthy(count=9)})
                for name, entry in p.services.items()
            }
        }
    ),
    "refusing": lambda p: p.model_copy(
        update={"forbidden_effects": calm_policy(forbidden_effects="refuse").forbidden_effects}
    ),
    "one more query": lambda p: _runbook(p, evidence={**p.runbooks[RUNBOOK].evidence, "other": "other"}),
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
@given(cases())
@settings(max_examples=40)
def test_tightening_the_policy_never_adds_autonomy_even_to_what_keeps_its_licence(what: str, case: Case) -> None:
    situation, policy = case
    tightened = TIGHTENED[what](policy)
    before = judged(situation, policy)
    assert autonomy(decide(licensed(situation, tightened), tightened)) <= autonomy(before)


@given(cases(), st.sampled_from(Level))
def test_demoting_never_adds_autonomy(case: Case, level: Level) -> None:
    situation, policy = case
    demotion = Demotion(level=level, at=NOW)
    demoted = {
        name: held.model_copy(update={"demotions": (*held.demotions, demotion)})
        for name, held in situation.evidenced.items()
    }
    assert autonomy(decide(with_(situation, evidenced=demoted), policy)) <= autonomy(decide(situation, policy))


# The whole incident


def joining_to(case: Case, data: st.DataObject) -> Any:
    """An alert that joins: much like the one that fills the runbook, or any other."""
    situation, policy = case
    place = match_incident(policy, situation.alerts, situation.request).alert
    return data.draw(st.one_of(variants(situation.alerts[place]), alerts("f9")))


@given(cases(), st.data())
@settings(max_examples=150)
def test_an_alert_that_joins_never_makes_the_verdict_less_strict(case: Case, data: st.DataObject) -> None:
    """One that is worse has a runbook and a plan of its own to be judged by; no other makes anything easier."""
    situation, policy = case
    before, joining = judged(situation, policy), joining_to(case, data)
    filling = situation.alerts[before.alert]
    assume(severity_rank(joining) <= severity_rank(filling) and not may_be_worse(joining, filling))
    matched = match_incident(policy, situation.alerts, situation.request)
    assume(situation.request is None or matched.fillers)
    after = decide(with_(situation, alerts=(*situation.alerts, joining)), policy)
    assume(after.runbook == RUNBOOK)
    assert strictness(after) >= strictness(before)


@given(cases(), st.sampled_from(("billing", "data_integrity", "security_severity")), st.integers(0, 3))
@settings(max_examples=150)
def test_a_mark_on_any_alert_never_makes_the_verdict_less_strict(case: Case, mark: str, place: int) -> None:
    situation, policy = case
    marked = list(situation.alerts)
    place %= len(marked)
    marked[place] = marked[place].model_copy(update={"labels": {**marked[place].labels, mark: "critical"}})
    before, after = decide(situation, policy), decide(with_(situation, alerts=tuple(marked)), policy)
    assert strictness(after) >= strictness(before)
    if after.plan_digest is not None and place in match_incident(policy, marked, situation.request).heard:
        assert not after.verdict.autonomous


@given(cases(), alerts("f9"))
def test_a_rival_runbook_as_bad_as_the_chosen_one_asks(case: Case, rival: Any) -> None:
    situation, policy = case
    document = policy.as_written() | {"mute": []}
    chosen = {**document["runbooks"][RUNBOOK], "when": "alert.name == 'ServiceDown'"}
    document["runbooks"] = {RUNBOOK: chosen, ANOTHER: {**chosen, "when": "alert.name == 'Slow'"}}
    policy = Policy.model_validate(document)
    plans = {name: situation.plans.get(RUNBOOK, Planned()) for name in policy.runbooks}
    situation = licensed(with_(situation, request=None, plans=plans), policy)
    before = judged(situation, policy)
    worst = situation.alerts[before.alert].severity
    rival = rival.model_copy(update={"name": "Slow", "severity": worst})
    after = decide(with_(situation, alerts=(*situation.alerts, rival)), policy)
    assert (after.runbook, after.others[:1]) == (RUNBOOK, (ANOTHER,))
    assert strictness(after) >= strictness(before)
    assert not after.verdict.autonomous


@given(cases(), alerts("f9"))
@settings(max_examples=150)
def test_a_muted_alert_changes_nothing_about_the_others(case: Case, quiet: Any) -> None:
    situation, policy = case
    policy = policy.model_copy(
        update={"mute": calm_policy(mute=[{"when": "alert.source == 'noise'", "reason": "it is noise"}]).mute}
    )
    before = decide(situation, policy)
    quiet = quiet.model_copy(update={"source": "noise", "severity": "critical"})
    after = decide(with_(situation, alerts=(*situation.alerts, quiet)), policy)
    assert [r for r in after.reasons if r.rule != "alerts"] == [r for r in before.reasons if r.rule != "alerts"]
    assert after.reason("alerts").text == before.reason("alerts").text
    assert after.model_copy(update={"reasons": ()}) == before.model_copy(update={"reasons": ()})


@given(cases(), st.randoms(use_true_random=False))
@settings(max_examples=150)
def test_the_order_of_the_alerts_changes_nothing(case: Case, random: Any) -> None:
    situation, policy = case
    shuffled = list(situation.alerts)
    random.shuffle(shuffled)
    one, other = decide(situation, policy), decide(with_(situation, alerts=tuple(shuffled)), policy)
    assert situation.alerts[one.alert] == shuffled[other.alert]
    assert one.model_copy(update={"alert": 0}) == other.model_copy(update={"alert": 0})


# What a person has said


@given(cases(), st.lists(st.sampled_from((("a1", -60), ("a1", 60), ("a2", 3600))), min_size=1, max_size=3))
@settings(max_examples=100)
def test_after_a_refusal_nothing_acts_by_itself_until_a_person_asks(case: Case, noes: list[tuple[str, int]]) -> None:
    situation, policy = case
    refusals: tuple[Refusal, ...] = tuple(refusal(action_id=name, seconds_ago=ago) for name, ago in noes)
    request = situation.request
    later = request is not None and {one.key for one in refusals} <= set(request.after)
    memory = situation.memory.model_copy(update={"refusals": refusals})
    decision = decide(with_(situation, memory=memory), policy)
    if not later:
        assert not decision.verdict.autonomous
    assert autonomy(decision) <= autonomy(
        decide(with_(situation, memory=memory.model_copy(update={"refusals": ()})), policy)
    )
