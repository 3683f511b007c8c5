"""Controls, licence, conditions and veto window at their edges: what people have allowed, and for how long."""

from datetime import timedelta

import pytest

from bot.policy.decision import Verdict
from bot.policy.plan import Exactness, Rollback
from bot.policy.situation import ScopeKind
from tests.policy.calm import (
    COVERING_SCOPES,
    ELSEWHERE_SCOPES,
    NOW,
    calm_alert,
    calm_plan,
    calm_policy,
    pause,
)
from tests.policy.edges import PASSED, decided, reaching, said

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


# Conditions and veto window


@pytest.mark.parametrize("level", ["L2", "L3"])
@pytest.mark.parametrize("condition", ["hour < 6", "alert.labels.absent == 'x'", "slo_burn > 1.0", "share == 1.0"])
def test_before_any_autonomous_act_every_condition_must_hold(condition: str, level: str) -> None:
    decision = decided(calm_policy({"level": level, "conditions": ["hour >= 6", condition]}))
    assert (decision.verdict, decision.decisive) == (Verdict.ASK, "conditions")
    assert condition in decision.headline
    assert "hour >= 6" not in decision.headline


def test_a_condition_that_does_not_compile_does_not_hold() -> None:
    decision = decided(calm_policy({"level": "L2", "conditions": ["hour >="]}))
    assert decision.verdict is Verdict.ASK
    assert "undetermined" in decision.headline


@pytest.mark.parametrize("level", ["L0", "L1"])
def test_where_nothing_acts_by_itself_no_condition_is_in_the_way_of_asking(level: str) -> None:
    reason = said("conditions", calm_policy({"level": level, "conditions": ["hour < 6"]}))
    assert (reason.result, reason.text) == (PASSED, f"Conditions are judged before autonomous acts; {level} asks.")
    assert reason.inputs == {"written": ["hour < 6"]}


def test_conditions_hold_for_every_alert_that_is_as_bad_as_the_one_acted_on() -> None:
    policy = calm_policy({"conditions": ["alert.labels.region == 'eu'"]})
    us = {"labels": {"region": "us"}, "fingerprint": "f2"}
    assert decided(policy, alerts=(calm_alert(), calm_alert(**us))).decisive == "conditions"
    milder = calm_alert(**us, severity="warning")
    assert decided(policy, alerts=(calm_alert(), milder)).verdict is Verdict.ACT_UNLESS_STOPPED


def test_conditions_see_the_moment() -> None:
    conditions = [
        "hour == 12 && weekday == 'monday' && trigger == 'alert'",
        "confidence == 0.8217 && targets == 1 && share == 0.25 && slo_burn == 0.5 && recent_failures == 0",
    ]
    assert decided(calm_policy({"level": "L2", "conditions": conditions})).verdict is Verdict.ACT


def test_a_zero_veto_window_needs_an_exact_rollback_and_one_target() -> None:
    policy = calm_policy({"veto_window": "0s"})
    assert decided(policy).verdict is Verdict.ACT_UNLESS_STOPPED
    assert decided(policy).veto_window_seconds == 0
    roughly = calm_plan(rollback=Rollback(summary="started again", exactness=Exactness.APPROXIMATE))
    nothing = calm_plan(rollback=Rollback(summary="memory is lost", exactness=Exactness.NOTHING_TO_UNDO))
    for plan in (roughly, nothing, reaching(2), reaching(1, stated=2)):
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
