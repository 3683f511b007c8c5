"""Authority: who may, and how many it takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.policy.approval import (
    FOR_APPROVERS,
    FOR_SIGNERS,
    Intervention,
    TallyState,
    approvals_needed,
    groups_for,
    may,
    may_act_by_hand,
    may_sign_off,
    next_groups,
    tally,
)
from bot.policy.decide import decide
from bot.policy.levels import Level
from bot.policy.plan import Effect
from tests.policy.calm import ALICE, BOB, CAROL, RUNBOOK, calm_plan, calm_policy, calm_situation, evidenced, pause

PEOPLE = {"people": {"sre": {"users": [ALICE, BOB]}, "leads": {"users": [CAROL]}}}


def test_what_changes_production_is_for_approvers_and_the_rest_for_everybody_named() -> None:
    policy = calm_policy({"approvals": {"from": ["leads"]}}, gates={"sign_off": ["leads"]}, **PEOPLE)
    for intervention in set(Intervention) - FOR_SIGNERS:
        expected = ("leads",) if intervention in FOR_APPROVERS else ("sre", "leads")
        assert groups_for(intervention, policy, RUNBOOK) == expected
        assert groups_for(intervention, policy) == (("sre",) if intervention in FOR_APPROVERS else ("sre", "leads"))
    assert {intervention.value for intervention in FOR_APPROVERS} == {
        "approve",
        "override",
        "act by hand",
        "roll back",
        "resume",
    }
    assert {intervention.value for intervention in FOR_SIGNERS} == {"sign off", "promote"}
    assert {groups_for(intervention, policy, RUNBOOK) for intervention in FOR_SIGNERS} == {("leads",)}


def test_a_group_of_the_chain_may_answer_once_it_was_asked_and_not_before() -> None:
    policy = calm_policy({"approvals": {"from": ["sre"], "escalation": ["leads"]}}, **PEOPLE)
    assert groups_for(Intervention.APPROVE, policy, RUNBOOK) == ("sre",)
    assert groups_for(Intervention.APPROVE, policy, RUNBOOK, asked={"sre", "leads"}) == ("sre", "leads")


def test_a_group_that_the_policy_no_longer_names_has_no_say_even_if_it_was_asked() -> None:
    policy = calm_policy({"approvals": {"from": ["sre"]}}, **PEOPLE)
    assert groups_for(Intervention.APPROVE, policy, RUNBOOK, asked={"sre", "leads", "captains"}) == ("sre",)


def test_the_chain_goes_on_with_those_who_were_not_asked() -> None:
    policy = calm_policy({"approvals": {"from": ["sre"], "escalation": ["sre", "leads"]}}, **PEOPLE)
    assert next_groups(policy, RUNBOOK, ("sre",)) == ("leads",)
    assert next_groups(policy, RUNBOOK, ("sre", "leads")) == ()


@pytest.mark.parametrize("intervention", Intervention)
def test_nobody_may_anything_without_being_named(intervention: Intervention) -> None:
    assert not may(intervention, ALICE, authorised=()).allowed
    assert not may(intervention, ALICE, authorised=(BOB,)).allowed
    assert may(intervention, ALICE, authorised=(ALICE, BOB)).allowed


@pytest.mark.parametrize("intervention", Intervention)
def test_the_requester_may_do_everything_but_approve_their_own_request(intervention: Intervention) -> None:
    permission = may(intervention, ALICE, authorised=(ALICE, BOB), requested_by=ALICE)
    assert permission.allowed == (intervention not in (Intervention.APPROVE, Intervention.ACT_BY_HAND))
    assert may(intervention, BOB, authorised=(ALICE, BOB), requested_by=ALICE).allowed


@pytest.mark.parametrize(
    ("needed", "effects", "expected"),
    [(1, "restart", 1), (1, "irreversible", 2), (3, "irreversible", 3), (3, "restart", 3)],
)
def test_forbidden_effects_need_two_and_never_fewer_than_the_policy_says(
    needed: int, effects: str, expected: int
) -> None:
    policy = calm_policy({"approvals": {"from": ["sre"], "needed": needed}})
    assert approvals_needed(policy, RUNBOOK, calm_plan(effects=frozenset({Effect(effects)}))) == expected


def test_a_second_approval_by_the_same_person_counts_once() -> None:
    count = tally(approvals=[ALICE, ALICE], stops=[], approvers=[ALICE, BOB], requested_by=None, needed=2)
    assert (count.standing, count.approved_by, count.missing) == (TallyState.PENDING, (ALICE,), 1)


def test_enough_distinct_approvers_approve() -> None:
    count = tally(approvals=[BOB, ALICE], stops=[], approvers=[ALICE, BOB], requested_by=None, needed=2)
    assert (count.standing, count.approved_by, count.missing) == (TallyState.APPROVED, (BOB, ALICE), 0)


def test_the_requesters_own_vote_never_counts() -> None:
    count = tally(approvals=[ALICE], stops=[], approvers=[ALICE, BOB], requested_by=ALICE, needed=1)
    assert (count.standing, count.approved_by) == (TallyState.PENDING, ())


def test_an_approval_by_somebody_without_the_authority_does_not_count() -> None:
    count = tally(approvals=[CAROL], stops=[], approvers=[ALICE, BOB], requested_by=None, needed=1)
    assert count.standing is TallyState.PENDING


def test_one_stop_outweighs_every_approval() -> None:
    count = tally(approvals=[ALICE, BOB], stops=[CAROL], approvers=[ALICE, BOB], requested_by=None, needed=1)
    assert count.standing is TallyState.STOPPED


@pytest.mark.parametrize("needed", [0, -1])
def test_nothing_is_approved_by_nobody(needed: int) -> None:
    with pytest.raises(ValueError, match="at least 1 person"):
        tally(approvals=[], stops=[], approvers=[], requested_by=None, needed=needed)


persons = st.lists(st.sampled_from((ALICE, BOB, CAROL)))


@given(persons, persons, persons, st.sampled_from((None, ALICE)), st.integers(1, 3))
def test_approved_means_enough_distinct_others_with_authority_and_no_stop(
    approvals: list[str], stops: list[str], approvers: list[str], requested_by: str | None, needed: int
) -> None:
    count = tally(approvals=approvals, stops=stops, approvers=approvers, requested_by=requested_by, needed=needed)
    valid = (set(approvals) & set(approvers)) - {requested_by}
    assert (count.standing is TallyState.APPROVED) == (len(valid) >= needed and not stops)
    assert set(count.approved_by) == valid
    assert count.missing == max(0, needed - len(valid))


def test_a_held_action_may_be_started_by_hand() -> None:
    assert may_act_by_hand(decide(calm_situation(pauses=(pause(),)), calm_policy())).allowed


def test_a_pause_never_turns_a_refusal_into_an_offer() -> None:
    policy, irreversible = calm_policy(forbidden_effects="refuse"), calm_plan(effects=frozenset({Effect.IRREVERSIBLE}))
    refused = decide(calm_situation(policy, pauses=(pause(),), plan=irreversible), policy)
    assert not may_act_by_hand(refused).allowed
    assert "the policy refuses that altogether" in may_act_by_hand(refused).text


def test_a_pause_never_lets_a_manual_runbook_run() -> None:
    policy = calm_policy()
    demoted = evidenced(policy, demoted_to=Level.L0)
    held = decide(calm_situation(policy, pauses=(pause(),), evidenced=demoted), policy)
    assert not may_act_by_hand(held).allowed


def test_by_hand_is_for_what_is_held_only() -> None:
    assert not may_act_by_hand(decide(calm_situation(), calm_policy())).allowed


# Signing off


def test_a_sign_off_is_for_whom_the_policy_names_and_who_has_not_written_it() -> None:
    policy = calm_policy({"authors": [BOB]}, gates={"sign_off": ["leads"]}, **PEOPLE)
    authorised = (BOB, CAROL)
    said = {person: (may_sign_off(policy, RUNBOOK, person, authorised=authorised)) for person in (ALICE, BOB, CAROL)}
    assert [person for person, permission in said.items() if permission.allowed] == [CAROL]
    assert "`gates.sign_off` of the policy does not name you" in said[ALICE].text
    assert said[BOB].text == "You have written restart-checkout, so somebody else must sign it off."
    assert said[CAROL].text == "The policy lets you sign off restart-checkout."


def test_what_does_not_say_who_wrote_it_and_what_is_not_there_cannot_be_signed_off() -> None:
    policy = calm_policy(gates={"sign_off": ["sre"]})
    nameless = may_sign_off(policy, RUNBOOK, CAROL, authorised=(CAROL,))
    assert (nameless.allowed, "Add `authors:`" in nameless.text) == (False, True)
    gone = may_sign_off(policy, "gone", CAROL, authorised=(CAROL,))
    assert (gone.allowed, gone.text) == (False, "The policy has no runbook gone.")
