"""What Slack refuses, refused before it is sent, with the block, the value and the limit in the error.

slack_sdk's models accept 51 blocks and 2001-character fields; Slack answers ``invalid_blocks`` and the card is lost.
Lengths count UTF-16 units (see ``text``). Source: https://docs.slack.dev/reference/block-kit, and measurements.

Must not know: notices, cards, wording.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bot.slack.text import units

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
MESSAGE_TEXT = 4000
MESSAGE_CHARACTERS = 10_000
"""Slack refuses a whole message from about 13,200 characters; we stay clearly under."""
VIEW_BYTES = 250_000
PRIVATE_METADATA = 3000
VIEW_TITLE = 24
SECTION_TEXT = 3000
FIELD_TEXT = 2000
SECTION_FIELDS = 10
HEADER_TEXT = 150
CONTEXT_ELEMENTS = 10
ACTIONS_ELEMENTS = 25
BUTTON_TEXT = 75
BUTTON_VALUE = 2000
CONFIRM_TITLE = 100
CONFIRM_TEXT = 300
CONFIRM_BUTTON = 30
IDENTIFIER = 255
OPTION_TEXT = 75
OPTION_VALUE = 150
SELECT_OPTIONS = 100
RADIO_OPTIONS = 10
OVERFLOW_OPTIONS = 5
PLACEHOLDER = 150
LABEL_TEXT = 2000
INPUT_LENGTH = 3000
IMAGE_URL = 3000
IMAGE_TEXT = 2000
MARKDOWN_TEXT = 12_000
BUTTON_STYLES = ("primary", "danger")

Json = Mapping[str, Any]


class SlackLimitError(ValueError):
    """Something is longer, more, or other than Slack takes; names the place, the value and the limit."""

    def __init__(self, place: str, what: str, value: object, limit: str) -> None:
        super().__init__(f"{place}: {what} is {value}; Slack takes {limit}")
        self.place = place


def check_card(blocks: Sequence[Json], text: str) -> None:
    """Refuse a message that Slack would refuse.

    Raises:
        SlackLimitError: naming the first thing that is wrong.
    """
    _length("text", "length", text, 1, MESSAGE_TEXT)
    _count("blocks", "number of blocks", blocks, 1, MESSAGE_BLOCKS)
    _check_blocks(blocks, _IN_MESSAGES)
    total = units(text) + sum(units(string) for string in _strings(blocks))
    if total >= MESSAGE_CHARACTERS:
        raise SlackLimitError("message", "number of characters in all", total, f"fewer than {MESSAGE_CHARACTERS}")


def check_view(view: Json) -> None:
    """Refuse a modal or Home view that Slack would refuse.

    Raises:
        SlackLimitError: naming the first thing that is wrong.
    """
    modal = view.get("type") == "modal"
    if not modal and view.get("type") != "home":
        raise SlackLimitError("view", "type", repr(view.get("type")), "modal or home")
    for part in ("title", "submit", "close") if modal else ():
        if part in view or part == "title":
            _plain(f"view/{part}", view.get(part), VIEW_TITLE)
    _length("view", "private_metadata", view.get("private_metadata", ""), 0, PRIVATE_METADATA)
    _length("view", "callback_id", view.get("callback_id", ""), 1 if modal else 0, IDENTIFIER)
    blocks = view.get("blocks", ())
    _count("view/blocks", "number of blocks", blocks, 1, VIEW_BLOCKS)
    _check_blocks(blocks, _IN_VIEWS)
    if any(block["type"] == "input" for block in blocks) and modal and "submit" not in view:
        raise SlackLimitError("view/submit", "label", "missing", "a submit label where there is an input block")
    size = sum(units(string) for string in _strings(view))
    if size > VIEW_BYTES // 4:
        raise SlackLimitError("view", "number of characters in all", size, f"at most {VIEW_BYTES} bytes")


# -- blocks --------------------------------------------------------------------------------------------------------


def _check_blocks(blocks: Sequence[Json], known: Mapping[str, Callable[[str, Json], None]]) -> None:
    seen: dict[str, set[str]] = {"block_id": set()}
    markdown = 0
    for index, block in enumerate(blocks):
        place = f"blocks[{index}]"
        seen["action_id"] = set()  # unique within one block; several rows may have the same buttons
        check = known.get(block.get("type", ""))
        if check is None:
            raise SlackLimitError(place, "type", repr(block.get("type")), f"one of {', '.join(sorted(known))}")
        check(place, block)
        markdown += units(block["text"]) if block["type"] == "markdown" else 0
        for name, value in _identifiers(block):
            _length(place, name, value, 1, IDENTIFIER)
            if value in seen[name]:
                raise SlackLimitError(place, name, f"{value!r} a second time", f"each {name} once")
            seen[name].add(value)
    if markdown > MARKDOWN_TEXT:
        raise SlackLimitError("blocks", "text of all markdown blocks", markdown, f"at most {MARKDOWN_TEXT}")


def _section(place: str, block: Json) -> None:
    if "text" not in block and "fields" not in block:
        raise SlackLimitError(place, "section", "without text and fields", "one of them at least")
    if "text" in block:
        _text(f"{place}/text", block["text"], SECTION_TEXT)
    if "fields" in block:
        _count(place, "number of fields", block["fields"], 1, SECTION_FIELDS)
        for index, field in enumerate(block["fields"]):
            _text(f"{place}/fields[{index}]", field, FIELD_TEXT)
    if "accessory" in block:
        _element(f"{place}/accessory", block["accessory"])


def _header(place: str, block: Json) -> None:
    _plain(f"{place}/text", block.get("text"), HEADER_TEXT)


def _context(place: str, block: Json) -> None:
    _count(place, "number of elements", block.get("elements", ()), 1, CONTEXT_ELEMENTS)
    for index, element in enumerate(block["elements"]):
        at = f"{place}/elements[{index}]"
        if element.get("type") == "image":
            _image(at, element)
        else:
            _text(at, element, SECTION_TEXT)


def _actions(place: str, block: Json) -> None:
    _count(place, "number of elements", block.get("elements", ()), 1, ACTIONS_ELEMENTS)
    for index, element in enumerate(block["elements"]):
        _element(f"{place}/elements[{index}]", element)


def _divider(place: str, block: Json) -> None:
    """Nothing to refuse."""


def _image(place: str, block: Json) -> None:
    _length(place, "image_url", block.get("image_url", ""), 1, IMAGE_URL)
    _length(place, "alt_text", block.get("alt_text", ""), 1, IMAGE_TEXT)
    if "title" in block:
        _plain(f"{place}/title", block["title"], IMAGE_TEXT)


def _input(place: str, block: Json) -> None:
    _plain(f"{place}/label", block.get("label"), LABEL_TEXT)
    if "hint" in block:
        _plain(f"{place}/hint", block["hint"], LABEL_TEXT)
    _element(f"{place}/element", block.get("element", {}))


def _markdown(place: str, block: Json) -> None:
    _length(place, "text", block.get("text", ""), 1, MARKDOWN_TEXT)


_IN_MESSAGES: Mapping[str, Callable[[str, Json], None]] = {
    "section": _section,
    "header": _header,
    "context": _context,
    "actions": _actions,
    "divider": _divider,
    "image": _image,
    "markdown": _markdown,
}
_IN_VIEWS = {kind: check for kind, check in _IN_MESSAGES.items() if kind != "markdown"} | {"input": _input}


# -- elements and composition objects ------------------------------------------------------------------------------


def _element(place: str, element: Json) -> None:
    match element.get("type"):
        case "button":
            _button(place, element)
        case "static_select" | "multi_static_select":
            _options(place, element, SELECT_OPTIONS)
        case "radio_buttons" | "checkboxes":
            _options(place, element, RADIO_OPTIONS)
        case "overflow":
            _options(place, element, OVERFLOW_OPTIONS)
        case "plain_text_input":
            if element.get("max_length", 1) > INPUT_LENGTH or element.get("min_length", 0) > INPUT_LENGTH:
                raise SlackLimitError(place, "max_length", element.get("max_length"), f"at most {INPUT_LENGTH}")
            _length(place, "initial_value", element.get("initial_value", ""), 0, INPUT_LENGTH)
        case "image":
            _image(place, element)
        case "users_select" | "number_input" | "datepicker" | "timepicker" | "datetimepicker":
            pass
        case other:
            raise SlackLimitError(place, "element type", repr(other), "a known element")
    if "placeholder" in element:
        _plain(f"{place}/placeholder", element["placeholder"], PLACEHOLDER)
    if "confirm" in element:
        _confirm(f"{place}/confirm", element["confirm"])


def _button(place: str, button: Json) -> None:
    _plain(f"{place}/text", button.get("text"), BUTTON_TEXT)
    _length(place, "value", button.get("value", ""), 0, BUTTON_VALUE)
    _length(place, "url", button.get("url", ""), 0, IMAGE_URL)
    if button.get("style", BUTTON_STYLES[0]) not in BUTTON_STYLES:
        raise SlackLimitError(place, "style", repr(button["style"]), " or ".join(BUTTON_STYLES))


def _options(place: str, element: Json, limit: int) -> None:
    options = element.get("options", ())
    _count(place, "number of options", options, 1, limit)
    for index, option in enumerate(options):
        at = f"{place}/options[{index}]"
        _text(f"{at}/text", option.get("text"), OPTION_TEXT)
        _length(at, "value", option.get("value", ""), 1, OPTION_VALUE)
        if "description" in option:
            _text(f"{at}/description", option["description"], OPTION_TEXT)
    values = [option["value"] for option in options]
    if len(set(values)) != len(values):
        raise SlackLimitError(place, "option values", "the same twice", "each value once")
    if "initial_option" in element and element["initial_option"] not in options:
        raise SlackLimitError(place, "initial_option", repr(element["initial_option"]), "one of the options")


def _confirm(place: str, confirm: Json) -> None:
    _plain(f"{place}/title", confirm.get("title"), CONFIRM_TITLE)
    _text(f"{place}/text", confirm.get("text"), CONFIRM_TEXT)
    _plain(f"{place}/confirm", confirm.get("confirm"), CONFIRM_BUTTON)
    _plain(f"{place}/deny", confirm.get("deny"), CONFIRM_BUTTON)


def _text(place: str, text: object, limit: int) -> None:
    if not isinstance(text, Mapping) or text.get("type") not in ("mrkdwn", "plain_text"):
        raise SlackLimitError(place, "text object", repr(text), "a mrkdwn or plain_text object")
    _length(place, "length", text.get("text", ""), 1, limit)


def _plain(place: str, text: object, limit: int) -> None:
    _text(place, text, limit)
    if isinstance(text, Mapping) and text["type"] != "plain_text":
        raise SlackLimitError(place, "text object", repr(text["type"]), "plain_text only")


def _length(place: str, what: str, text: str, least: int, most: int) -> None:
    length = units(text) if text.strip() else 0
    if not least <= length <= most:
        raise SlackLimitError(place, what, f"{length} characters", f"{least} to {most}")


def _count(place: str, what: str, things: Sequence[object], least: int, most: int) -> None:
    if not least <= len(things) <= most:
        raise SlackLimitError(place, what, len(things), f"{least} to {most}")


def _identifiers(part: object) -> Iterator[tuple[str, str]]:
    if isinstance(part, Mapping):
        for key, value in part.items():
            if key in ("block_id", "action_id"):
                yield key, value
            else:
                yield from _identifiers(value)
    elif isinstance(part, Sequence) and not isinstance(part, str):
        for one in part:
            yield from _identifiers(one)


def _strings(part: object) -> Iterator[str]:
    """Every string value: more than what Slack counts, so that we err on the safe side."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, Mapping):
        for value in part.values():
            yield from _strings(value)
    elif isinstance(part, Sequence):
        for one in part:
            yield from _strings(one)
