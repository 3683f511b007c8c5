"""The card of a storm: what it says, what it hides, and that it always fits."""

import itertools
import json

import pytest

from bot.response.model.actions import ActionState
from bot.response.model.incidents import IncidentState
from bot.response.model.notices import BundleLine
from bot.slack.cards import render
from bot.slack.cards.leads import WORDS_MAX, count_words
from bot.slack.limits import check_card
from tests.slack.notices import ALICE, BOB
from tests.slack.storms import BUNDLES, bundle, line
from tests.slack.test_cards import buttons, drawn, reading


def test_a_card_about_many_of_the_longest_texts_still_fits() -> None:
    long = "<&>" * 5000
    every = [
        line(number, state, service=long, severity=long, alert_name=long, plan=long, approved_by=(f"U{'1' * 24}",) * 50)
        for number, state in enumerate(itertools.islice(itertools.cycle(ActionState), 100))
    ]
    notice = bundle(*every, summary=long, because=long, headlines=(long,) * 9, runbook=long, if_nobody_answers=long)
    message = render(notice, 41)
    check_card(message.blocks, message.text)


@pytest.mark.parametrize("name", BUNDLES)
def test_a_card_about_many_asks_within_sixty_words_too(name: str) -> None:
    header, section, answers, *_ = render(BUNDLES[name], 1, known_people={ALICE, BOB}).blocks
    assert answers["type"] == "actions"
    assert count_words(header["text"]["text"], section["text"]["text"]) <= WORDS_MAX


def test_only_when_all_are_resolved_there_is_a_green_tick_at_the_top() -> None:
    top = {name: render(BUNDLES[name], 1).blocks[1]["text"]["text"] for name in BUNDLES}
    assert [name for name, said in top.items() if "✅" in said] == ["bundle_over"]
    taken = render(BUNDLES["bundle_taken"], 1).blocks
    assert taken[0]["text"]["text"].startswith("Still not resolved: 4 of 5 incidents.")
    assert "<@U02BOB> took them." in taken[1]["text"]["text"]


def test_a_storm_of_which_nothing_waits_says_what_goes_on_and_who_is_on_how_much() -> None:
    resolved = line(12, ActionState.SUCCEEDED, incident_state=IncidentState.RESOLVED)
    runs, failed = line(13, ActionState.EXECUTING), line(14, ActionState.FAILED)
    taken = line(15, ActionState.OVERRIDDEN, incident_state=IncidentState.TAKEN, taken_by=BOB)

    def top(*lines: BundleLine) -> str:
        return str(render(bundle(*lines, due_at=None, approvers=()), 1).blocks[1]["text"]["text"])

    assert "1 of 2 under way." in top(resolved, runs, failed)
    assert "nobody has taken them" in top(resolved, failed)
    assert "<@U02BOB> took 1 of 2." in top(taken, failed)
    assert "<@U02BOB> took it." in top(taken, resolved)
    assert "All of these are resolved." in top(resolved)


def test_approving_all_says_once_more_how_many_and_how_far() -> None:
    (approve, *_) = buttons(BUNDLES["bundle_asking"])
    assert approve["text"]["text"] == "Approve all 17"
    assert approve["style"] == "primary"
    asked = json.dumps(approve["confirm"])
    assert "Run all 17?" in asked
    assert "17 targets in all" in asked


def test_a_card_about_many_says_what_stands_how_and_hides_what_is_too_much() -> None:
    said = reading(BUNDLES["bundle_under_way"])
    assert "2 waiting for approval, 1 failed, 1 running, 2 done and verified, 1 resolved" in said
    assert "… and 7 more, under “Choose…” and “Why?”" in reading(BUNDLES["bundle_asking"])
    text = drawn(BUNDLES["bundle_asking"])["text"]
    for part in ("Critical", "17 questions at once", "Restart a service", "2026-11-23 03:32", "INC-12 and 16 more"):
        assert part in text


def test_whoever_paused_is_named_and_an_id_that_came_with_an_alert_is_not() -> None:
    headlines = (f"Automation is paused here: {BOB} paused everything.", f"Other alerts ask for {ALICE}.")
    said = str(render(bundle(line(12, ActionState.HELD), headlines=headlines, names=(BOB,)), 41, {ALICE, BOB}).blocks)
    assert f"<@{BOB}> paused everything" in said
    assert f"ask for {ALICE}." in said
