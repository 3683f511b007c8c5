"""Block Kit: what Slack takes, and how it words what it does not."""

from typing import Any

import pytest
from slack_sdk.models import blocks as sdk

from bot.local.workspace.blocks import is_view_too_large, message_faults, view_faults


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def option(number: int) -> dict[str, Any]:
    return {"text": plain(f"Option {number}"), "value": str(number)}


def button(**changes: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": "go", "text": plain("Go"), **changes}


def section(**changes: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": "Hello"}, **changes}


def actions(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


def entry(element: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"type": "input", "label": plain("Reason"), "element": element, **changes}


def select(count: int, **changes: Any) -> dict[str, Any]:
    options = [option(number) for number in range(count)]
    return {"type": "static_select", "action_id": "pick", "options": options, **changes}


def text_input(**changes: Any) -> dict[str, Any]:
    return {"type": "plain_text_input", "action_id": "reason", **changes}


@pytest.mark.parametrize(
    "block",
    [
        section(fields=[plain("a")] * 10, accessory=button(confirm={"title": plain("Sure?"), "text": plain("Really")})),
        {"type": "header", "text": plain("h" * 150)},
        {
            "type": "context",
            "elements": [plain("a"), {"type": "image", "image_url": "https://x.example/a", "alt_text": "a"}],
        },
        {"type": "divider"},
        {"type": "image", "image_url": "http://127.0.0.1/a.png", "alt_text": "a chart", "title": plain("Chart")},
        {"type": "markdown", "text": "**bold**"},
        actions(button(), button(action_id="stop", style="danger"), select(100, action_id="s")),
        actions(
            {"type": "overflow", "action_id": "more", "options": [option(1), {**option(2), "url": "https://x.example"}]}
        ),
        actions({"type": "radio_buttons", "action_id": "r", "options": [option(1)], "initial_option": option(1)}),
        actions({"type": "checkboxes", "action_id": "c", "options": [option(1), option(2)]}),
        actions({"type": "datepicker", "action_id": "d", "initial_date": "2026-11-23"}),
        actions({"type": "timepicker", "action_id": "t", "initial_time": "09:30"}),
        actions({"type": "datetimepicker", "action_id": "dt", "initial_date_time": 1795392000}),
        actions({"type": "users_select", "action_id": "u", "initial_user": "U01ALICE"}),
        entry(
            {"type": "number_input", "action_id": "n", "is_decimal_allowed": False, "min_value": "1", "max_value": "5"}
        ),
        entry(text_input(multiline=True, max_length=200), optional=True, hint=plain("Why?")),
        entry({"type": "multi_static_select", "action_id": "m", "options": [option(1)], "max_selected_items": 1}),
        {
            "type": "rich_text",
            "elements": [
                {
                    "type": "rich_text_section",
                    "elements": [
                        {"type": "text", "text": "bold", "style": {"bold": True}},
                        {"type": "user", "user_id": "U01ALICE"},
                        {"type": "link", "url": "https://x.example", "text": "x"},
                    ],
                },
                {
                    "type": "rich_text_list",
                    "style": "bullet",
                    "elements": [{"type": "rich_text_section", "elements": [{"type": "emoji", "name": "wave"}]}],
                },
            ],
        },
    ],
)
def test_a_good_block_is_taken(block: dict[str, Any]) -> None:
    assert message_faults([block]) == []


def test_what_the_sdk_builds_is_taken() -> None:
    built = [
        sdk.HeaderBlock(text="Restart checkout?"),
        sdk.SectionBlock(
            text="*Why*", fields=["*Service*\ncheckout"], accessory=sdk.ButtonElement(text="Why", action_id="why")
        ),
        sdk.ContextBlock(elements=[sdk.MarkdownTextObject(text="nobody answers")]),
        sdk.ActionsBlock(
            elements=[
                sdk.ButtonElement(
                    text="Approve",
                    action_id="approve",
                    value="1",
                    style="primary",
                    confirm=sdk.ConfirmObject(title="Sure?", text="It restarts checkout", confirm="Yes", deny="No"),
                ),
                sdk.OverflowMenuElement(
                    action_id="more", options=[sdk.Option(text="a", value="a"), sdk.Option(text="b", value="b")]
                ),
            ]
        ),
    ]
    assert message_faults([block.to_dict() for block in built]) == []


@pytest.mark.parametrize(
    ("block", "problem", "place"),
    [
        ({"type": "carousel"}, "unsupported type: carousel", ""),
        ({"text": plain("a")}, "missing required field: type", ""),
        ("divider", "missing required field: type", ""),
        ({"type": "section"}, "must provide at least one of: text, fields", ""),
        (section(colour="red"), "invalid additional property: colour", ""),
        (section(text=plain("")), "must be more than 0 characters", "/text/text"),
        (section(text=plain("x" * 3001)), "must be less than 3001 characters", "/text/text"),
        (section(fields=[plain("a")] * 11), "no more than 10 items allowed", "/fields"),
        (
            section(fields=[plain("x" * 2001)]),
            "must be less than 2001 characters",
            "/fields/0/text",
        ),
        (section(accessory=text_input()), "unsupported type: plain_text_input", "/accessory"),
        (
            section(text={"type": "mrkdwn", "text": "a", "emoji": True}),
            "invalid additional property: emoji",
            "/text",
        ),
        (
            {"type": "header", "text": plain("x" * 151)},
            "must be less than 151 characters",
            "/text/text",
        ),
        (
            {"type": "header", "text": {"type": "mrkdwn", "text": "a"}},
            "unsupported type: mrkdwn",
            "/text",
        ),
        (
            {"type": "context", "elements": [plain("a")] * 11},
            "no more than 10 items allowed",
            "/elements",
        ),
        (actions(), "no fewer than 1 items allowed", "/elements"),
        (
            actions(*(button(action_id=str(n)) for n in range(26))),
            "no more than 25 items allowed",
            "/elements",
        ),
        (
            actions(button(), button()),
            '`action_id` "go" already exists for another element',
            "/elements",
        ),
        (
            actions(button(text=plain("x" * 76))),
            "must be less than 76 characters",
            "/elements/0/text/text",
        ),
        (
            actions(button(value="x" * 2001)),
            "must be less than 2001 characters",
            "/elements/0/value",
        ),
        (
            actions(button(action_id="x" * 256)),
            "must be less than 256 characters",
            "/elements/0/action_id",
        ),
        (actions(button(style="blue")), "must be one of: primary, danger", "/elements/0/style"),
        (actions(button(url="javascript:alert(1)")), "must be a valid url", "/elements/0/url"),
        (
            actions(button(confirm={"text": plain("Really?")})),
            "missing required field: title",
            "/elements/0/confirm",
        ),
        (
            actions(button(confirm={"title": plain("a"), "text": plain("x" * 301)})),
            "must be less than 301 characters",
            "/elements/0/confirm/text/text",
        ),
        (actions(select(101)), "no more than 100 items allowed", "/elements/0/options"),
        (
            actions(select(1, initial_option=option(9))),
            "initial_option must exactly match an option provided",
            "/elements/0",
        ),
        (
            actions({"type": "static_select", "action_id": "a"}),
            "must provide exactly one of: options, option_groups",
            "/elements/0",
        ),
        (
            actions({"type": "overflow", "action_id": "a", "options": [option(n) for n in range(6)]}),
            "no more than 5 items allowed",
            "/elements/0/options",
        ),
        (
            actions({"type": "radio_buttons", "action_id": "a", "options": [option(1), option(1)]}),
            "option values must be unique",
            "/elements/0",
        ),
        (
            actions(select(0, options=[{"text": plain("x" * 76), "value": "a"}])),
            "must be less than 76 characters",
            "/elements/0/options/0/text/text",
        ),
        (
            actions({"type": "datepicker", "action_id": "a", "initial_date": "23.11.2026"}),
            "must be a date such as 2026-11-23",
            "/elements/0/initial_date",
        ),
        (
            entry({"type": "number_input", "action_id": "a"}),
            "missing required field: is_decimal_allowed",
            "/element",
        ),
        (
            entry(text_input(min_length=9, max_length=3)),
            "min_length must not be greater than max_length",
            "/element",
        ),
        (entry(button()), "unsupported type: button", "/element"),
        (
            {"type": "image", "image_url": "https://x.example/a"},
            "missing required field: alt_text",
            "",
        ),
        (
            {"type": "image", "alt_text": "a"},
            "must provide exactly one of: image_url, slack_file",
            "",
        ),
        (
            {"type": "markdown", "text": "x" * 12_001},
            "must be less than 12001 characters",
            "/text",
        ),
        (
            {"type": "rich_text", "elements": [{"type": "rich_text_song", "elements": []}]},
            "unsupported type: rich_text_song",
            "/elements/0",
        ),
    ],
)
def test_a_bad_block_is_refused_where_it_is_bad(block: Any, problem: str, place: str) -> None:
    assert f"{problem} [json-pointer:/blocks/0{place}]" in message_faults([block])


def test_a_block_id_may_be_used_once_in_a_message() -> None:
    twins = [{"type": "divider", "block_id": "a"}, {"type": "divider", "block_id": "a"}]
    assert message_faults(twins) == ['`block_id` "a" already exists for another block [json-pointer:/blocks]']


def test_fifty_one_blocks_are_too_many_for_a_message_and_a_hundred_are_fine_in_a_view() -> None:
    assert message_faults([{"type": "divider"}] * 51) == ["no more than 50 items allowed [json-pointer:/blocks]"]
    assert view_faults({"type": "home", "blocks": [{"type": "divider"}] * 100}) == []
    assert view_faults({"type": "home", "blocks": [{"type": "divider"}] * 101}) == [
        "no more than 100 items allowed [json-pointer:/view/blocks]"
    ]


def test_markdown_blocks_share_twelve_thousand_characters() -> None:
    assert message_faults([{"type": "markdown", "text": "x" * 6_001}] * 2) != []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"title": plain("x" * 25)}, "must be less than 25 characters [json-pointer:/view/title/text]"),
        ({"submit": plain("x" * 25)}, "must be less than 25 characters [json-pointer:/view/submit/text]"),
        ({"close": plain("x" * 25)}, "must be less than 25 characters [json-pointer:/view/close/text]"),
        ({"private_metadata": "x" * 3001}, "must be less than 3001 characters [json-pointer:/view/private_metadata]"),
        ({"callback_id": "x" * 256}, "must be less than 256 characters [json-pointer:/view/callback_id]"),
        ({"title": None}, "missing required field: title [json-pointer:/view]"),
        ({"blocks": [entry(text_input())]}, "missing required field: submit [json-pointer:/view]"),
        ({"blocks": [{"type": "markdown", "text": "a"}]}, "unsupported type: markdown [json-pointer:/view/blocks/0]"),
        ({"type": "drawer"}, "unsupported type: drawer [json-pointer:/view]"),
        ({"colour": "red"}, "invalid additional property: colour [json-pointer:/view]"),
    ],
)
def test_a_bad_view_is_refused_where_it_is_bad(changes: dict[str, Any], fault: str) -> None:
    assert fault in view_faults({"type": "modal", "title": plain("Why?"), "blocks": [], **changes})


def test_a_view_over_250_kilobytes_is_too_large() -> None:
    big = [section(text=plain("x" * 3000)) for _ in range(90)]
    assert is_view_too_large({"type": "home", "blocks": big})
    assert not is_view_too_large({"type": "home", "blocks": big[:10]})
