"""What Slack accepts as a message's blocks and as a view, and how it words what it does not."""

import json
from collections.abc import Iterator
from typing import Any

from bot.local.workspace.elements import ID, IMAGE, IN_ACTIONS, IN_INPUT, IN_SECTION, SLACK_FILE, URL, plain_text, text
from bot.local.workspace.shapes import Check, Faults, Shape, anything, array, boolean, integer, one_of, string, typed
from bot.local.workspace.team import Json

MOST_BLOCKS_IN_MESSAGE = 50
MOST_BLOCKS_IN_VIEW = 100
MOST_MARKDOWN_CHARACTERS = 12_000
MOST_MESSAGE_CHARACTERS = 13_200
MOST_VIEW_BYTES = 250_000


def _text_or_fields(block: Json, pointer: str, faults: Faults) -> None:
    if not block.get("text") and not block.get("fields"):
        faults.add("must provide at least one of: text, fields", pointer)


def _action_ids_differ(block: Json, pointer: str, faults: Faults) -> None:
    elements = block.get("elements")
    given = [e.get("action_id") for e in elements if isinstance(e, dict)] if isinstance(elements, list) else []
    for action_id in sorted({name for name in given if isinstance(name, str) and given.count(name) > 1}):
        faults.add(f'`action_id` "{action_id}" already exists for another element', f"{pointer}/elements")


def _image_source(block: Json, pointer: str, faults: Faults) -> None:
    if ("image_url" in block) == ("slack_file" in block):
        faults.add("must provide exactly one of: image_url, slack_file", pointer)


STYLE = Shape(optional=dict.fromkeys(("bold", "italic", "strike", "code", "underline"), boolean))
RICH_INLINE = typed(
    {
        "text": Shape({"type": anything, "text": string(12_000)}, {"style": STYLE}),
        "link": Shape(
            {"type": anything, "url": string(3000)}, {"text": string(3000), "unsafe": boolean, "style": STYLE}
        ),
        "emoji": Shape({"type": anything, "name": string(255)}, {"unicode": string(255), "style": STYLE}),
        "user": Shape({"type": anything, "user_id": string(20)}, {"style": STYLE}),
        "usergroup": Shape({"type": anything, "usergroup_id": string(20)}, {"style": STYLE}),
        "channel": Shape({"type": anything, "channel_id": string(20)}, {"style": STYLE}),
        "broadcast": Shape({"type": anything, "range": one_of("here", "channel", "everyone")}, {"style": STYLE}),
        "date": Shape(
            {"type": anything, "timestamp": integer(0, 10**11), "format": string(255)},
            {"url": string(3000), "fallback": string(255), "style": STYLE},
        ),
    }
)
RICH_SECTION = Shape({"type": anything, "elements": array(RICH_INLINE, 1000, least=0)})
RICH_TEXT_PARTS = typed(
    {
        "rich_text_section": RICH_SECTION,
        "rich_text_quote": Shape({"type": anything, "elements": array(RICH_INLINE, 1000)}, {"border": integer(0, 1)}),
        "rich_text_preformatted": Shape(
            {"type": anything, "elements": array(RICH_INLINE, 1000)},
            {"border": integer(0, 1), "language": string(50)},
        ),
        "rich_text_list": Shape(
            {
                "type": anything,
                "style": one_of("bullet", "ordered"),
                "elements": array(typed({"rich_text_section": RICH_SECTION}), 1000),
            },
            {"indent": integer(0, 8), "offset": integer(0, 10_000), "border": integer(0, 1)},
        ),
    }
)

COMMON_BLOCKS: dict[str, Check] = {
    "section": Shape(
        {"type": anything},
        {
            "block_id": ID,
            "text": text(3000),
            "fields": array(text(2000), 10),
            "accessory": IN_SECTION,
            "expand": boolean,
        },
        rules=(_text_or_fields,),
    ),
    "header": Shape({"type": anything, "text": plain_text(150)}, {"block_id": ID}),
    "divider": Shape({"type": anything}, {"block_id": ID}),
    "context": Shape(
        {
            "type": anything,
            "elements": array(
                typed({"image": IMAGE, **dict.fromkeys(("plain_text", "mrkdwn"), text(3000))}),
                10,
            ),
        },
        {"block_id": ID},
    ),
    "actions": Shape(
        {"type": anything, "elements": array(IN_ACTIONS, 25)},
        {"block_id": ID},
        rules=(_action_ids_differ,),
    ),
    "image": Shape(
        {"type": anything, "alt_text": string(2000)},
        {"block_id": ID, "image_url": URL, "slack_file": SLACK_FILE, "title": plain_text(2000)},
        rules=(_image_source,),
    ),
    "input": Shape(
        {"type": anything, "label": plain_text(2000), "element": IN_INPUT},
        {"block_id": ID, "hint": plain_text(2000), "optional": boolean, "dispatch_action": boolean},
    ),
    "rich_text": Shape({"type": anything, "elements": array(RICH_TEXT_PARTS, 1000, least=0)}, {"block_id": ID}),
}
MARKDOWN = Shape({"type": anything, "text": string(MOST_MARKDOWN_CHARACTERS)}, {"block_id": ID})
MESSAGE_BLOCKS = array(typed({**COMMON_BLOCKS, "markdown": MARKDOWN}), MOST_BLOCKS_IN_MESSAGE, least=0)
VIEW_BLOCKS = array(typed(COMMON_BLOCKS), MOST_BLOCKS_IN_VIEW, least=0)


def _modal_with_inputs_submits(view: Json, pointer: str, faults: Faults) -> None:
    blocks = view.get("blocks")
    kinds = [block.get("type") for block in blocks if isinstance(block, dict)] if isinstance(blocks, list) else []
    if "input" in kinds and not view.get("submit"):
        faults.add("missing required field: submit", pointer)


VIEW_FIELDS: dict[str, Check] = {
    "callback_id": string(255, least=0),
    "private_metadata": string(3000, least=0),
    "external_id": string(255, least=0),
}
VIEW = typed(
    {
        "modal": Shape(
            {"type": anything, "title": plain_text(24), "blocks": VIEW_BLOCKS},
            {
                **VIEW_FIELDS,
                "submit": plain_text(24),
                "close": plain_text(24),
                "clear_on_close": boolean,
                "notify_on_close": boolean,
                "submit_disabled": boolean,
            },
            rules=(_modal_with_inputs_submits,),
        ),
        "home": Shape({"type": anything, "blocks": VIEW_BLOCKS}, VIEW_FIELDS),
    }
)


def message_faults(blocks: Any) -> list[str]:
    """What Slack would say is wrong with a message's blocks; empty if nothing."""
    faults = Faults()
    MESSAGE_BLOCKS(blocks, "/blocks", faults)
    _check_block_ids(blocks, "/blocks", faults)
    if not faults.found:
        markdown = sum(len(block["text"]) for block in blocks if block["type"] == "markdown")
        if markdown > MOST_MARKDOWN_CHARACTERS:
            faults.add(
                f"markdown blocks must be less than {MOST_MARKDOWN_CHARACTERS + 1} characters together", "/blocks"
            )
    return faults.found


def view_faults(view: Any) -> list[str]:
    """What Slack would say is wrong with a view; empty if nothing."""
    faults = Faults()
    VIEW(view, "/view", faults)
    if isinstance(view, dict):
        _check_block_ids(view.get("blocks"), "/view/blocks", faults)
    return faults.found


def is_view_too_large(view: Json) -> bool:
    """Whether the view is over Slack's size for a whole view."""
    return len(json.dumps(view).encode()) > MOST_VIEW_BYTES


def characters_in(blocks: list[Json]) -> int:
    """How many characters of text people would read in these blocks."""
    return sum(len(words) for words in _texts(blocks))


def slack_file_ids(blocks: list[Json]) -> Iterator[str]:
    """The ids of uploaded files these blocks show."""
    for block in blocks:
        for place in (block, block.get("accessory"), *block.get("elements", [])):
            if isinstance(place, dict) and isinstance(place.get("slack_file"), dict):
                yield place["slack_file"].get("id") or ""


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _texts(item)
    elif isinstance(node, dict):
        for name, item in node.items():
            if name in {"text", "alt_text"} and isinstance(item, str):
                yield item
            else:
                yield from _texts(item)


def _check_block_ids(blocks: Any, pointer: str, faults: Faults) -> None:
    given = [block.get("block_id") for block in blocks if isinstance(block, dict)] if isinstance(blocks, list) else []
    for block_id in sorted({name for name in given if isinstance(name, str) and given.count(name) > 1}):
        faults.add(f'`block_id` "{block_id}" already exists for another block', pointer)
