"""Every combination of the discrete facts has the verdict the design gives it, worked out here by hand."""

from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from bot.policy.decide import RULES, decide, undecided
from bot.policy.decision import RULE_TITLES, Reason, RuleResult, Verdict
from bot.policy.file.document import Policy
from bot.policy.levels import Level
from bot.policy.plan import BlastRadius, Effect, Exactness, Rollback
from bot.policy.situation import Gate, Notification, Oversight
from tests.policy.calm import (
    NOW,
    asked_for,
    calm_alert,
    calm_plan,
    calm_policy,
    calm_situation,
    entries,
    evidenced,
    pause,
    targets,
)

HOLD, REFUSE, OBSERVE, ASK, UNLESS_STOPPED, ACT = (
    Verdict.HOLD,
    Verdict.REFUSE,
    Verdict.OBSERVE,
    Verdict.ASK,
    Verdict.ACT_UNLESS_STOPPED,
    Verdict.ACT,
)

RADII = {"none": 0, "within": 1, "over": 3, "beyond": 21}
"""Against a bound of 2 targets, hence 20 with approval."""
CONDITIONS = {"hold": "hour >= 6", "do not hold": "alert.labels.absent == 'x'"}
WINDOWS = {
    "some time": ("30s", Exactness.APPROXIMATE),
    "zero, exact": ("0s", Exactness.EXACT),
    "zero, approximate": ("0s", Exactness.APPROXIMATE),
}
GRANTED = {
    # how the level comes about: (runbook's level, the licence's cap)
    "L0": ("L0", None),
    "L1": ("L1", None),
    "L2": ("L2", None),
    "L2, capped from L3": ("L3", Level.L2),
    "L3": ("L3", None),
}


def by_hand(granted: str, radius: str, conditions: str, window: str, facts: dict[str, Any]) -> Verdict:
    """The design's precedence, row by row."""
    if facts["paused"]:
        return HOLD
    if not facts["overseen"] or radius in ("none", "beyond") or facts["forbidden"] == "refuse":
        return REFUSE
    if granted == "L0":
        return OBSERVE
    people_must_decide = radius == "over" or facts["forbidden"] == "ask" or facts["escalated"]
    if people_must_decide or not facts["budget_left"] or not facts["announced"]:
        return ASK
    instant_allowed = window != "zero, approximate" and not (window == "zero, exact" and radius != "within")
    if granted == "L1" or conditions == "do not hold":
        return ASK
    rows = {"L2": ACT, "L2, capped from L3": UNLESS_STOPPED, "L3": UNLESS_STOPPED}
    return rows[granted] if granted == "L2" or instant_allowed else ASK


@pytest.mark.parametrize("granted", GRANTED)
@pytest.mark.parametrize("window", WINDOWS)
def test_every_combination_has_the_verdict_of_the_truth_table(granted: str, window: str) -> None:
    level, cap = GRANTED[granted]
    seconds, exactness = WINDOWS[window]
    seen = set()
    for conditions, forbidden in product(CONDITIONS, (None, "ask", "refuse")):
        policy = calm_policy(
            {"level": level, "conditions": [CONDITIONS[conditions]], "veto_window": seconds},
            forbidden_effects=forbidden or "ask",
        )
        for radius, flags in product(RADII, product((False, True), repeat=5)):
            names = ("paused", "overseen", "escalated", "budget_left", "announced")
            facts = {**dict(zip(names, flags, strict=True)), "forbidden": forbidden}
            decision = decide(_situation(policy, radius, facts, cap, exactness), policy)
            expected = by_hand(granted, radius, conditions, window, facts)
            assert decision.verdict is expected, (granted, window, conditions, radius, facts, decision.headline)
            seen.add(decision.verdict)
    assert {HOLD, REFUSE} < seen


def _situation(policy: Policy, radius: str, facts: dict[str, Any], cap: Level | None, exactness: Exactness) -> Any:
    count = RADII[radius]
    effects = {Effect.DISABLE_AUTHENTICATION} if facts["forbidden"] else {Effect.RESTART}
    return calm_situation(
        policy,
        alert=calm_alert(labels={"billing": "yes" if facts["escalated"] else "no"}),
        plan=calm_plan(
            targets=targets(count),
            blast_radius=BlastRadius(targets=count, share=0.5),
            effects=frozenset(effects),
            rollback=Rollback(summary="started again", exactness=exactness),
        ),
        pauses=(pause(),) if facts["paused"] else (),
        ledger=entries(0 if facts["budget_left"] else 5),
        evidenced=evidenced(policy, demoted_to=cap),
        oversight=Oversight(
            audited=facts["overseen"],
            notification=Notification.ACCEPTED if facts["announced"] else Notification.FAILED,
        ),
    )


LEVELS = tuple(Level)


@pytest.mark.parametrize(("written", "highest"), [*product(LEVELS, LEVELS)], ids=str)
def test_the_level_in_force_is_the_least_of_runbook_organisation_and_licence(written: Level, highest: Level) -> None:
    policy = calm_policy({"level": str(written)}, levels={"highest": str(highest)})
    for gates, cap in product((frozenset(Gate), frozenset(Gate) - {Gate.CHAOS_TEST}), (None, *LEVELS)):
        decision = decide(calm_situation(policy, evidenced=evidenced(policy, gates, demoted_to=cap)), policy)
        earned = 3 if gates == frozenset(Gate) else 1
        assert decision.level == min(written, highest, earned, 3 if cap is None else cap)


@pytest.mark.parametrize("missing", Gate)
def test_a_single_missing_gate_leaves_l1(missing: Gate) -> None:
    policy = calm_policy()
    decision = decide(calm_situation(policy, evidenced=evidenced(policy, set(Gate) - {missing})), policy)
    assert (decision.verdict, decision.level, decision.decisive) == (ASK, Level.L1, "licence")
    assert missing.in_words in decision.headline


def test_the_calm_case_acts_unless_stopped_and_every_rule_passes() -> None:
    decision = decide(calm_situation(), calm_policy())
    assert decision.verdict is UNLESS_STOPPED
    assert (decision.level, decision.veto_window_seconds, decision.otherwise) == (Level.L3, 30, None)
    assert tuple(reason.rule for reason in decision.reasons) == RULES
    assert {reason.result.value for reason in decision.reasons} == {"passed"}
    assert decision.headline == "L3, bounded: it acts in 30 s unless somebody stops it."


def test_every_rule_has_a_title_and_a_reason_that_can_be_looked_up() -> None:
    decision = decide(calm_situation(), calm_policy())
    assert set(RULE_TITLES) == set(RULES)
    assert [reason.title for reason in decision.reasons] == [RULE_TITLES[rule] for rule in RULES]
    assert decision.reason("level").model_copy(update={"rule": "of_old"}).title == "of_old"
    with pytest.raises(KeyError, match=r"no reason from rule 'nobody'; rules that reported: \['runbook'"):
        decision.reason("nobody")


def test_a_demotion_never_takes_the_veto_window_away() -> None:
    policy = calm_policy()
    decision = decide(calm_situation(policy, evidenced=evidenced(policy, demoted_to=Level.L2)), policy)
    assert (decision.verdict, decision.level, decision.veto_window_seconds) == (UNLESS_STOPPED, Level.L2, 30)


def test_a_pause_puts_the_level_at_manual_and_says_what_it_would_be_without() -> None:
    decision = decide(calm_situation(pauses=(pause(until=NOW + timedelta(hours=2)),)), calm_policy())
    assert (decision.verdict, decision.level, decision.otherwise) == (HOLD, Level.L0, UNLESS_STOPPED)
    assert decision.headline == (
        "Automation is paused here: U02BOB paused everything until 2026-11-23 14:00 UTC (deploying)."
    )
    assert decision.veto_window_seconds == 0


def observed(policy: Policy, **changes: Any) -> tuple[str, str]:
    decision = decide(calm_situation(policy, **changes), policy)
    assert (decision.verdict, decision.level, decision.plan_digest) == (OBSERVE, Level.L0, None)
    assert tuple(reason.rule for reason in decision.reasons) == RULES
    assert decision.reason("level").text == "Not judged: there is no plan."
    return decision.decisive, decision.headline


def test_without_a_runbook_people_handle_it() -> None:
    assert observed(calm_policy(), alert=calm_alert(name="Other")) == (
        "runbook",
        "No runbook matches this alert: people must handle it.",
    )


def test_what_the_policy_mutes_is_observed_with_its_reason() -> None:
    muting = calm_policy(mute=[{"when": "alert.severity == 'critical'", "reason": "a rehearsal"}])
    assert observed(muting) == ("runbook", "Muted by the policy: a rehearsal.")


def test_a_runbook_that_has_left_the_policy_is_observed() -> None:
    assert observed(calm_policy(), request=asked_for(runbook="gone")) == (
        "runbook",
        "The policy no longer has the runbook gone: people must handle it.",
    )


def test_the_reason_why_no_plan_could_be_made_is_the_headline() -> None:
    assert observed(calm_policy(), problem="connection refused.") == (
        "plan",
        "No plan could be made: connection refused. People must handle it.",
    )


@pytest.mark.parametrize(("name", "muted"), [("ServiceDown", False), ("Other", False), ("ServiceDown", True)])
def test_what_could_not_be_judged_for_a_reason_of_ours_says_so_and_nothing_untrue(name: str, muted: bool) -> None:
    policy = calm_policy(mute=[{"when": "true", "reason": "a rehearsal"}] if muted else [])
    decision = undecided(calm_situation(policy, alert=calm_alert(name=name)), policy, "the disk is full.")
    assert (decision.verdict, decision.decisive) == (OBSERVE, "plan")
    assert decision.headline == "No plan could be made: the disk is full. People must handle it."
    assert tuple(reason.rule for reason in decision.reasons) == RULES
    assert "no longer" not in decision.reason("runbook").text


@pytest.mark.parametrize("asked", ["evidence", "verify"])
def test_an_alert_that_does_not_fill_what_monitoring_is_asked_leaves_no_plan(asked: str) -> None:
    query = "up{team='${alert.labels.team}'} == 1"
    runbook = {"evidence": {"down": query}, "verify": {"within": "2m", "healthy": query}}
    policy = calm_policy({asked: runbook[asked]})
    headline = "No plan could be made: the alert does not fill what the runbook asks monitoring. People must handle it."
    assert observed(policy) == ("plan", headline)


def test_a_plan_of_another_remediation_than_the_policy_names_is_not_judged() -> None:
    decisive, headline = observed(calm_policy(), plan=calm_plan(remediation="delete_everything"))
    assert decisive == "plan"
    assert "restart-checkout names restart_service" in headline


@pytest.mark.parametrize(("rule", "title"), [("slo_burn", "Error budget"), ("left_the_policy", "left_the_policy")])
def test_a_rule_is_called_as_people_know_it_and_an_older_release_s_by_its_stored_name(rule: str, title: str) -> None:
    assert Reason(rule=rule, result=RuleResult.PASSED, text="Nothing is wrong.").title == title
