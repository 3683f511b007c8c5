"""Every combination of the discrete facts has the verdict the design gives it, worked out here by hand."""

from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from bot.policy.decide import RULES, decide
from bot.policy.decision import Verdict
from bot.policy.file.document import Policy
from bot.policy.levels import Level
from bot.policy.plan import BlastRadius, Effect, Exactness, Rollback
from bot.policy.situation import Gate, Impact, Licence, Notification, Oversight
from tests.policy.calm import (
    NOW,
    budget,
    calm_plan,
    calm_policy,
    calm_situation,
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
    rows = {
        "L1": ASK,
        "L2": ACT if conditions == "hold" else ASK,
        "L2, capped from L3": UNLESS_STOPPED if conditions == "hold" and instant_allowed else ASK,
        "L3": UNLESS_STOPPED if instant_allowed else ASK,
    }
    return rows[granted]


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
            decision = decide(_situation(radius, facts, cap, exactness), policy)
            expected = by_hand(granted, radius, conditions, window, facts)
            assert decision.verdict is expected, (granted, window, conditions, radius, facts, decision.headline)
            seen.add(decision.verdict)
    assert {HOLD, REFUSE} < seen


def _situation(radius: str, facts: dict[str, Any], cap: Level | None, exactness: Exactness) -> Any:
    count = RADII[radius]
    effects = {Effect.DISABLE_AUTHENTICATION} if facts["forbidden"] else {Effect.RESTART}
    return calm_situation(
        plan=calm_plan(
            targets=targets(count),
            blast_radius=BlastRadius(targets=count, share=0.5),
            effects=frozenset(effects),
            rollback=Rollback(summary="started again", exactness=exactness),
        ),
        pauses=(pause(),) if facts["paused"] else (),
        impact=Impact(slo_burn=0.5, slo_measured=True, billing=facts["escalated"]),
        budgets=(budget(0 if facts["budget_left"] else 5),),
        licence=Licence(gates=frozenset(Gate), demoted_to=cap),
        oversight=Oversight(
            trigger="alert",
            audited=facts["overseen"],
            notification=Notification.ACCEPTED if facts["announced"] else Notification.FAILED,
        ),
    )


LEVELS = tuple(Level)


@pytest.mark.parametrize(("written", "highest"), [*product(LEVELS, LEVELS)], ids=str)
def test_the_level_in_force_is_the_least_of_runbook_organisation_and_licence(written: Level, highest: Level) -> None:
    policy = calm_policy({"level": str(written)}, levels={"highest": str(highest)})
    for gates, cap in product((frozenset(Gate), frozenset(Gate) - {Gate.CHAOS_TEST}), (None, *LEVELS)):
        decision = decide(calm_situation(licence=Licence(gates=gates, demoted_to=cap)), policy)
        earned = 3 if gates == frozenset(Gate) else 1
        assert decision.level == min(written, highest, earned, 3 if cap is None else cap)


@pytest.mark.parametrize("missing", Gate)
def test_a_single_missing_gate_leaves_l1(missing: Gate) -> None:
    decision = decide(calm_situation(licence=Licence(gates=frozenset(Gate) - {missing})), calm_policy())
    assert (decision.verdict, decision.level, decision.decisive) == (ASK, Level.L1, "licence")
    assert missing.value.replace("_", " ") in decision.headline


def test_the_calm_case_acts_unless_stopped_and_every_rule_passes() -> None:
    decision = decide(calm_situation(), calm_policy())
    assert decision.verdict is UNLESS_STOPPED
    assert (decision.level, decision.veto_window_seconds, decision.otherwise) == (Level.L3, 30, None)
    assert tuple(reason.rule for reason in decision.reasons) == RULES
    assert {reason.result.value for reason in decision.reasons} == {"passed"}
    assert decision.headline == "L3, bounded: it acts in 30 s unless somebody stops it."


def test_a_demotion_never_takes_the_veto_window_away() -> None:
    demoted = calm_situation(licence=Licence(gates=frozenset(Gate), demoted_to=Level.L2))
    decision = decide(demoted, calm_policy())
    assert (decision.verdict, decision.level, decision.veto_window_seconds) == (UNLESS_STOPPED, Level.L2, 30)


def test_a_pause_puts_the_level_at_manual_and_says_what_it_would_be_without() -> None:
    decision = decide(calm_situation(pauses=(pause(until=NOW + timedelta(hours=2)),)), calm_policy())
    assert (decision.verdict, decision.level, decision.otherwise) == (HOLD, Level.L0, UNLESS_STOPPED)
    assert decision.headline == (
        "Automation is paused here: U02BOB paused everything until 2026-11-23 14:00 UTC (deploying)."
    )
    assert decision.veto_window_seconds == 0


def observed(policy: Policy, **changes: Any) -> tuple[str, str]:
    decision = decide(calm_situation(**changes), policy)
    assert (decision.verdict, decision.level, decision.plan_digest) == (OBSERVE, Level.L0, None)
    assert tuple(reason.rule for reason in decision.reasons) == RULES
    assert decision.reason("level").text == "Not judged: there is no plan."
    return decision.decisive, decision.headline


def test_without_a_runbook_people_handle_it() -> None:
    assert observed(calm_policy(), runbook=None) == (
        "runbook",
        "No runbook matches this alert: people must handle it.",
    )


def test_a_runbook_that_has_left_the_policy_is_observed() -> None:
    assert observed(calm_policy(), runbook="gone") == (
        "runbook",
        "The policy no longer has the runbook gone: people must handle it.",
    )


def test_the_reason_why_no_plan_could_be_made_is_the_headline() -> None:
    assert observed(calm_policy(), plan=None, plan_problem="connection refused.") == (
        "plan",
        "No plan could be made: connection refused. People must handle it.",
    )


def test_a_plan_of_another_remediation_than_the_policy_names_is_not_judged() -> None:
    decisive, headline = observed(calm_policy(), plan=calm_plan(remediation="delete_everything"))
    assert decisive == "plan"
    assert "restart-checkout names restart_service" in headline
