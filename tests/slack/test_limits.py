from typing import Any

import pytest

from bot.slack.limits import SlackLimitError, check_card, check_view

Json = dict[str, Any]


def mrkdwn(length: int) -> Json:
    return {"type": "mrkdwn", "text": "x" * length}


def plain_text(length: int) -> Json:
    return {"type": "plain_text", "text": "x" * length}


def section(length: int = 1) -> Json:
    return {"type": "section", "text": mrkdwn(length)}


def button(**changes: object) -> Json:
    return {"type": "button", "action_id": "why", "text": plain_text(3), "value": "a.1"} | changes


def row(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def chooser(kind: str, options: int, text: int = 3, value: int = 3) -> Json:
    made = [{"text": plain_text(text), "value": f"{number:0{value}}"} for number in range(options)]
    return {"type": kind, "action_id": "choose", "options": made}


def confirm(title: int = 1, text: int = 1, yes: int = 1, no: int = 1) -> Json:
    return {"title": plain_text(title), "text": mrkdwn(text), "confirm": plain_text(yes), "deny": plain_text(no)}


ALLOWED: dict[str, list[Json]] = {
    "fifty blocks": [section()] * 50,
    "a full section": [section(3000)],
    "ten fields": [{"type": "section", "fields": [mrkdwn(1)] * 10}],
    "a full field": [{"type": "section", "fields": [mrkdwn(2000)]}],
    "a full header": [{"type": "header", "text": plain_text(150)}],
    "ten context elements": [{"type": "context", "elements": [mrkdwn(1)] * 10}],
    "the same button in two rows": [row(button()), row(button())],
    "twenty-five buttons": [row(*[button(action_id=f"b{n}") for n in range(25)])],
    "a full button": [row(button(text=plain_text(75), value="v" * 2000, action_id="a" * 255))],
    "a full confirm": [row(button(confirm=confirm(100, 300, 30, 30)))],
    "a hundred options": [row(chooser("static_select", 100, text=75, value=3))],
    "five overflow options": [row(chooser("overflow", 5))],
}
REFUSED: dict[str, tuple[list[Json], str]] = {
    "no blocks": ([], "number of blocks is 0"),
    "fifty-one blocks": ([section()] * 51, "number of blocks is 51"),
    "a long section": ([section(3001)], r"blocks\[0\]/text: length is 3001"),
    "an empty section": ([{"type": "section"}], "without text and fields"),
    "text of spaces": ([{"type": "section", "text": {"type": "mrkdwn", "text": "  "}}], "length is 0"),
    "eleven fields": ([{"type": "section", "fields": [mrkdwn(1)] * 11}], "number of fields is 11"),
    "a long field": ([{"type": "section", "fields": [mrkdwn(2001)]}], r"fields\[0\]: length is 2001"),
    "a long header": ([{"type": "header", "text": plain_text(151)}], "151"),
    "markup in a header": ([{"type": "header", "text": mrkdwn(1)}], "plain_text only"),
    "eleven context elements": ([{"type": "context", "elements": [mrkdwn(1)] * 11}], "number of elements is 11"),
    "twenty-six buttons": ([row(*[button(action_id=f"b{n}") for n in range(26)])], "number of elements is 26"),
    "a long button": ([row(button(text=plain_text(76)))], "76"),
    "a long value": ([row(button(value="v" * 2001))], "value is 2001"),
    "a long action_id": ([row(button(action_id="a" * 256))], "action_id is 256"),
    "the same action_id twice": ([row(button(), button())], "'why' a second time"),
    "the same block_id twice": ([section() | {"block_id": "b"}, section() | {"block_id": "b"}], "'b' a second time"),
    "an unknown style": ([row(button(style="loud"))], "style is 'loud'"),
    "a long confirm title": ([row(button(confirm=confirm(title=101)))], "confirm/title: length is 101"),
    "a long confirm text": ([row(button(confirm=confirm(text=301)))], "confirm/text: length is 301"),
    "a long confirm button": ([row(button(confirm=confirm(yes=31)))], "confirm/confirm: length is 31"),
    "a hundred and one options": ([row(chooser("static_select", 101))], "number of options is 101"),
    "six overflow options": ([row(chooser("overflow", 6))], "number of options is 6"),
    "a long option": ([row(chooser("static_select", 1, text=76))], "76"),
    "an unknown block": ([{"type": "alert", "text": plain_text(1)}], "type is 'alert'"),
    "an input in a message": ([{"type": "input", "label": plain_text(1)}], "type is 'input'"),
    "an unknown element": ([row({"type": "slider"})], "element type is 'slider'"),
    "ten thousand characters": ([section(2500)] * 4, "number of characters in all"),
    "too much markdown": ([{"type": "markdown", "text": "x" * 12_001}], "12001"),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_slack_takes_is_let_through(name: str) -> None:
    check_card(ALLOWED[name], "text")


@pytest.mark.parametrize("name", REFUSED)
def test_what_slack_refuses_is_refused_with_place_value_and_limit(name: str) -> None:
    blocks, complaint = REFUSED[name]
    with pytest.raises(SlackLimitError, match=complaint) as refused:
        check_card(blocks, "text")
    assert "Slack takes" in str(refused.value)


def test_a_message_needs_text_that_stands_alone_and_is_not_too_long_to_update() -> None:
    check_card([section()], "x" * 4000)
    for text in ("", " ", "x" * 4001):
        with pytest.raises(SlackLimitError, match="text: length"):
            check_card([section()], text)


def test_lengths_count_as_javascript_does() -> None:
    with pytest.raises(SlackLimitError, match="152"):
        check_card([{"type": "header", "text": {"type": "plain_text", "text": "🔴" * 76}}], "text")


def view(**changes: object) -> Json:
    return {"type": "modal", "callback_id": "why", "title": plain_text(24), "blocks": [section()]} | changes


def test_a_modal_within_limits_is_let_through() -> None:
    check_view(view(private_metadata="x" * 3000, blocks=[section()] * 100))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"title": plain_text(25)}, "view/title: length is 25"),
        ({"close": plain_text(25)}, "view/close"),
        ({"private_metadata": "x" * 3001}, "private_metadata is 3001"),
        ({"blocks": [section()] * 101}, "number of blocks is 101"),
        ({"callback_id": ""}, "callback_id is 0"),
        ({"type": "page"}, "type is 'page'"),
        (
            {
                "blocks": [
                    {"type": "input", "label": plain_text(1), "element": {"type": "plain_text_input", "action_id": "a"}}
                ]
            },
            "submit",
        ),
        ({"blocks": [section(3000)] * 30}, "number of characters in all"),
    ],
)
def test_a_modal_that_slack_refuses_is_refused(changes: Json, complaint: str) -> None:
    with pytest.raises(SlackLimitError, match=complaint):
        check_view(view(**changes))
