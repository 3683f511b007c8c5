"""The words of every state: all have some, none are mistaken for another's, and what follows from a state is total."""

import pytest

from bot.policy.confidence import HARMLESS_OUTCOMES
from bot.policy.decide import RULES
from bot.policy.decision import RULE_TITLES, Reason, RuleResult, Verdict
from bot.policy.situation import Gate
from bot.response.model.actions import ACTION_LIFECYCLE, ENDED, PENDING, UNDER_WAY, ActionEvent, ActionState
from bot.response.model.incidents import IncidentState
from bot.response.model.state_words import question_words, state_words

STATES = [*ActionState, *IncidentState, *Verdict]


@pytest.mark.parametrize("state", STATES, ids=lambda state: f"{type(state).__name__}.{state}")
def test_every_state_has_a_label_for_lists_and_a_sentence_that_stands_alone(
    state: ActionState | IncidentState | Verdict,
) -> None:
    said = state_words(state)
    assert said.label[0].isupper()
    assert said.label.isprintable()
    assert not set(said.label) & set(".,_"), "it stands in lists and before colons"
    assert said.within[0].islower()
    assert said.within[1:] == said.label[1:]
    assert said.sentence[0].isupper()
    assert said.sentence.endswith(".")
    assert "_" not in said.sentence


@pytest.mark.parametrize("states", [ActionState, IncidentState, Verdict])
def test_no_two_states_have_the_same_words(states: type[ActionState] | type[IncidentState] | type[Verdict]) -> None:
    assert len({state_words(state).label for state in states}) == len(states)
    assert len({state_words(state).sentence for state in states}) == len(states)


@pytest.mark.parametrize("state", STATES, ids=lambda state: f"{type(state).__name__}.{state}")
def test_a_heading_takes_what_is_put_into_it_as_it_is(state: ActionState | IncidentState | Verdict) -> None:
    heading = state_words(state).headed(plan="Restart {trouble}", trouble="{0} on {plan}")
    assert "Restart {trouble}" in heading or "{0} on {plan}" in heading


def test_what_nobody_approved_and_what_was_approved_too_late_to_start_are_told_apart() -> None:
    expired, lapsed = state_words(ActionState.EXPIRED), state_words(ActionState.LAPSED)
    assert (expired.label, lapsed.label) == ("Not approved in time", "Approved but not started in time")
    for said in (expired, lapsed):
        assert (
            said.headed(plan="Restart web", trouble="WebDown on web") == f"{said.label}: WebDown on web. Who takes it?"
        )
    assert ACTION_LIFECYCLE.sources(ActionEvent.EXPIRE) == {ActionState.WAITING}
    assert ACTION_LIFECYCLE.sources(ActionEvent.LAPSE) == {ActionState.APPROVED, ActionState.RUNNING}


def test_where_nothing_would_run_the_words_say_that_people_must_look() -> None:
    assert question_words(None, Verdict.REFUSE) is state_words(Verdict.REFUSE)
    assert question_words(None, Verdict.OBSERVE) is state_words(Verdict.OBSERVE)
    assert all("A person must look." in question_words(None, verdict).sentence for verdict in Verdict)
    assert question_words(ActionState.HELD, Verdict.HOLD) is state_words(ActionState.HELD)


def test_every_state_either_waits_or_is_under_way_or_has_ended() -> None:
    assert set(ActionState) == PENDING | UNDER_WAY | ENDED
    assert not PENDING & UNDER_WAY


def test_every_end_of_an_action_is_counted_as_harmless_or_as_a_failure() -> None:
    assert ENDED - {ActionState(outcome) for outcome in HARMLESS_OUTCOMES} == {
        ActionState.ROLLED_BACK,
        ActionState.FAILED,
    }


def test_every_gate_and_every_rule_has_words() -> None:
    assert {gate.in_words for gate in Gate} >= {"chaos test", "human sign-off"}
    assert not any("_" in gate.in_words for gate in Gate)
    assert set(RULE_TITLES) == set(RULES)
    assert not any("_" in title for title in RULE_TITLES.values())


def test_a_rule_that_only_an_older_release_knew_keeps_its_name() -> None:
    assert Reason(rule="phase_of_the_moon", result=RuleResult.PASSED, text="Full.").title == "phase_of_the_moon"
    assert Reason(rule="blast_radius", result=RuleResult.PASSED, text="1 target.").title == "Blast radius"
