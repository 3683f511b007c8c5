"""Budgets, controls, licence, conditions and veto window at their edges: what people have allowed, and for how long."""

from datetime import timedelta
from typing import Any

import pytest

from bot.policy.decision import RuleResult, Verdict
from bot.policy.levels import Level
from bot.policy.plan import Exactness, Rollback
from bot.policy.situation import (
    BudgetState,
    Gate,
    Licence,
    ScopeKind,
)
from tests.policy.calm import (
    COVERING_SCOPES,
    ELSEWHERE_SCOPES,
    NOW,
    budget,
    calm_alert,
    calm_plan,
    calm_policy,
    pause,
)
from tests.policy.edges import ESCALATES, PASSED, decided, reaching, said

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


def test_a_zero_veto_window_needs_an_exact_rollback_and_one_target() -> None:
    policy = calm_policy({"veto_window": "0s"})
    assert decided(policy).verdict is Verdict.ACT_UNLESS_STOPPED
    assert decided(policy).veto_window_seconds == 0
    roughly = calm_plan(rollback=Rollback(summary="started again", exactness=Exactness.APPROXIMATE))
    for plan in (roughly, reaching(2), reaching(1, stated=2)):
        decision = decided(policy, plan=plan)
        assert (decision.verdict, decision.decisive) == (Verdict.ASK, "veto_window")


def test_any_veto_window_at_all_is_one() -> None:
    roughly = calm_plan(rollback=Rollback(summary="started again", exactness=Exactness.APPROXIMATE))
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
    roughly = calm_plan(rollback=Rollback(summary="started again", exactness=Exactness.APPROXIMATE))
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
