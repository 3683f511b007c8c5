"""What is said about rolling an action back, before anybody confirms it; and which alerts a card names beside it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.policy.plan import Exactness, Plan, Rollback
from bot.response.model.actions import Action, ActionState, Result
from bot.response.model.incidents import AlertStatus
from bot.response.model.notices import Button, CardNotice
from bot.response.model.records import Attempt, AttemptState
from bot.response.notices.card import build_card, offered_buttons
from bot.response.notices.rollback_words import can_be_rolled_back, consequence, rollback_line
from tests.fixtures import incidents as facts
from tests.policy.calm import calm_policy
from tests.slack.facts import INCIDENT

IN_TIME = timedelta(minutes=5)


def told(exactness: Exactness, summary: str = "Start it again.") -> Plan:
    return facts.plan().model_copy(update={"rollback": Rollback(summary=summary, exactness=exactness)})


def acted(exactness: Exactness = Exactness.EXACT, **changes: Any) -> Action:
    made = replace(facts.action(7), state=ActionState.SUCCEEDED, result=Result.VERIFIED, plan=told(exactness))
    return replace(made, **changes)


def attempt(state: AttemptState) -> Attempt:
    return Attempt("a1:roll_back", state, None, "")


def test_every_rollback_option_is_stated_in_words() -> None:
    assert rollback_line(told(Exactness.EXACT)) == "Rollback: wholly. Start it again."
    assert rollback_line(told(Exactness.APPROXIMATE)) == "Rollback: partly. Start it again."
    assert rollback_line(told(Exactness.NOTHING_TO_UNDO, "")) == "Rollback: nothing to undo."
    assert rollback_line(told(Exactness.NOTHING_TO_UNDO, "Memory is gone.")) == (
        "Rollback: nothing to undo. Memory is gone."
    )
    assert rollback_line(told(Exactness.NONE, "The rows are gone.")) == "Rollback: none. The rows are gone."


@pytest.mark.parametrize(
    ("action", "before", "words"),
    [
        (acted(), None, "It has helped, so the problem may come back."),
        (acted(state=ActionState.FAILED, result=Result.NOT_RESTORED), None, "It has not helped."),
        (acted(state=ActionState.FAILED, result=Result.UNKNOWN), None, "Nobody knows how far it got"),
        (acted(state=ActionState.FAILED, rollbacks=1), attempt(AttemptState.FAILED), "it is tried again"),
        (
            acted(state=ActionState.FAILED, rollbacks=1),
            attempt(AttemptState.MOVED_ON),
            "This overwrites what was changed",
        ),
    ],
)
def test_a_confirmation_says_which_case_it_is(action: Action, before: Attempt | None, words: str) -> None:
    said = consequence(action, before, IN_TIME)
    assert words in said
    assert "within 5m" in said
    assert "Rollback: wholly. Start it again." in said
    overwrites = before is not None and before.state is AttemptState.MOVED_ON
    assert ("you are asked first" in said) is not overwrites


@pytest.mark.parametrize("exactness", Exactness)
@pytest.mark.parametrize("state", [ActionState.SUCCEEDED, ActionState.FAILED])
def test_only_what_can_be_undone_has_a_button_to_roll_it_back(exactness: Exactness, state: ActionState) -> None:
    action = acted(exactness, state=state)
    offered = Button.ROLL_BACK in offered_buttons(INCIDENT, action)
    assert offered is can_be_rolled_back(action) is (exactness in (Exactness.EXACT, Exactness.APPROXIMATE))


@pytest.mark.parametrize("result", Result)
def test_what_changed_nothing_or_is_rolled_back_already_has_none(result: Result) -> None:
    action = acted(state=ActionState.FAILED, result=result)
    assert can_be_rolled_back(action) is (result not in (Result.NOTHING_CHANGED, Result.ROLLED_BACK))


def drawn(*joined: Any, unmatched: tuple[str, ...] = ()) -> CardNotice:
    stored = facts.decision(7)
    stored = replace(stored, decision=stored.decision.model_copy(update={"unmatched": unmatched}))
    alerts = (facts.alert(), *joined)
    policy = calm_policy(mute=[{"when": "alert.service == 'staging'", "reason": "it is noise"}])
    return build_card(policy, INCIDENT, alerts, len(alerts), stored, None, (), facts.NOW)


def test_a_card_names_what_no_runbook_covers_also_what_has_joined_since_it_was_decided() -> None:
    assert drawn().unmatched == ()
    disk, gone = facts.alert("f2", name="DiskFull"), facts.alert("f3", name="Gone", status=AlertStatus.RESOLVED)
    muted = facts.alert("f4", name="Noise", service="staging")
    assert drawn(disk, gone, muted, unmatched=("CertificateExpiresSoon",)).unmatched == (
        "CertificateExpiresSoon",
        "DiskFull",
    )
    assert drawn(disk, unmatched=("DiskFull",)).unmatched == ("DiskFull",)
