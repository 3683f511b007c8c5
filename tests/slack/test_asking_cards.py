"""Cards and messages that ask people: who is asked, who is left to sleep, and what a direct message may hold."""

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.response.model.actions import UNDER_WAY, ActionState
from bot.response.model.incidents import IncidentState
from bot.response.model.notices import AskedGroupLine, Button, CardNotice, DirectEndNotice, DirectNotice
from bot.slack.cards import render
from bot.slack.limits import check_card
from bot.slack.text import Url
from tests.slack.conftest import Golden
from tests.slack.notices import ALICE, CARDS, OPENED, SUBJECT, card
from tests.slack.short_notices import DIRECT, DIRECT_ENDS

ADDRESS = Url("https://harbour.slack.com/archives/C01INC/p1700000000000100")


def reading(notice: CardNotice | DirectNotice | DirectEndNotice, address: Url | None = ADDRESS) -> str:
    return json.dumps(render(notice, 41, card=address).blocks, ensure_ascii=False)


@pytest.mark.parametrize("name", [*DIRECT, *DIRECT_ENDS])
def test_a_direct_message_is_drawn_exactly_as_agreed(name: str, golden: Golden) -> None:
    message = render(DIRECT.get(name) or DIRECT_ENDS[name], 41, card=ADDRESS)
    check_card(message.blocks, message.text)
    golden(name, {"text": message.text, "blocks": message.blocks, "metadata": message.metadata})


def test_a_direct_message_offers_the_answers_and_the_way_to_the_card() -> None:
    (row,) = [
        block for block in render(DIRECT["direct_reminder"], 1, card=ADDRESS).blocks if block["type"] == "actions"
    ]
    *answers, way = row["elements"]
    assert [one["action_id"] for one in answers] == [Button.APPROVE, Button.STOP, Button.TAKE]
    assert {one["value"] for one in answers} == {f"{SUBJECT}.3"}
    assert (way["action_id"], way["url"]) == (Button.OPEN, ADDRESS)


def test_without_a_link_and_without_answers_the_message_says_where_to_answer_in_words() -> None:
    told_elsewhere = DIRECT["direct_reminder"].model_copy(update={"buttons": ()})
    said = reading(told_elsewhere, None)
    assert "on the card in the incidents channel" in said
    assert '"actions"' not in said
    assert "on the card in the incidents channel" not in reading(DIRECT["direct_reminder"], None)


@pytest.mark.parametrize("state", ActionState)
@pytest.mark.parametrize("incident", IncidentState)
def test_what_stands_in_its_place_offers_nothing_and_says_only_what_is_true(
    state: ActionState, incident: IncidentState
) -> None:
    over = DIRECT_ENDS["direct_end_approved"].model_copy(update={"action_state": state, "incident_state": incident})
    for address in (ADDRESS, None):
        message = render(over, 1, card=address)
        check_card(message.blocks, message.text)
        pressable = [one for block in message.blocks if block["type"] == "actions" for one in block["elements"]]
        assert [one["action_id"] for one in pressable] == ([Button.OPEN] if address else [])
        well = state is ActionState.SUCCEEDED and incident is IncidentState.OPEN
        resolved = incident is IncidentState.RESOLVED and state not in UNDER_WAY
        assert ("✅" in message.text) == (well or resolved)


def test_the_text_of_a_direct_message_stands_alone() -> None:
    text = render(DIRECT["direct_reminder"], 1, card=ADDRESS).text
    for part in (
        "Critical on checkout",
        "INC-7",
        "Still waiting for your answer",
        "Restart checkout",
        "|2026-11-23 03:32 UTC>.",
    ):
        assert part in text


def test_a_card_says_that_the_group_counts_as_it_is_when_its_members_answer() -> None:
    assert "whoever is in `sre-oncall` when they answer" in reading(CARDS["asking_a_group"])


def test_a_card_says_who_is_asked_now_and_who_was_before() -> None:
    said = reading(CARDS["handed_over"])
    assert "*Asked now:* `leads` since" in said
    assert "*Asked before:* `sre-oncall` since" in said


def test_people_in_quiet_hours_are_named_by_their_group_and_not_mentioned() -> None:
    said = reading(CARDS["handed_over_while_they_sleep"])
    assert "*Quiet hours, not called:* `sre-oncall` until" in said
    assert set(re.findall(r"<@\w+>", said)) == {"<@U03CAROL>"}
    assert "Nobody is called" not in said


def test_a_card_says_so_when_nobody_is_called_at_all() -> None:
    said = reading(CARDS["everybody_asleep"])
    assert "Nobody has been woken: everybody asked is in quiet hours." in said
    assert "<@" not in said


def test_groups_that_are_asked_at_once_need_no_list() -> None:
    both = tuple(AskedGroupLine(group=name, at=OPENED) for name in ("sre-oncall", "leads"))
    assert "Asked now" not in reading(card(asked=both))


MOMENT = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 Hypothesis wants naive bounds
EVIL = st.sampled_from(["<!channel>", "<@U01ALICE>", "<https://evil|Open>", "```", "&lt;", "\u202e", "x" * 400, "\x00"])
ANY = st.lists(EVIL | st.text(max_size=20), max_size=4).map("".join)
GROUPS = st.builds(AskedGroupLine, group=ANY, at=MOMENT, quiet_until=st.none() | MOMENT)
ASKING = st.builds(
    card,
    asked=st.lists(GROUPS, max_size=12).map(tuple),
    approvers=st.sampled_from([(), (ALICE,)]),
    action_state=st.sampled_from(ActionState),
    if_nobody_answers=ANY,
)
WRITING = st.builds(
    DirectNotice,
    incident=st.just("INC-7"),
    to=st.just(ALICE),
    title=ANY,
    lines=st.lists(ANY, max_size=9).map(tuple),
    answer_by=st.none() | MOMENT,
    if_nobody_answers=ANY,
    at=MOMENT,
)


@settings(deadline=None, max_examples=50)
@given(ASKING | WRITING, st.sampled_from([None, ADDRESS]))
def test_whatever_the_groups_are_called_slack_takes_it_and_nobody_else_is_mentioned(
    notice: CardNotice | DirectNotice, address: Url | None
) -> None:
    message = render(notice, 41, card=address)
    check_card(message.blocks, message.text)
    for text in (message.text, *re.findall(r'"text": "((?:[^"\\]|\\.)*)"', json.dumps(message.blocks))):
        assert set(re.findall(r"<@(\w+)>", text)) <= {ALICE}
        assert "<!channel" not in text
        assert "<https://evil" not in text
