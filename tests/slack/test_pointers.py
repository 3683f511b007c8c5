"""The message that says where an incident is handled: as agreed, within limits, and never with foreign markup."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.slack.cards import render
from bot.slack.limits import check_card
from tests.slack.conftest import Golden
from tests.slack.notices import ALICE, BOB
from tests.slack.short_notices import POINTERS


@pytest.mark.parametrize("name", POINTERS)
def test_a_pointer_is_drawn_exactly_as_agreed(name: str, golden: Golden) -> None:
    message = render(POINTERS[name], 41)
    check_card(message.blocks, message.text)
    golden(name, {"text": message.text, "blocks": message.blocks, "metadata": message.metadata})


def test_the_fallback_text_stands_alone() -> None:
    text = render(POINTERS["pointer_resolved"], 41).text
    for part in ("Critical", "checkout", "ServiceDown", "INC-7", "<#C07OWN>", "Resolved after 6 min"):
        assert part in text


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=400), st.text(max_size=400), st.text(max_size=3000), st.text(max_size=40))
def test_any_text_gives_a_pointer_that_slack_takes_and_no_markup_of_its_own(
    service: str, alert: str, outcome: str, severity: str
) -> None:
    changes = {"service": service, "alert_name": f"<!channel>{alert}", "outcome": outcome, "severity": severity}
    message = render(POINTERS["pointer_resolved"].model_copy(update=changes), 41)
    check_card(message.blocks, message.text)
    ours = re.sub(r"<!date\^\d+\^[^<>|]*\|[^<>]*>|<#C07OWN>", "", f"{message.text} {message.blocks}")
    assert "<" not in ours


def test_whoever_ended_it_is_named_and_an_id_that_came_from_elsewhere_is_not() -> None:
    outcome = f"Ended half-way by {BOB}. supervisord says: ask {ALICE}."
    ended = POINTERS["pointer_failed"].model_copy(update={"outcome": outcome, "names": (BOB,)})
    said = str(render(ended, 41, {ALICE, BOB}).blocks)
    assert f"by <@{BOB}>" in said
    assert f"ask {ALICE}." in said
