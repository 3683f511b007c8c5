"""The card of a runbook that stands for a higher level: as agreed, within limits, and never with foreign markup."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.policy.situation import Gate
from bot.response.model.candidacies import CandidacyState, Findings, GateSeen
from bot.slack.cards import render
from bot.slack.limits import check_card
from tests.slack.conftest import Golden
from tests.slack.risings import RISINGS, WAITS


@pytest.mark.parametrize("name", RISINGS)
def test_a_candidacy_is_drawn_exactly_as_agreed(name: str, golden: Golden) -> None:
    message = render(RISINGS[name], 41)
    check_card(message.blocks, message.text)
    golden(name, {"text": message.text, "blocks": message.blocks, "metadata": message.metadata})


def test_where_nobody_may_decide_the_card_names_the_remedy() -> None:
    nobody = WAITS.model_copy(update={"findings": Findings()})
    assert "`gates.sign_off` of the policy names nobody" in str(render(nobody, 41).blocks)


@pytest.mark.parametrize("state", CandidacyState)
def test_every_state_is_said_in_words(state: CandidacyState) -> None:
    assert render(WAITS.model_copy(update={"state": state}), 41).text.startswith("Gates of restart-checkout: ")


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=4000), st.text(max_size=400), st.sampled_from(sorted(RISINGS)))
def test_any_text_gives_a_card_that_slack_takes_and_no_markup_of_its_own(long: str, short: str, name: str) -> None:
    findings = Findings(
        gates=tuple(GateSeen(gate=gate, text=f"<!channel>{long}") for gate in Gate),
        cases=long,
        lifts=(long, short) * 6,
        text=long,
    )
    card = RISINGS[name].model_copy(update={"findings": findings, "runbook": short or "x", "summary": long})
    message = render(card, 41)
    check_card(message.blocks, message.text)
    ours = re.sub(
        r"<!date\^\d+\^[^<>|]*\|[^<>]*>|<@U\w+>", "", f"{message.text} {message.blocks[1:]}"
    )  # the title is plain
    assert "<" not in ours
