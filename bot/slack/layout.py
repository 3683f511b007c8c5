"""The only door to the SDK's block models: each function takes typed text, never a bare ``str``.

Must not know: notices, wording.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ConfirmObject,
    ContextBlock,
    DividerBlock,
    HeaderBlock,
    InputBlock,
    MarkdownTextObject,
    Option,
    PlainTextInputElement,
    PlainTextObject,
    RadioButtonsElement,
    SectionBlock,
    StaticMultiSelectElement,
    StaticSelectElement,
    UserSelectElement,
)
from slack_sdk.models.views import View

from bot.slack.limits import CONTEXT_ELEMENTS, INPUT_LENGTH
from bot.slack.text import Mrkdwn, Plain, Url

METADATA_EVENT = "watchkeeper_notice"


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: ``text`` stands alone for screen readers and notifications, ``blocks`` are what people see."""

    text: Mrkdwn
    blocks: list[dict[str, Any]]
    metadata: dict[str, Any] = field(default_factory=dict)


def notice_metadata(outbox_id: int) -> dict[str, Any]:
    """The mark by which a message is found again after an unknown outcome."""
    return {"event_type": METADATA_EVENT, "event_payload": {"outbox_id": outbox_id}}


def built(blocks: Sequence[Block]) -> list[dict[str, Any]]:
    """Blocks as JSON."""
    return [block.to_dict() for block in blocks]


def header(text: Plain) -> HeaderBlock:
    """The card's headline, in large letters."""
    return HeaderBlock(text=_plain(text))


def section(text: Mrkdwn) -> SectionBlock:
    """A paragraph."""
    return SectionBlock(text=_markup(text))


def fields(texts: Sequence[Mrkdwn]) -> SectionBlock:
    """Short texts side by side, in two columns where there is room."""
    return SectionBlock(fields=[_markup(text) for text in texts])


def context(*texts: Mrkdwn) -> ContextBlock:
    """Small print: texts beside each other; those beyond what Slack takes are left out."""
    return ContextBlock(elements=[_markup(text) for text in texts[:CONTEXT_ELEMENTS]])


def divider() -> DividerBlock:
    """A line across the message."""
    return DividerBlock()


def actions(elements: Sequence[ButtonElement]) -> ActionsBlock:
    """A row of buttons."""
    return ActionsBlock(elements=list(elements))


def button(
    action_id: str,
    label: Plain,
    value: str,
    *,
    style: str | None = None,
    confirm: ConfirmObject | None = None,
    url: Url | None = None,
) -> ButtonElement:
    """A button that sends us ``value``, or one that only opens ``url``.

    ``style`` is ``primary``, ``danger`` or none; with ``confirm``, Slack asks once more before it sends anything.
    """
    return ButtonElement(action_id=action_id, text=_plain(label), value=value, style=style, confirm=confirm, url=url)


def confirm(title: Plain, text: Plain, yes: Plain, no: Plain, *, style: str | None = None) -> ConfirmObject:
    """What Slack asks after a press, with a button to go on (``yes``) and one to leave it (``no``)."""
    return ConfirmObject(title=_plain(title), text=_plain(text), confirm=_plain(yes), deny=_plain(no), style=style)


def option(value: str, text: Plain, description: Plain | None = None) -> Option:
    """One line of a menu; ``value`` is what we are sent when it is chosen."""
    return Option(value=value, text=_plain(text), description=_plain(description) if description is not None else None)


def radio_input(block_id: str, action_id: str, label: Plain, options: Sequence[Option]) -> InputBlock:
    """A choice of one, all options in sight."""
    return InputBlock(
        block_id=block_id, label=_plain(label), element=RadioButtonsElement(action_id=action_id, options=list(options))
    )


def select_input(block_id: str, action_id: str, label: Plain, options: Sequence[Option], initial: Option) -> InputBlock:
    """A menu from which one is chosen; ``initial`` is until another is."""
    element = StaticSelectElement(action_id=action_id, options=list(options), initial_option=initial)
    return InputBlock(block_id=block_id, label=_plain(label), element=element)


def many_input(block_id: str, action_id: str, label: Plain, options: Sequence[Option]) -> InputBlock:
    """A menu from which any number may be chosen."""
    element = StaticMultiSelectElement(action_id=action_id, options=list(options))
    return InputBlock(block_id=block_id, label=_plain(label), element=element)


def text_input(
    block_id: str,
    action_id: str,
    label: Plain,
    hint: Plain,
    *,
    max_length: int = INPUT_LENGTH,
    optional: bool = False,
) -> InputBlock:
    """Several lines of free text, from three characters up to ``max_length``.

    Nobody can send the form without it, unless it is ``optional``.
    """
    element = PlainTextInputElement(action_id=action_id, multiline=True, min_length=3, max_length=max_length)
    left_out = True if optional else None
    return InputBlock(block_id=block_id, label=_plain(label), hint=_plain(hint), element=element, optional=left_out)


def person_input(block_id: str, action_id: str, label: Plain) -> InputBlock:
    """A choice of one person of the workspace."""
    return InputBlock(block_id=block_id, label=_plain(label), element=UserSelectElement(action_id=action_id))


def modal(
    callback_id: str,
    title: Plain,
    blocks: Sequence[Block],
    *,
    private_metadata: str = "",
    submit: Plain | None = None,
    close: Plain,
) -> dict[str, Any]:
    """A modal view as JSON."""
    view: dict[str, Any] = View(
        type="modal",
        callback_id=callback_id,
        title=_plain(title),
        submit=_plain(submit) if submit is not None else None,
        close=_plain(close),
        private_metadata=private_metadata,
        blocks=list(blocks),
    ).to_dict()
    return view


def _plain(text: Plain) -> PlainTextObject:
    return PlainTextObject(text=text, emoji=False)


def _markup(text: Mrkdwn) -> MarkdownTextObject:
    """Verbatim: Slack then makes no links or mentions out of words that only look like them."""
    return MarkdownTextObject(text=text, verbatim=True)
