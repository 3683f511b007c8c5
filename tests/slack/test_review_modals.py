"""The dialogs of a review: as agreed, within limits, and read back as they were filled in."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.policy.track_record import Judged
from bot.response.interventions.reviews import Judgement
from bot.response.model.actions import ActionState
from bot.response.model.records import Occasion, Review
from bot.slack.limits import check_view
from bot.slack.modals import REASON
from bot.slack.review_modals import (
    hand_over_faults,
    hand_over_modal,
    read_hand_over,
    read_review,
    review_faults,
    review_modal,
)
from tests.fixtures.incidents import NOW, action
from tests.slack.conftest import Golden
from tests.slack.notices import ALICE, BOB

VALUE = "act_5b1f0c9d2e.3"
DONE = action(7, "act_5b1f0c9d2e", ActionState.SUCCEEDED, outcome="Restarted checkout. It answers again.")
DUE = Review(DONE.id, NOW + timedelta(days=5), None, None, None, assigned_to=ALICE)
BEFORE = {"judgement": "helpful", "text": "Nothing.", "by": BOB, "at": NOW.isoformat(), "occasion": "acted"}
OVERRIDDEN = replace(DONE, state=ActionState.OVERRIDDEN, outcome="Overridden: the database is down")
VIEWS = {
    "modal_review": review_modal("INC-7", DONE, DUE, VALUE),
    "modal_review_of_an_override": review_modal(
        "INC-7", OVERRIDDEN, replace(DUE, occasion=Occasion.OVERRIDDEN, assigned_to=None), VALUE
    ),
    "modal_review_once_more": review_modal(
        "INC-7", DONE, replace(DUE, occasion=Occasion.ROLLED_BACK, earlier=(BEFORE,)), VALUE
    ),
    "modal_hand_over_review": hand_over_modal("INC-7", DONE, DUE, VALUE),
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_modal_is_drawn_exactly_as_agreed(name: str, golden: Golden) -> None:
    golden(name, VIEWS[name])


@pytest.mark.parametrize("name", VIEWS)
def test_a_modal_is_within_slacks_limits_and_carries_the_buttons_value(name: str) -> None:
    check_view(VIEWS[name])
    assert VIEWS[name]["private_metadata"] == VALUE
    assert VIEWS[name]["callback_id"] in ("review", "hand_over_review")


def filled(**values: str) -> dict[str, Any]:
    """Slack's state of a form in which these were chosen or typed."""
    chosen = ("judgement", "surprising")
    return {
        name: {name: {"selected_option": {"value": value}} if name in chosen else {"value": value}}
        for name, value in values.items()
    }


def test_a_review_is_read_back() -> None:
    form = read_review(filled(judgement="neutral", surprising="yes", surprise="The queue.", reason="traffic was low"))
    assert not review_faults(form)
    assert form.judgement == Judgement(Judged.NEUTRAL, True, "traffic was low", "The queue.")
    assert form.judgement.answers == {
        "judgement": "neutral",
        "surprising": True,
        "surprise": "The queue.",
        "text": "traffic was low",
    }


def test_what_surprised_is_dropped_where_nothing_did() -> None:
    form = read_review(filled(judgement="helpful", surprising="no", surprise="a leftover", reason="nothing"))
    assert form.judgement.answers == {"judgement": "helpful", "surprising": False, "text": "nothing"}


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"judgement": "great"}, {"judgement", "surprising", REASON}),
        ({"judgement": "right", "surprising": "no", "reason": "x"}, {"judgement"}),
        ({"judgement": "harmful", "surprising": "perhaps", "reason": "x"}, {"surprising"}),
        ({"judgement": "harmful", "surprising": "yes", "reason": "x"}, {"surprise"}),
        ({"judgement": "harmful", "surprising": "no", "reason": "   "}, {REASON}),
    ],
)
def test_what_is_wrong_with_a_review_is_said_at_its_field(values: dict[str, str], wrong: set[str]) -> None:
    assert set(review_faults(read_review(filled(**values)))) == wrong


def test_somebody_must_be_chosen_to_hand_a_review_over() -> None:
    assert read_hand_over({"person": {"person": {"selected_user": BOB}}}) == BOB
    assert set(hand_over_faults(read_hand_over({}))) == {"person"}
    assert not hand_over_faults(BOB)


def test_outside_text_stays_text() -> None:
    evil = replace(DONE, outcome="<!channel> <https://evil|click>")
    view = review_modal("INC-7", evil, replace(DUE, earlier=({**BEFORE, "text": "<!here>"},)), VALUE)
    check_view(view)
    assert not {"<!channel>", "<!here>", "<https"} & set(json.dumps(view).split())
    assert "&lt;!channel&gt;" in json.dumps(view)
