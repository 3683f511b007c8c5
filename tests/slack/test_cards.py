import itertools
import json
import re
import typing
from datetime import UTC, datetime

import pytest
import slackblocks

from bot.policy.decision import Verdict
from bot.response.model.actions import ActionState
from bot.response.model.incidents import IncidentState
from bot.response.model.notices import (
    BundleNotice,
    Button,
    CardNotice,
    Link,
    ThreadNotice,
    Tone,
)
from bot.response.model.plan_cards import PlanCard
from bot.slack.cards import button_value, parse_button_value, render
from bot.slack.cards.situations import Shown, shown
from bot.slack.limits import check_card
from bot.slack.tones import icon
from tests.slack import entries
from tests.slack.conftest import Golden
from tests.slack.notices import ALICE, BOB, CARDS, CAROL, SUBJECT, after, bounded, card
from tests.slack.storms import BUNDLES

Json = dict[str, typing.Any]
NOTICES: dict[str, CardNotice | ThreadNotice | BundleNotice] = {**entries.NOTICES, **BUNDLES}


def drawn(notice: CardNotice | ThreadNotice | BundleNotice) -> Json:
    message = render(notice, 41, known_people={ALICE, BOB, CAROL})
    return {"text": message.text, "blocks": message.blocks, "metadata": message.metadata}


def buttons(notice: CardNotice | ThreadNotice | BundleNotice) -> list[Json]:
    return [
        element for block in render(notice, 41).blocks if block["type"] == "actions" for element in block["elements"]
    ]


def reading(notice: CardNotice | ThreadNotice | BundleNotice) -> str:
    """Everything a reader sees."""
    return json.dumps(drawn(notice)["blocks"], ensure_ascii=False)


@pytest.mark.parametrize("name", NOTICES)
def test_a_card_is_drawn_exactly_as_agreed(name: str, golden: Golden) -> None:
    golden(name, drawn(NOTICES[name]))


@pytest.mark.parametrize("name", NOTICES)
def test_a_card_is_within_slacks_limits(name: str) -> None:
    message = render(NOTICES[name], 41)
    check_card(message.blocks, message.text)


@pytest.mark.parametrize("name", NOTICES)
def test_a_second_opinion_accepts_the_card(name: str) -> None:
    rebuilt = [_rebuild(block) for block in render(NOTICES[name], 41).blocks]
    slackblocks.Message(channel="C01INC", text="t", blocks=rebuilt).to_dict()


def _rebuild(block: Json) -> slackblocks.Block:
    match block["type"]:
        case "header":
            return slackblocks.HeaderBlock(block["text"]["text"])
        case "section":
            text = block.get("text")
            fields: list[str | slackblocks.Text] = [_text(field) for field in block.get("fields", ())]
            return slackblocks.SectionBlock(text=_text(text) if text else None, fields=fields or None)
        case "context":
            return slackblocks.ContextBlock([_text(element) for element in block["elements"]])
        case "actions":
            return slackblocks.ActionsBlock([_button(element) for element in block["elements"]])
        case other:
            raise AssertionError(f"teach the second opinion about {other}")


def _text(text: Json) -> slackblocks.Text:
    kind = slackblocks.TextType.MARKDOWN if text["type"] == "mrkdwn" else slackblocks.TextType.PLAINTEXT
    return slackblocks.Text(text["text"], type_=kind)


def _button(button: Json) -> slackblocks.Button:
    asked = button.get("confirm")
    return slackblocks.Button(
        text=button["text"]["text"],
        action_id=button["action_id"],
        value=button["value"],
        style=button.get("style"),
        confirm=slackblocks.ConfirmationDialogue(
            *(asked[part]["text"] for part in ("title", "text", "confirm", "deny"))
        )
        if asked
        else None,
    )


def test_every_situation_has_a_golden_card() -> None:
    assert {shown(notice) for notice in CARDS.values()} == set(Shown)


def test_every_tone_looks_like_no_other() -> None:
    assert len({icon(tone) for tone in Tone}) == len(Tone)


def test_every_combination_of_state_and_verdict_can_be_drawn() -> None:
    for incident, state, verdict in itertools.product(IncidentState, [None, *ActionState], Verdict):
        notice = card(incident_state=incident, action_state=state, verdict=verdict)
        message = render(notice, 1)
        check_card(message.blocks, message.text)


@pytest.mark.parametrize("name", NOTICES)
def test_every_button_carries_its_name_and_an_opaque_value_only(name: str) -> None:
    notice = NOTICES[name]
    for button in buttons(notice):
        assert button["action_id"] in {one.value for one in Button}
        assert button["value"] == f"{notice.subject}.{notice.revision}"


def test_a_button_value_is_read_back() -> None:
    assert parse_button_value(button_value(SUBJECT, 3)) == (SUBJECT, 3)
    assert parse_button_value(button_value("a.b", 12)) == ("a.b", 12)


@pytest.mark.parametrize("value", ["", "x", ".3", "x.", "x.-1", "x.٣", "x.1e9", "x." + "9" * 16])
def test_a_foreign_button_value_is_nobody(value: str) -> None:
    assert parse_button_value(value) is None


@pytest.mark.parametrize("name", NOTICES)
def test_there_is_at_most_one_primary_button(name: str) -> None:
    assert sum(button.get("style") == "primary" for button in buttons(NOTICES[name])) <= 1


@pytest.mark.parametrize("name", NOTICES)
def test_the_primary_button_stands_first(name: str) -> None:
    styles = [button.get("style") for button in buttons(NOTICES[name])]
    assert "primary" not in styles[1:]


def test_stop_stands_first_and_takes_effect_without_a_question() -> None:
    for state in (ActionState.ANNOUNCING, ActionState.VETO_WINDOW):
        first, *_ = buttons(bounded(action_state=state))
        assert (first["action_id"], first["style"]) == ("stop", "danger")
        assert "confirm" not in first


@pytest.mark.parametrize("name", CARDS)
def test_what_can_be_done_stands_right_under_how_things_stand(name: str) -> None:
    kinds = [block["type"] for block in render(CARDS[name], 1).blocks]
    assert kinds[:3] == ["header", "section", "actions"]


def test_the_answers_are_verbs_in_the_first_row_and_the_rest_is_in_the_second() -> None:
    rows = [
        [(button["action_id"], button["text"]["text"]) for button in block["elements"]]
        for block in render(CARDS["asking"], 1).blocks
        if block["type"] == "actions"
    ]
    assert rows == [
        [("approve", "Restart checkout"), ("stop", "Don't"), ("take", "I'll take it")],
        [("override", "Override…"), ("pause", "Pause…"), ("why", "Why?")],
    ]


@pytest.mark.parametrize("name", CARDS)
def test_a_card_for_which_nobody_is_named_has_no_empty_part(name: str) -> None:
    lonely = CARDS[name].model_copy(update={"approvers": (), "asked": (), "called": (), "plan": None, "evidence": ()})
    message = render(lonely, 1)
    check_card(message.blocks, message.text)


def test_what_the_alert_says_stands_whole_below_where_the_header_has_no_room_for_it() -> None:
    long = "checkout answers nobody since the last deploy and the queue behind it has grown to many thousand orders"
    assert long not in render(card(), 1).blocks[0]["text"]["text"]
    assert f"> {long}" in reading(card(summary=long))
    assert "> checkout" not in reading(card())
    assert "> checkout has not answered for 3 minutes" in reading(CARDS["stopped"])


def test_for_which_others_people_are_asked_here_stays_on_the_card_while_it_runs() -> None:
    others = {"cause_of": "INC-8 and INC-9"}
    assert "May be the cause of" in reading(CARDS["executing"].model_copy(update=others))
    assert "May be the cause of" not in reading(CARDS["resolved"].model_copy(update=others))


@pytest.mark.parametrize("name", CARDS)
def test_a_green_tick_is_good_news_about_the_world(name: str) -> None:
    good = shown(CARDS[name]) in (Shown.SUCCEEDED, Shown.RESOLVED)
    assert ("✅" in reading(CARDS[name])) == good


@pytest.mark.parametrize("name", CARDS)
def test_links_stay_on_the_card_whatever_becomes_of_it(name: str) -> None:
    assert "|Dashboard>" in reading(CARDS[name])
    assert "|Runbook (docs.example)>" in reading(CARDS[name])


def test_a_resolved_card_still_says_who_decided() -> None:
    assert "done and verified. Approved by <@U01ALICE>." in reading(CARDS["resolved"])


def test_who_asked_for_it_is_named_and_so_is_that_somebody_else_must_approve() -> None:
    asked = card(requested_by=CAROL, runbook="restart-checkout")
    assert "Asked for by <@U03CAROL>, so somebody else must approve." in reading(asked)


def test_approving_shows_once_more_what_will_run() -> None:
    approve = next(button for button in buttons(card()) if button["action_id"] == "approve")
    asked = approve["confirm"]["text"]["text"]
    assert approve["text"]["text"] == "Restart checkout"
    assert "Restart checkout on supervisor" in asked
    assert "Rollback" in asked


def test_the_rollback_is_named_even_when_there_are_many_steps() -> None:
    plan = PlanCard(summary="Do it", steps=("a long step " * 20,) * 9, blast_radius="9 targets", rollback="none")
    approve = next(button for button in buttons(card(plan=plan)) if button["action_id"] == "approve")
    assert "Rollback: none" in approve["confirm"]["text"]["text"]


@pytest.mark.parametrize("state", [ActionState.FAILED, ActionState.EXPIRED, ActionState.LAPSED])
def test_who_takes_it_is_asked_however_long_the_names_are(state: ActionState) -> None:
    notice = after(state, alert_name="A" * 300, service="s" * 300)
    (header, *_) = render(notice, 1).blocks
    assert header["text"]["text"].endswith("Who takes it?")


def test_a_card_that_was_approved_too_late_to_start_says_who_had_approved_and_not_that_nobody_answered() -> None:
    said = reading(CARDS["lapsed"])
    assert "It was approved, but could not start in time." in said
    assert "Approved by <@U01ALICE>." in said
    assert "Not approved" not in said
    by_silence = reading(bounded(action_state=ActionState.LAPSED, due_at=None, buttons=(Button.WHY,)))
    assert "Announced, and nobody stopped it." in by_silence


def test_rolling_back_asks_first() -> None:
    roll_back = next(b for b in buttons(CARDS["succeeded"]) if b["action_id"] == "roll_back")
    assert roll_back["style"] == roll_back["confirm"]["style"] == "danger"


def test_the_fallback_text_stands_alone() -> None:
    text = render(card(), 1).text
    for part in ("Critical", "checkout", "Restart checkout?", "Answer by <!date^", "|2026-11-23 03:32 UTC>.", "INC-7"):
        assert part in text


def test_an_announced_act_says_until_when_it_can_be_stopped() -> None:
    notice = CARDS["veto_window"]
    assert "Runs by itself at <!date^" in render(notice, 1).text
    assert "unless somebody presses Stop." in reading(notice)


def test_a_card_says_who_decided() -> None:
    assert "Approved by <@U01ALICE> and <@U03CAROL>" in reading(CARDS["approved_by_two"])
    assert "Stopped by <@U02BOB>" in reading(CARDS["stopped"])
    assert "<@U03CAROL> has taken this" in reading(CARDS["taken"])


def test_someone_who_stopped_it_is_not_said_to_have_approved_it() -> None:
    assert "Approved by" not in reading(CARDS["stopped"])


def test_at_most_six_people_are_mentioned_at_once() -> None:
    many = tuple(f"U{number:05}" for number in range(40))
    assert len(set(re.findall(r"<@U\d+>", reading(card(approvers=many))))) == 6
    assert "34 more" in reading(card(approvers=many))


def test_a_card_has_at_most_six_fields() -> None:
    for notice in CARDS.values():
        for block in drawn(notice)["blocks"]:
            assert len(block.get("fields", ())) <= 6


def test_a_link_that_is_not_a_web_address_loses_its_address() -> None:
    seen = reading(card(links=(Link(label="Graph", url="javascript:alert(1)"),)))
    assert "Graph (no usable link)" in seen
    assert "javascript" not in seen


def test_nothing_in_a_card_is_turned_into_a_link_or_mention_by_slack() -> None:
    for block in drawn(card(summary="see https://evil.example and #general"))["blocks"]:
        texts = [block["text"]] if "text" in block else block.get("fields", [])
        assert all(text.get("verbatim") is True for text in texts if text["type"] == "mrkdwn")


def test_the_metadata_carries_the_outbox_id() -> None:
    assert render(card(), 41).metadata == {"event_type": "watchkeeper_notice", "event_payload": {"outbox_id": 41}}


def test_a_thread_entry_calls_only_those_who_must_act() -> None:
    entry = NOTICES["entry_calls_people"]
    assert "<@U01ALICE> and <@U02BOB>: please look." in reading(entry)
    assert "<@" not in reading(NOTICES["entry_succeeded"])


def test_only_whom_the_notice_itself_names_is_mentioned_in_words() -> None:
    words = "U03CAROL paused everything: `service: U01ALICE`"
    held = CARDS["held"].model_copy(update={"headline": words, "names": (CAROL,)})
    said = render(held, 41, known_people={ALICE, CAROL})
    assert "<@U03CAROL> paused everything: 'service: U01ALICE'" in str(said.blocks)
    entry = ThreadNotice(
        incident="INC-1", title="Asking", lines=(words,), at=datetime(2026, 11, 23, tzinfo=UTC), names=(CAROL,)
    )
    assert "<@U03CAROL> paused everything: 'service: U01ALICE'" in render(entry, 41, known_people={ALICE, CAROL}).text
    assert "<@" not in render(entry, 41).text, "and only when we have resolved them"
