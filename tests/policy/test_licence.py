"""A licence is drawn from rows: gates passed by this very version of the runbook, less every demotion in force."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.policy.decide import decide
from bot.policy.decision import Verdict
from bot.policy.file.document import Policy
from bot.policy.file.earning import Expire
from bot.policy.levels import Level
from bot.policy.rules.case import Licence
from bot.policy.rules.licence import licence_of, why_missing
from bot.policy.rules.seal import seal_of
from bot.policy.situation import Demotion, Evidenced, Gate
from bot.policy.track_record import Ending
from tests.policy.calm import (
    ANOTHER,
    BOB,
    CAROL,
    NOW,
    RUNBOOK,
    asked_for,
    calm_policy,
    calm_situation,
    evidenced,
    licensed,
    passed_gates,
    past_case,
    sealed_evidenced,
)
from tests.policy.edges import PASSED, decided, said


def test_a_demotion_says_why() -> None:
    policy = calm_policy()
    decision = decided(policy, evidenced=evidenced(policy, demoted_to=Level.L1, reason="it made things worse in INC-3"))
    assert (decision.verdict, decision.decisive) == (Verdict.ASK, "licence")
    assert decision.headline == (
        "restart-checkout may act at most at L1 instead of L3: it was demoted to L1 (it made things worse in INC-3)."
    )


def test_a_demotion_to_l0_observes() -> None:
    policy = calm_policy()
    decision = decided(policy, evidenced=evidenced(policy, demoted_to=Level.L0))
    assert (decision.verdict, decision.level) == (Verdict.OBSERVE, Level.L0)


def test_a_demotion_above_what_was_earned_gives_nothing_back() -> None:
    policy = calm_policy()
    decision = decided(policy, evidenced=evidenced(policy, (), demoted_to=Level.L3))
    assert (decision.verdict, decision.level) == (Verdict.ASK, Level.L1)
    assert "not passed yet: staging dry run, chaos test" in decision.headline


def test_of_several_demotions_the_lowest_counts_and_says_why() -> None:
    policy = calm_policy()
    held = evidenced(policy, demoted_to=Level.L2, reason="a review is overdue")[RUNBOOK]
    lower = Demotion(level=Level.L1, reason="it made things worse", at=NOW)
    both = held.model_copy(update={"demotions": (*held.demotions, lower)})
    decision = decided(policy, evidenced={RUNBOOK: both})
    assert (decision.level, "(it made things worse)" in decision.headline) == (Level.L1, True)


def test_of_several_demotions_to_one_level_the_first_on_record_says_why() -> None:
    policy = calm_policy()
    held = evidenced(policy, demoted_to=Level.L1, reason="it made things worse")[RUNBOOK]
    later = Demotion(level=Level.L1, reason="a review is overdue", at=NOW)
    decision = decided(policy, evidenced={RUNBOOK: held.model_copy(update={"demotions": (*held.demotions, later)})})
    assert "(it made things worse)" in decision.headline


def test_no_licence_is_needed_to_ask() -> None:
    decision = decided(calm_policy({"level": "L1"}), evidenced={})
    assert (decision.verdict, decision.decisive) == (Verdict.ASK, "level")
    assert decision.reason("licence").result is PASSED


def test_a_gate_counts_until_it_expires() -> None:
    policy = calm_policy()
    for until, level in ((NOW + timedelta(microseconds=1), Level.L3), (NOW, Level.L1)):
        rows = passed_gates(policy)
        rows = (rows[0].model_copy(update={"until": until}), *rows[1:])
        decision = decided(policy, evidenced={RUNBOOK: Evidenced(gates=rows)})
        assert decision.level is level


def test_a_gate_passed_again_counts_though_the_row_before_has_expired() -> None:
    policy = calm_policy()
    rows = passed_gates(policy)
    expired = rows[0].model_copy(update={"until": NOW - timedelta(days=1)})
    assert decided(policy, evidenced={RUNBOOK: Evidenced(gates=(expired, *rows))}).level is Level.L3


@pytest.mark.parametrize("changed", [{"veto_window": "31s"}, {"summary": "Restart it"}, {"evidence": {"down": "up"}}])
def test_a_gate_passed_by_another_version_of_the_runbook_does_not_count(changed: dict[str, Any]) -> None:
    before, after = calm_policy(), calm_policy(changed)
    situation = calm_situation(before)
    assert decide(situation, before).level is Level.L3
    assert decide(situation, after).level is Level.L1
    assert decide(licensed(situation, after), after).level is Level.L3


def test_the_licence_of_another_runbook_is_of_no_use() -> None:
    policy = calm_policy(after={ANOTHER: {"when": "alert.name == 'Slow'"}})
    held = evidenced(policy)
    assert decided(policy, evidenced={ANOTHER: held[RUNBOOK]}).level is Level.L1


def test_parameters_that_a_person_changed_are_outside_the_licence() -> None:
    decision = decided(request=asked_for(parameters={"command": "true"}), changed=("with", "command"))
    assert (decision.verdict, decision.decisive, decision.level) == (Verdict.ASK, "licence", Level.L1)
    assert decision.headline == (
        "restart-checkout may act at most at L1 instead of L3: it was demoted to L1 (it earned its licence with the "
        "parameters as written, and a person changed command, with)."
    )


# Gates with everything that they were passed with


def signed_policy(runbook: dict[str, Any] | None = None, **document: Any) -> Policy:
    return calm_policy({"authors": [BOB], **(runbook or {})}, **document)


def why(held: Evidenced, policy: Policy | None = None, *, now: datetime = NOW) -> str:
    policy = policy or signed_policy()
    return why_missing(licence_of(held, policy, RUNBOOK, seal_of(policy, RUNBOOK, 1), now))


def replaced(held: Evidenced, gate: Gate, **changes: Any) -> Evidenced:
    rows = (row.model_copy(update=changes) if row.gate is gate else row for row in held.gates)
    return held.model_copy(update={"gates": tuple(rows)})


def test_gates_that_were_passed_with_everything_as_it_is_earn_l3() -> None:
    policy = signed_policy()
    decision = decided(policy, evidenced={RUNBOOK: sealed_evidenced(policy)})
    assert (decision.verdict, decision.level) == (Verdict.ACT_UNLESS_STOPPED, Level.L3)
    assert why(sealed_evidenced(policy)) == ""


@pytest.mark.parametrize(
    ("days_ago", "told"),
    [
        (29, ""),
        (30, "the rollback verification expired 0 s ago"),
        (33, "the rollback verification expired 3 days ago"),
        (90, "the staging dry run, the chaos test, the failure simulation and the human sign-off expired 0 s ago; "
             "the rollback verification expired 60 days ago"),
    ],
)  # fmt: skip
def test_what_expired_is_named_with_when(days_ago: int, told: str) -> None:
    assert why(sealed_evidenced(signed_policy(), days_ago=days_ago)) == told


def test_a_rollback_is_verified_again_sooner_than_the_rest() -> None:
    assert (Expire().rollback_verification, Expire().others) == (timedelta(days=30), timedelta(days=90))


def test_a_policy_that_has_become_stricter_counts_for_what_was_passed_before_and_a_laxer_one_does_not() -> None:
    held = sealed_evidenced(signed_policy(), days_ago=10)
    stricter = signed_policy(gates={"expire": {"rollback_verification": "9d", "others": "1w"}})
    assert why(held, stricter) == (
        "the staging dry run, the chaos test, the failure simulation and the human sign-off expired 3 days ago; "
        "the rollback verification expired 24 h 0 min ago"
    )
    laxer = signed_policy(gates={"expire": {"rollback_verification": "365d"}})
    assert (
        why(sealed_evidenced(signed_policy(), days_ago=31), laxer) == "the rollback verification expired 24 h 0 min ago"
    )


@pytest.mark.parametrize("wrong", ["0s", "366d", "-1d"])
def test_no_gate_counts_for_ever_or_not_at_all(wrong: str) -> None:
    with pytest.raises(ValueError, match="others"):
        Expire.model_validate({"others": wrong})


def test_a_row_of_an_older_release_counts_as_long_as_was_said_then() -> None:
    policy = signed_policy()
    rows = tuple(
        row.model_copy(update={"passed_at": NOW - timedelta(days=99), "until": NOW + timedelta(days=1)})
        for row in passed_gates(policy)
    )
    assert decided(policy, evidenced={RUNBOOK: Evidenced(gates=rows)}).level is Level.L3


@pytest.mark.parametrize(
    ("by", "told"),
    [
        (CAROL, ""),
        (BOB, "the human sign-off is void: whoever gave it has written the runbook"),
        ("", "the human sign-off is void: it does not say who gave it"),
    ],
)
def test_a_sign_off_is_by_somebody_who_has_not_written_it(by: str, told: str) -> None:
    assert why(sealed_evidenced(signed_policy(), by=by)) == told


def test_what_does_not_say_who_wrote_it_cannot_be_signed_off() -> None:
    told = "the human sign-off is void: the runbook does not say who wrote it"
    assert why(sealed_evidenced(calm_policy()), calm_policy()) == told


def test_gates_with_the_same_problem_are_named_together_and_those_never_passed_last() -> None:
    held = sealed_evidenced(signed_policy())
    for gate in (Gate.CHAOS_TEST, Gate.FAILURE_SIMULATION):
        held = replaced(held, gate, seal="lost")
    held = held.model_copy(update={"gates": held.gates[1:]})
    assert why(held) == (
        "the chaos test and the failure simulation are void: what it was passed with is not on record; "
        "not passed yet: staging dry run"
    )


def test_a_gate_of_which_nothing_is_said_was_never_passed() -> None:
    assert why_missing(Licence(frozenset(Gate) - {Gate.CHAOS_TEST})) == "not passed yet: chaos test"


def test_where_no_row_of_a_gate_counts_the_newest_says_why() -> None:
    policy, before = signed_policy(), signed_policy({"summary": "Restart"})
    old, new = sealed_evidenced(before, days_ago=20), sealed_evidenced(policy, days_ago=40)
    both = Evidenced(gates=(*new.gates, *old.gates), seals={**old.seals, **new.seals})
    assert "the rollback verification is void: the runbook changed (summary: " in why(both)
    assert "expired" in why(new)
    assert "staging dry run" not in why(both)


# Causes that no row says yet


def test_a_cause_caps_from_the_moment_it_is_on_record() -> None:
    policy = signed_policy()
    held = sealed_evidenced(policy).model_copy(update={"cases": (past_case(3, Ending.HARMED),)})
    decision = decided(policy, evidenced={RUNBOOK: held})
    assert (decision.verdict, decision.level) == (Verdict.ASK, Level.L1)
    assert decision.reason("licence").text == (
        "restart-checkout may act at most at L1 instead of L3: it was demoted to L1 (it did harm in INC-3)."
    )
    lifted = held.model_copy(update={"lifted": ("harmed:a3",)})
    assert decided(policy, evidenced={RUNBOOK: lifted}).level is Level.L3


def test_a_demotion_in_force_stands_although_its_cause_is_too_old_to_be_shown() -> None:
    policy = signed_policy()
    row = Demotion(level=Level.L1, reason="it did harm in INC-3", at=NOW, cause="harmed:a3")
    held = sealed_evidenced(policy).model_copy(update={"demotions": (row,)})
    assert decided(policy, evidenced={RUNBOOK: held}).level is Level.L1


def test_the_inputs_of_the_licence_are_kept_whether_it_objects_or_not() -> None:
    policy = calm_policy()
    demoted = evidenced(policy, set(Gate) - {Gate.CHAOS_TEST}, demoted_to=Level.L1)
    assert said("licence", policy, evidenced=demoted).inputs == {
        "earned": "L1",
        "missing_gates": ["chaos_test"],
        "demoted_to": "L1",
    }
    assert said("licence").inputs == {"earned": "L3", "missing_gates": [], "demoted_to": None}
