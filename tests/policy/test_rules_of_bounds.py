"""Oversight, bounds and forbidden effects at their edges: what no plan may do by itself."""

from typing import Any

import pytest
from pydantic import ValidationError

from bot.policy.decision import RuleResult, Verdict
from bot.policy.plan import BlastRadius, Effect, Exactness, Rollback
from bot.policy.rules.forbidden import FORBIDDEN
from bot.policy.situation import (
    Notification,
    Oversight,
)
from tests.policy.calm import (
    calm_plan,
    calm_policy,
    calm_situation,
    targets,
)
from tests.policy.edges import ESCALATES, PASSED, decided, reaching, said

# Oversight


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"oversight": Oversight(audited=False, notification=Notification.ACCEPTED)}, "audit"),
        ({"plan": reaching(2, stated=1)}, "blast radius"),
        ({"plan": calm_plan(rollback=Rollback(summary=" ", exactness=Exactness.EXACT))}, "rollback"),
    ],
)
def test_any_missing_part_of_oversight_refuses_and_is_named(changes: dict[str, Any], missing: str) -> None:
    decision = decided(**changes)
    assert (decision.verdict, decision.decisive) == (Verdict.REFUSE, "oversight")
    assert decision.headline == f"Refused: oversight is incomplete, there is no true {missing}."
    stored = "way back" if missing == "rollback" else missing
    assert [part for part, there in decision.reason("oversight").inputs.items() if not there] == [stored]


def test_nothing_to_undo_is_a_rollback_option_and_does_not_make_a_plan_irreversible() -> None:
    for summary in ("", "What the process held in memory is gone."):
        plan = calm_plan(rollback=Rollback(summary=summary, exactness=Exactness.NOTHING_TO_UNDO))
        assert decided(plan=plan).verdict is Verdict.ACT_UNLESS_STOPPED


def test_a_blast_radius_may_be_wider_than_the_targets_and_is_what_is_judged() -> None:
    assert decided(plan=reaching(1, stated=2)).verdict is Verdict.ACT_UNLESS_STOPPED
    assert decided(plan=reaching(1, stated=3)).decisive == "blast_radius"


def test_a_failed_announcement_falls_back_to_asking() -> None:
    failed = Oversight(audited=True, notification=Notification.FAILED)
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
    decision = decided(oversight=Oversight(audited=True, notification=state))
    assert (decision.verdict, decision.reason("notification").text) == (Verdict.ACT_UNLESS_STOPPED, text)


def test_every_situation_has_a_trigger_for_one_without_cannot_be_written() -> None:
    assert said("oversight").inputs["trigger"] is True
    with pytest.raises(ValidationError, match="alerts"):
        calm_situation(alerts=())


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


# Cautions


def test_what_the_remediation_has_seen_asks_and_is_the_headline() -> None:
    decision = decided(plan=calm_plan(cautions=("It was deployed ten minutes ago", " An autoscaler is in charge. ")))
    assert (decision.verdict, decision.decisive, decision.approvals_needed) == (Verdict.ASK, "cautions", 1)
    assert decision.headline == "It was deployed ten minutes ago. An autoscaler is in charge."
    assert decision.reason("cautions").inputs == {
        "cautions": ["It was deployed ten minutes ago", "An autoscaler is in charge."]
    }


def test_without_a_caution_nothing_speaks_against_it() -> None:
    assert said("cautions").text == "Nothing was seen there that speaks against it."


# Forbidden effects


@pytest.mark.parametrize("effect", FORBIDDEN)
def test_each_forbidden_effect_asks_two_people(effect: Effect) -> None:
    decision = decided(plan=calm_plan(effects=frozenset({Effect.RESTART, effect})))
    assert (decision.verdict, decision.decisive, decision.approvals_needed) == (Verdict.ASK, "forbidden_effects", 2)
    assert FORBIDDEN[effect] in decision.headline


def test_an_effect_that_this_release_does_not_know_is_forbidden() -> None:
    plan = calm_plan().model_validate({**calm_plan().model_dump(mode="json"), "effects": ["restart", "move_the_moon"]})
    decision = decided(plan=plan)
    assert (decision.verdict, decision.decisive, decision.approvals_needed) == (Verdict.ASK, "forbidden_effects", 2)
    assert "have an effect that this release does not know" in decision.headline


@pytest.mark.parametrize("effect", sorted(set(Effect) - set(FORBIDDEN) - {Effect.BILLING, Effect.DATA_INTEGRITY}))
def test_no_other_effect_is_forbidden(effect: Effect) -> None:
    decision = decided(plan=calm_plan(effects=frozenset({effect})))
    assert (decision.verdict, decision.approvals_needed) == (Verdict.ACT_UNLESS_STOPPED, 1)


def test_five_kinds_of_effect_are_forbidden_and_whatever_is_unknown() -> None:
    assert {effect.value for effect in FORBIDDEN} == {
        "delete_customer_data",
        "change_contracts_or_pricing",
        "disable_authentication",
        "legal_or_compliance",
        "irreversible",
        "unknown",
    }


def test_no_rollback_is_irreversible_even_if_the_plan_does_not_say_so() -> None:
    decision = decided(plan=calm_plan(rollback=Rollback(summary="none", exactness=Exactness.NONE)))
    assert decision.headline == ("This plan would be irreversible: that never happens by itself, 2 people must agree.")


def test_the_policy_may_refuse_forbidden_effects_even_where_the_bounds_would_ask() -> None:
    plan = calm_plan(
        effects=frozenset({Effect.IRREVERSIBLE}), targets=targets(3), blast_radius=BlastRadius(targets=3, share=0.25)
    )
    decision = decided(calm_policy(forbidden_effects="refuse"), plan=plan)
    assert (decision.verdict, decision.decisive) == (Verdict.REFUSE, "forbidden_effects")
