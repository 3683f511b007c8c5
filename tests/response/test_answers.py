"""What people did with a question is told by how it ended, and by whom."""

import pytest

from bot.policy.shadow import People
from bot.response.model.actions import ActionState
from bot.response.model.answers import what_people_did

BOB = ("U02BOB",)
SAID_NO = {ActionState.STOPPED, ActionState.OVERRIDDEN}


@pytest.mark.parametrize("state", ActionState)
def test_who_settled_it_has_approved_unless_they_stopped_or_overrode_it(state: ActionState) -> None:
    assert what_people_did(state, BOB) is (People.DECLINED if state in SAID_NO else People.APPROVED)
    assert what_people_did(state, BOB, taken_over=True) is what_people_did(state, BOB)


@pytest.mark.parametrize("state", sorted(set(ActionState) - SAID_NO))
def test_where_nobody_settled_it_only_taking_over_is_an_answer(state: ActionState) -> None:
    assert what_people_did(state, ()) is People.SILENT
    assert what_people_did(state, (), taken_over=True) is People.DECLINED


def test_whoever_halts_what_runs_would_rather_not_have_it() -> None:
    assert what_people_did(ActionState.FAILED, BOB, halted=True) is People.DECLINED
