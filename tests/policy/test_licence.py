"""A licence is drawn from rows: gates passed by this very version of the runbook, less every demotion in force."""

from datetime import timedelta
from typing import Any

import pytest

from bot.policy.decide import decide
from bot.policy.decision import Verdict
from bot.policy.levels import Level
from bot.policy.situation import Demotion, Evidenced, Gate
from tests.policy.calm import (
    ANOTHER,
    NOW,
    RUNBOOK,
    asked_for,
    calm_policy,
    calm_situation,
    evidenced,
    licensed,
    passed_gates,
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


def test_the_inputs_of_the_licence_are_kept_whether_it_objects_or_not() -> None:
    policy = calm_policy()
    demoted = evidenced(policy, set(Gate) - {Gate.CHAOS_TEST}, demoted_to=Level.L1)
    assert said("licence", policy, evidenced=demoted).inputs == {
        "earned": "L1",
        "missing_gates": ["chaos_test"],
        "demoted_to": "L1",
    }
    assert said("licence").inputs == {"earned": "L3", "missing_gates": [], "demoted_to": None}
