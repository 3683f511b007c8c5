"""The tables that every change of state goes through, and the page drawn from them."""

from pathlib import Path

import pytest

from bot.response.model.actions import ACTION_LIFECYCLE, PENDING, UNDECIDED, UNDER_WAY, ActionEvent, ActionState
from bot.response.model.candidacies import CANDIDACY_LIFECYCLE, CandidacyEvent, CandidacyState
from bot.response.model.diagrams import page
from bot.response.model.incidents import INCIDENT_LIFECYCLE, IncidentEvent, IncidentState
from bot.response.model.lifecycle import Lifecycle

ROOT = Path(__file__).parents[2]


def test_the_docs_show_the_tables_the_program_runs_on() -> None:
    assert (ROOT / "docs" / "lifecycles.md").read_text() == page(), "run `make diagrams`"


STATES = {"action": ActionState, "incident": IncidentState, "candidacy": CandidacyState}


@pytest.mark.parametrize(
    "lifecycle", [ACTION_LIFECYCLE, INCIDENT_LIFECYCLE, CANDIDACY_LIFECYCLE], ids=lambda each: each.name
)
def test_every_state_can_be_reached_and_left_or_is_an_end(lifecycle: Lifecycle) -> None:  # type: ignore[type-arg]
    reached = set(lifecycle.beginnings)
    while more := {t for s, _, t in lifecycle.transitions() if s in reached} - reached:
        reached |= more
    states = set(STATES[lifecycle.name])
    assert reached == states
    assert any(lifecycle.final(state) for state in states)


def test_every_event_has_its_line() -> None:
    assert set(ACTION_LIFECYCLE.table) == set(ActionEvent)
    assert set(INCIDENT_LIFECYCLE.table) == set(IncidentEvent)
    assert set(CANDIDACY_LIFECYCLE.table) == set(CandidacyEvent)


def test_nothing_begins_without_having_been_approved_and_claimed() -> None:
    sources = {event: ACTION_LIFECYCLE.sources(event) for event in ActionEvent}
    assert sources[ActionEvent.BEGIN] == {ActionState.RUNNING}
    assert sources[ActionEvent.CLAIM] == {ActionState.APPROVED}
    assert sources[ActionEvent.APPROVE] | sources[ActionEvent.WINDOW_OVER] <= UNDECIDED


def test_a_person_can_stop_everything_up_to_the_effect_and_nothing_after() -> None:
    assert ACTION_LIFECYCLE.sources(ActionEvent.STOP) == PENDING | {ActionState.RUNNING}
    assert not ACTION_LIFECYCLE.sources(ActionEvent.STOP) & (UNDER_WAY - {ActionState.RUNNING})


def test_no_autonomous_action_is_released_before_its_card_is_announced() -> None:
    into_window = [s for s, _, t in ACTION_LIFECYCLE.transitions() if t is ActionState.VETO_WINDOW]
    assert into_window == [ActionState.ANNOUNCING]
    assert ACTION_LIFECYCLE.sources(ActionEvent.WINDOW_OVER) == {ActionState.VETO_WINDOW}
    assert ActionState.ANNOUNCING not in ACTION_LIFECYCLE.sources(ActionEvent.APPROVE)
