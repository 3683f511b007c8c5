"""The longer answers to ``/watch``, exactly as agreed and within limits."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.policy.levels import Level
from bot.response.interventions.requests import Rehearsal
from bot.response.interventions.runbook_levels import RunbookLevel
from bot.response.model.records import AuditEntry
from bot.slack import listings
from bot.slack.limits import check_card
from tests.slack.conftest import Golden
from tests.slack.facts import DECISION, SITUATION
from tests.slack.notices import ALICE, BOB, OPENED
from tests.slack.test_home_tab import BUSY

REHEARSAL = Rehearsal(SITUATION, DECISION, (ALICE, BOB), True, "supervisor is reachable and would restart checkout.")
STANDING = RunbookLevel("restart-checkout", "Restart checkout", Level.L3, Level.L1, "not passed yet: chaos test")
IN_SHADOW = replace(
    STANDING,
    why_not_higher="the chaos test is void: the runbook changed (verify.within: 2m -> 121s)",
    shadow="In shadow it would have acted in 13 of 15 questions; people did the same in 11 of 12 (92 %).",
)
ENDING = replace(STANDING, in_force=Level.L3, why_not_higher="", expiring="the chaos test expires in 6 days")
ENTRY = AuditEntry(number=41, at=OPENED, actor=BOB, kind="action.vote", incident_id=7, body={})
ANSWERS = {
    "listing_runbooks": listings.runbooks(
        [
            STANDING,
            replace(STANDING, runbook="restart-orders", summary="Restart orders", in_force=Level.L3, why_not_higher=""),
            replace(IN_SHADOW, runbook="drain-node", summary="Move the pods of a node elsewhere"),
            replace(ENDING, runbook="clear-queue", summary="Take dead jobs off a queue"),
        ],
        "In 40 cases confidence was 86 % on average, and 88 % worked (Brier score 0.102; always saying 88 % scores "
        "0.109).",
    ),
    "listing_no_runbooks": listings.runbooks([]),
    "listing_reviews": listings.reviews(BUSY.reviews, BOB),
    "listing_no_reviews": listings.reviews([], BOB),
    "listing_record": listings.record([ENTRY, replace(ENTRY, number=40, actor="watchkeeper", incident_id=None)]),
    "listing_record_of_one": listings.record([ENTRY], "INC-7"),
    "listing_looking": listings.looking("restart-checkout"),
    "listing_rehearsal": listings.rehearsal(REHEARSAL, "restart-checkout", {ALICE}),
    "listing_rehearsal_without_a_plan": listings.rehearsal(
        Rehearsal(SITUATION.model_copy(update={"plans": {}}), DECISION, (), None, "no process checkout on supervisor"),
        "restart-checkout",
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_listing_is_drawn_exactly_as_agreed(name: str, golden: Golden) -> None:
    golden(name, {"text": ANSWERS[name].text, "blocks": ANSWERS[name].blocks})


def test_an_entry_of_a_newer_release_is_listed_with_its_own_word() -> None:
    assert "planet.moved" in json.dumps(listings.record([replace(ENTRY, kind="planet.moved")]).blocks)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_listing_is_within_slacks_limits(name: str) -> None:
    check_card(ANSWERS[name].blocks, ANSWERS[name].text)


@pytest.mark.parametrize(
    "answer",
    [
        listings.runbooks(
            [replace(STANDING, summary="s" * 500, why_not_higher="w" * 900, expiring="e" * 900, shadow="z" * 900)] * 400
        ),
        listings.reviews([replace(BUSY.reviews[0], to=(ALICE,) * 40)] * 400, ALICE),
        listings.record([replace(ENTRY, actor="a" * 400)] * 400),
    ],
)
def test_a_long_listing_is_cut_and_stays_within_limits(answer: Any) -> None:
    check_card(answer.blocks, answer.text)


def test_runbooks_for_which_a_message_has_no_room_are_counted() -> None:
    wordy = listings.runbooks([replace(STANDING, why_not_higher="w" * 900, shadow="z" * 900)] * 20)
    shown = json.dumps(wordy.blocks).count("`restart-checkout`")
    assert 5 < shown < 20
    assert f"and {20 - shown} more" in json.dumps(wordy.blocks)
    short = json.dumps(listings.runbooks([STANDING] * 21).blocks)
    assert short.count("`restart-checkout`") == 20
    assert "and 1 more" in short


def test_what_i_am_asked_for_comes_first() -> None:
    first = json.dumps(ANSWERS["listing_reviews"].blocks[1])
    assert first.index("<@U02BOB>") < first.index("<@U01ALICE>")


def test_what_stands_in_the_orders_is_no_markup() -> None:
    told = listings.runbooks([replace(STANDING, summary="<!here>", why_not_higher="<!here>")])
    assert "<!here>" not in json.dumps(told.blocks)
