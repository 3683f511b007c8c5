"""Each rule at its edges: what just passes, what just does not, and what the person is told."""

from datetime import timedelta
from typing import Any

import pytest

from bot.policy.decide import decide
from bot.policy.decision import Decision, Reason, RuleResult, Verdict
from bot.policy.document import Escalate, Policy, Severity
from bot.policy.forbidden import FORBIDDEN
from bot.policy.levels import Level
from bot.policy.plan import BlastRadius, Effect, Exactness, WayBack
from bot.policy.situation import (
    BudgetState,
    Evidence,
    Finding,
    Gate,
    History,
    Impact,
    Licence,
    Notification,
    Oversight,
    PastAction,
    ScopeKind,
)
from tests.policy.strategies import (
    COVERING_SCOPES,
    ELSEWHERE_SCOPES,
    NOW,
    RUNBOOK,
    budget,
    calm_alert,
    calm_plan,
    calm_policy,
    calm_situation,
    evidence,
    pause,
    targets,
)

PASSED, ESCALATES, FORBIDS = RuleResult.PASSED, RuleResult.ESCALATES, RuleResult.FORBIDS


def decided(policy: Policy | None = None, **changes: Any) -> Decision:
    return decide(calm_situation(**changes), policy or calm_policy())


def said(rule: str, policy: Policy | None = None, **changes: Any) -> Reason:
    return decided(policy, **changes).reason(rule)


def reaching(count: int, *, stated: int | None = None, share: float | None = 0.25) -> Any:
    reach = BlastRadius(targets=count if stated is None else stated, share=share)
    return calm_plan(targets=targets(count), blast_radius=reach)


# Oversight


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"oversight": Oversight(trigger=" ", audited=True, notification=Notification.ACCEPTED)}, "trigger"),
        ({"oversight": Oversight(trigger="alert", audited=False, notification=Notification.ACCEPTED)}, "audit"),
        ({"plan": reaching(2, stated=1)}, "blast radius"),
        ({"plan": calm_plan(way_back=WayBack(summary=" ", exactness=Exactness.EXACT))}, "way back"),
    ],
)
def test_any_missing_part_of_oversight_refuses_and_is_named(changes: dict[str, Any], missing: str) -> None:
    decision = decided(**changes)
    assert (decision.verdict, decision.decisive) == (Verdict.REFUSE, "oversight")
    assert decision.headline == f"Refused: oversight is incomplete, there is no true {missing}."
    assert [part for part, there in decision.reason("oversight").inputs.items() if not there] == [missing]


def test_a_plan_may_reach_further_than_its_targets_but_is_judged_by_how_far() -> None:
    assert decided(plan=reaching(1, stated=2)).verdict is Verdict.ACT_UNLESS_STOPPED
    assert decided(plan=reaching(1, stated=3)).decisive == "blast_radius"


def test_a_failed_announcement_falls_back_to_asking() -> None:
    failed = Oversight(trigger="alert", audited=True, notification=Notification.FAILED)
    decision = decided(oversight=failed)
    assert (decision.verdict, decision.decisive) == (Verdict.ASK, "notification")


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (Notification.PLANNED, "The announcement goes first; nothing starts before it has been accepted."),
        (Notification.ACCEPTED, "The announcement has been accepted."),
    ],
)
def test_a_planned_or_accepted_announcement_is_fine(state: Notification, text: str) -> None:
    decision = decided(oversight=Oversight(trigger="alert", audited=True, notification=state))
    assert (decision.verdict, decision.reason("notification").text) == (Verdict.ACT_UNLESS_STOPPED, text)


# Bounds


def test_an_empty_target_set_is_refused_never_everything() -> None:
    decision = decided(plan=reaching(0))
    assert (decision.verdict, decision.decisive) == (Verdict.REFUSE, "targets")


@pytest.mark.parametrize(
    ("count", "verdict"),
    [
        (1, Verdict.ACT_UNLESS_STOPPED),
        (2, Verdict.ACT_UNLESS_STOPPED),
        (3, Verdict.ASK),
        (20, Verdict.ASK),
        (21, Verdict.REFUSE),
    ],
)
def test_the_number_of_targets_is_bounded_twice(count: int, verdict: Verdict) -> None:
    assert decided(plan=reaching(count)).verdict is verdict


def test_the_approvers_bound_may_be_written() -> None:
    policy = calm_policy({"blast_radius": {"targets": 2, "approved_targets": 3}})
    assert decided(policy, plan=reaching(3)).verdict is Verdict.ASK
    refused = decided(policy, plan=reaching(4))
    assert (refused.verdict, refused.decisive) == (Verdict.REFUSE, "blast_radius")
    assert refused.headline == "Refused: 4 targets are more than the 3 that even an approver may allow."


@pytest.mark.parametrize(("share", "result"), [(0.5, PASSED), (0.51, ESCALATES), (1.0, ESCALATES), (None, ESCALATES)])
def test_the_share_of_the_fleet_is_bounded_and_must_be_known(share: float | None, result: RuleResult) -> None:
    assert said("blast_radius", plan=reaching(1, share=share)).result is result


def test_without_a_bound_the_share_does_not_matter() -> None:
    policy = calm_policy({"blast_radius": {"targets": 1}})
    assert said("blast_radius", policy, plan=reaching(1, share=None)).result is PASSED


# Forbidden effects


@pytest.mark.parametrize("effect", FORBIDDEN)
def test_each_forbidden_effect_asks_two_people(effect: Effect) -> None:
    decision = decided(plan=calm_plan(effects=frozenset({Effect.RESTART, effect})))
    assert (decision.verdict, decision.decisive, decision.approvals_needed) == (Verdict.ASK, "forbidden_effects", 2)
    assert FORBIDDEN[effect] in decision.headline


@pytest.mark.parametrize("effect", sorted(set(Effect) - set(FORBIDDEN) - {Effect.BILLING, Effect.DATA_INTEGRITY}))
def test_no_other_effect_is_forbidden(effect: Effect) -> None:
    decision = decided(plan=calm_plan(effects=frozenset({effect})))
    assert (decision.verdict, decision.approvals_needed) == (Verdict.ACT_UNLESS_STOPPED, 1)


def test_five_kinds_of_effect_are_forbidden() -> None:
    assert {effect.value for effect in FORBIDDEN} == {
        "delete_customer_data",
        "change_contracts_or_pricing",
        "disable_authentication",
        "legal_or_compliance",
        "irreversible",
    }


def test_no_way_back_is_irreversible_even_if_the_plan_does_not_say_so() -> None:
    decision = decided(plan=calm_plan(way_back=WayBack(summary="none", exactness=Exactness.NONE)))
    assert decision.headline == ("This plan would be irreversible: that never happens by itself, 2 people must agree.")


def test_the_policy_may_refuse_forbidden_effects_even_where_the_bounds_would_ask() -> None:
    plan = calm_plan(
        effects=frozenset({Effect.IRREVERSIBLE}), targets=targets(3), blast_radius=BlastRadius(targets=3, share=0.25)
    )
    decision = decided(calm_policy(forbidden_effects="refuse"), plan=plan)
    assert (decision.verdict, decision.decisive) == (Verdict.REFUSE, "forbidden_effects")


# Escalation


@pytest.mark.parametrize("floor", [0.5, 0.8, 0.9])
def test_confidence_at_the_floor_passes_and_below_it_asks(floor: float) -> None:
    policy = calm_policy(escalate={"confidence_below": floor})
    assert said("confidence", policy).result is PASSED
    assert said("confidence", policy, evidence=evidence(Finding.UNKNOWN)).result is ESCALATES


def test_confidence_just_below_the_floor_asks() -> None:
    decision = decided(calm_policy(escalate={"confidence_below": 0.91}))
    assert (decision.verdict, decision.decisive, decision.confidence) == (Verdict.ASK, "confidence", 0.9)
    assert decision.headline == "Confidence is below 91%, at 90%: evidence supports the alert: still_down."


@pytest.mark.parametrize(("rule", "effect"), [("billing", Effect.BILLING), ("data_integrity", Effect.DATA_INTEGRITY)])
def test_billing_and_data_integrity_ask_whether_the_alert_or_the_plan_says_so(rule: str, effect: Effect) -> None:
    by_alert = decided(impact=Impact(**{rule: True}))
    by_plan = decided(plan=calm_plan(effects=frozenset({effect})))
    for decision in (by_alert, by_plan):
        assert (decision.verdict, decision.decisive) == (Verdict.ASK, rule)


@pytest.mark.parametrize(
    ("burn", "result"),
    [
        (0.0, PASSED),
        (2.0, PASSED),
        (2.01, ESCALATES),
        (None, ESCALATES),
        (float("nan"), ESCALATES),
        (float("inf"), ESCALATES),
        (float("-inf"), ESCALATES),
    ],
)
def test_the_burn_rate_must_be_known_and_not_above_the_threshold(burn: float | None, result: RuleResult) -> None:
    assert said("slo_burn", impact=Impact(slo_burn=burn, slo_measured=True)).result is result


def test_a_burn_rate_counts_as_measured_when_the_policy_has_a_query_for_it() -> None:
    policy = calm_policy(services={"checkout": {"slo_burn": "burn"}})
    assert said("slo_burn", policy, impact=Impact()).result is ESCALATES
    assert said("slo_burn", impact=Impact()).result is PASSED


@pytest.mark.parametrize(
    ("threshold", "severity", "result"),
    [
        ("high", None, PASSED),
        ("high", "low", PASSED),
        ("high", "medium", PASSED),
        ("high", " HIGH ", ESCALATES),
        ("high", "critical", ESCALATES),
        ("high", "catastrophic", ESCALATES),
        ("high", "", ESCALATES),
        ("medium", "medium", ESCALATES),
        ("medium", "low", PASSED),
        ("low", "low", ESCALATES),
    ],
)
def test_security_severity_asks_from_the_threshold_up(threshold: str, severity: str | None, result: RuleResult) -> None:
    policy = calm_policy(escalate={"security_severity": threshold})
    assert said("security", policy, impact=Impact(security_severity=severity)).result is result


def test_thresholds_laxer_than_the_rules_themselves_do_not_count() -> None:
    lax = Escalate.model_construct(confidence_below=0.0, slo_burn_above=99.0, security_severity=Severity.CRITICAL)
    policy = calm_policy().model_copy(update={"escalate": lax})
    assert said("confidence", policy, evidence=evidence(Finding.CONTRADICTS)).result is ESCALATES
    assert said("slo_burn", policy, impact=Impact(slo_burn=2.5)).result is ESCALATES
    assert said("security", policy, impact=Impact(security_severity="high")).result is ESCALATES


# Confidence


@pytest.mark.parametrize(
    ("findings", "score"),
    [
        ((), 0.0),
        ((Finding.SUPPORTS,), 0.9),
        ((Finding.SUPPORTS, Finding.SUPPORTS), 0.95),
        ((Finding.SUPPORTS, Finding.UNKNOWN), 0.2),
        ((Finding.UNKNOWN,), 0.0),
        ((Finding.SUPPORTS, Finding.CONTRADICTS), 0.1),
        ((Finding.UNKNOWN, Finding.CONTRADICTS), 0.1),
    ],
)
def test_confidence_can_be_recomputed_by_hand(findings: tuple[Finding, ...], score: float) -> None:
    assert decided(evidence=evidence(*findings)).confidence == pytest.approx(score)


def test_without_configured_evidence_confidence_is_below_every_floor() -> None:
    decision = decided(calm_policy({"evidence": {}}, escalate={"confidence_below": 0.5}), evidence=())
    assert (decision.confidence, decision.decisive) == (0.4, "confidence")


def test_a_configured_query_without_an_answer_is_unknown_not_absent() -> None:
    other = Evidence(name="other", query="up", finding=Finding.SUPPORTS)
    assert decided(evidence=(other,)).confidence == 0.2


def past(outcome: str, *, hours: float = 1, runbook: str = RUNBOOK) -> PastAction:
    return PastAction(
        action_id="a", runbook=runbook, service="checkout", outcome=outcome, at=NOW - timedelta(hours=hours)
    )


@pytest.mark.parametrize("outcome", ["failed", "rolled_back", "unknown", "never heard of"])
def test_a_recent_failure_of_the_same_runbook_asks(outcome: str) -> None:
    decision = decided(history=History(actions=(past(outcome),)))
    assert (decision.verdict, decision.confidence) == (Verdict.ASK, 0.675)
    assert "1 failed run of restart-checkout in the last 24 hours" in decision.headline


@pytest.mark.parametrize(
    "harmless",
    [
        past("succeeded"),
        past("stopped"),
        past("overridden"),
        past("expired"),
        past("superseded"),
        past("failed", hours=24.01),
        past("failed", runbook="another"),
    ],
)
def test_success_what_never_ran_old_failures_and_other_runbooks_change_nothing(harmless: PastAction) -> None:
    assert decided(history=History(actions=(harmless,))).confidence == 0.9


def test_failures_add_up_and_count_for_exactly_a_day() -> None:
    actions = (past("failed"), past("failed", hours=24))
    decision = decided(history=History(actions=actions))
    assert decision.confidence == pytest.approx(0.9 * 0.75 * 0.75, abs=1e-4)
    assert decision.reason("confidence").inputs["recent_failures"] == 2


# Budgets


@pytest.mark.parametrize(("used", "result"), [(0, PASSED), (4, PASSED), (5, ESCALATES), (6, ESCALATES)])
def test_a_budget_needs_an_action_left(used: int, result: RuleResult) -> None:
    assert said("budgets", budgets=(budget(used),)).result is result


def test_budgets_that_cannot_be_read_ask() -> None:
    assert said("budgets", budgets=None).text == "The action budgets could not be read."
    assert said("budgets", budgets=()).text == "The state of these action budgets is unknown: all per 1h."


def test_one_exhausted_budget_among_others_asks_and_is_named() -> None:
    narrow = BudgetState(scope="service", subject="checkout", limit=3, used=3, window_seconds=600)
    reason = said("budgets", budgets=(budget(1), narrow))
    assert (reason.result, reason.text) == (ESCALATES, "The action budget is used up: 3 of 3 per 10m for checkout.")


@pytest.mark.parametrize("changes", [{"scope": "service"}, {"limit": 6}, {"window_seconds": 60}])
def test_the_state_of_another_budget_does_not_stand_in(changes: dict[str, Any]) -> None:
    assert said("budgets", budgets=(budget(0).model_copy(update=changes),)).result is ESCALATES


def test_a_policy_without_budgets_has_none_to_exhaust() -> None:
    reason = said("budgets", calm_policy(budgets=[]), budgets=())
    assert (reason.result, reason.text) == (PASSED, "The policy sets no action budgets.")
    assert said("budgets").text == "Every action budget has room: 0 of 5 per 1h for all."


# Controls


@pytest.mark.parametrize("scope", COVERING_SCOPES, ids=str)
def test_a_pause_of_any_scope_that_covers_it_holds(scope: tuple[ScopeKind, str]) -> None:
    decision = decided(pauses=(pause(*scope),))
    assert (decision.verdict, decision.decisive) == (Verdict.HOLD, "controls")
    assert "until somebody resumes it (deploying)" in decision.headline


@pytest.mark.parametrize("scope", ELSEWHERE_SCOPES, ids=str)
def test_a_pause_elsewhere_holds_nothing(scope: tuple[ScopeKind, str]) -> None:
    assert decided(pauses=(pause(*scope),)).verdict is Verdict.ACT_UNLESS_STOPPED


def test_a_service_is_paused_whether_the_alert_or_the_plan_names_it() -> None:
    paused = (pause(ScopeKind.SERVICE, "cart"),)
    assert decided(pauses=paused, alert=calm_alert(service="cart")).verdict is Verdict.HOLD
    assert decided(pauses=paused, plan=calm_plan(service="cart")).verdict is Verdict.HOLD


def test_a_pause_ends_at_its_time() -> None:
    over, just_not = (pause(until=NOW),), (pause(until=NOW + timedelta(microseconds=1)),)
    assert decided(pauses=over).verdict is Verdict.ACT_UNLESS_STOPPED
    assert decided(pauses=just_not).verdict is Verdict.HOLD


def test_a_pause_that_another_replicas_clock_put_into_the_future_counts() -> None:
    later = pause().model_copy(update={"since": NOW + timedelta(seconds=30)})
    assert decided(pauses=(later,)).verdict is Verdict.HOLD


@pytest.mark.parametrize(
    ("services", "verdict"),
    [([], Verdict.HOLD), (["orders", "checkout"], Verdict.HOLD), (["orders"], Verdict.ACT_UNLESS_STOPPED)],
)
def test_a_freeze_holds_the_services_it_names_or_everything(services: list[str], verdict: Verdict) -> None:
    freeze = {"name": "release", "from": NOW, "until": NOW + timedelta(hours=1), "services": services}
    decision = decided(calm_policy(freezes=[freeze]))
    assert decision.verdict is verdict
    if verdict is Verdict.HOLD:
        what = ", ".join(services) or "everything"
        assert decision.headline == f"Automation is paused here: release freezes {what} until 2026-11-23 13:00 UTC."


def test_a_pause_wins_over_a_refusal_but_remembers_it() -> None:
    decision = decided(pauses=(pause(),), plan=reaching(0))
    assert (decision.verdict, decision.otherwise) == (Verdict.HOLD, Verdict.REFUSE)


# Licence, conditions, veto window


def test_a_demotion_says_why() -> None:
    licence = Licence(gates=frozenset(Gate), demoted_to=Level.L1, demotion_reason="it made things worse in INC-3")
    decision = decided(licence=licence)
    assert (decision.verdict, decision.decisive) == (Verdict.ASK, "licence")
    assert decision.headline == (
        "restart-checkout may act at most at L1 instead of L3: it was demoted to L1 (it made things worse in INC-3)."
    )


def test_a_demotion_to_l0_observes() -> None:
    decision = decided(licence=Licence(gates=frozenset(Gate), demoted_to=Level.L0))
    assert (decision.verdict, decision.level) == (Verdict.OBSERVE, Level.L0)


def test_a_demotion_above_what_was_earned_gives_nothing_back() -> None:
    decision = decided(licence=Licence(demoted_to=Level.L3))
    assert (decision.verdict, decision.level) == (Verdict.ASK, Level.L1)
    assert "not passed yet: staging dry run, chaos test" in decision.headline


def test_no_licence_is_needed_to_ask() -> None:
    decision = decided(calm_policy({"level": "L1"}), licence=Licence())
    assert (decision.verdict, decision.decisive) == (Verdict.ASK, "level")
    assert decision.reason("licence").result is PASSED


@pytest.mark.parametrize("condition", ["hour < 6", "alert.labels.absent == 'x'", "slo_burn > 1.0", "share == 1.0"])
def test_at_l2_every_condition_must_hold(condition: str) -> None:
    decision = decided(calm_policy({"level": "L2", "conditions": ["hour >= 6", condition]}))
    assert (decision.verdict, decision.decisive) == (Verdict.ASK, "conditions")
    assert condition in decision.headline
    assert "hour >= 6" not in decision.headline


def test_a_condition_that_does_not_compile_does_not_hold() -> None:
    decision = decided(calm_policy({"level": "L2", "conditions": ["hour >="]}))
    assert decision.verdict is Verdict.ASK
    assert "undetermined" in decision.headline


def test_conditions_see_the_moment() -> None:
    conditions = [
        "hour == 12 && weekday == 'monday' && trigger == 'alert'",
        "confidence == 0.9 && targets == 1 && share == 0.25 && slo_burn == 0.5 && recent_failures == 0",
    ]
    assert decided(calm_policy({"level": "L2", "conditions": conditions})).verdict is Verdict.ACT


def test_a_zero_veto_window_needs_an_exact_way_back_and_one_target() -> None:
    policy = calm_policy({"veto_window": "0s"})
    assert decided(policy).verdict is Verdict.ACT_UNLESS_STOPPED
    assert decided(policy).veto_window_seconds == 0
    roughly = calm_plan(way_back=WayBack(summary="started again", exactness=Exactness.APPROXIMATE))
    for plan in (roughly, reaching(2), reaching(1, stated=2)):
        decision = decided(policy, plan=plan)
        assert (decision.verdict, decision.decisive) == (Verdict.ASK, "veto_window")


def test_any_veto_window_at_all_is_one() -> None:
    roughly = calm_plan(way_back=WayBack(summary="started again", exactness=Exactness.APPROXIMATE))
    decision = decided(calm_policy({"veto_window": "500ms"}), plan=roughly)
    assert (decision.verdict, decision.veto_window_seconds) == (Verdict.ACT_UNLESS_STOPPED, 0.5)


def test_conditions_say_whether_there_were_any() -> None:
    with_some = calm_policy({"level": "L2"})
    without = calm_policy({"level": "L2", "conditions": []})
    assert said("conditions", with_some).text == "Every condition for acting alone holds."
    assert said("conditions", without).text == "The runbook sets no condition."
    assert decided(without).verdict is Verdict.ACT


def test_the_default_veto_window_counts_like_a_written_one() -> None:
    policy = calm_policy({"veto_window": None}, defaults={"approvals": {"from": ["sre"]}, "veto_window": "0s"})
    roughly = calm_plan(way_back=WayBack(summary="started again", exactness=Exactness.APPROXIMATE))
    assert decided(policy, plan=roughly).decisive == "veto_window"
    default = calm_policy({"veto_window": None})
    assert decided(default).veto_window_seconds == 60


# What is stored beside the decision


def test_the_inputs_of_a_rule_are_kept_whether_it_objects_or_not() -> None:
    demoted = Licence(gates=frozenset(Gate) - {Gate.CHAOS_TEST}, demoted_to=Level.L1)
    assert said("licence", licence=demoted).inputs == {
        "earned": "L1",
        "missing_gates": ["chaos_test"],
        "demoted_to": "L1",
    }
    assert said("licence").inputs == {"earned": "L3", "missing_gates": [], "demoted_to": None}
    reason = said("blast_radius")
    assert (reason.result, reason.text) == (PASSED, "1 target, within the bound of 2.")
    assert reason.inputs == {
        "targets": 1,
        "targets_bound": 2,
        "approved_targets": 20,
        "share": 0.25,
        "share_bound": 0.5,
    }
    assert said("blast_radius", plan=reaching(2)).text == "2 targets, within the bound of 2."
    assert said("level").inputs == {"runbook": "L3", "highest": "L3", "granted": "L3", "in_force": "L3"}
