"""Tells in the terminal, a line each, what happens in the demo: it reads along in the workspace, as anybody could."""

import asyncio
import re
from datetime import datetime

from rich.console import Console
from rich.text import Text

from bot.local.workspace import Message, Workspace

_MENTION = re.compile(r"<@(\w+)>")
_DATE = re.compile(r"<!date\^\d+\^[^|>]*\|([^>]*)>")
_LINK = re.compile(r"<[^|>]*\|([^>]*)>")
LONGEST_LINE = 160
UNDER_WAY = "⚙"
"""With it begins what a card says is being done."""


class Story:
    """The lines of one demo, on one console."""

    def __init__(self, console: Console, workspace: Workspace) -> None:
        self._console = console
        self._workspace = workspace
        self._told: dict[str, str] = {}

    def tell(self, text: str, style: str = "") -> None:
        """One line, with the time."""
        line = Text.assemble((f"{datetime.now().astimezone():%H:%M:%S}  ", "dim"), (text, style))
        line.truncate(LONGEST_LINE, overflow="ellipsis")
        self._console.print(line)

    async def read_along(self, channel: str) -> None:
        """Tell what the app says in ``channel`` and its threads, until cancelled. What is there already is known."""
        state = self._workspace.state
        with state.changes.listening() as changes:
            for message in state.in_channel(channel).values():
                self._told[message.ts] = self._said(message)
            while True:
                change = await changes.get()
                if change.kind == "message" and change.channel == channel and change.ts:
                    await asyncio.sleep(0)  # a message that is posted and edited at once is told once
                    self._notice(state.find_message(channel, change.ts))

    def _notice(self, message: Message | None) -> None:
        if message is None or not message.from_app:
            return
        said = self._said(message)
        if self._told.get(message.ts) != said:
            self._told[message.ts] = said
            self.tell(f"  ↳ {said}" if message.is_reply else said, "" if message.is_reply else "bold")

    def _said(self, message: Message) -> str:
        """A card by its header and what it says of itself, a thread entry by its first line and who did it."""
        texts = [_text_of(block) for block in message.blocks]
        if message.is_reply:
            by = next((text for text in texts[1:] if text.startswith("by <@")), "")
            said = texts[0].split("\n")[0] if texts else message.text
            return self._plain(f"{said}, {by.split(' · ')[0]}" if by else said)
        return self._plain(" ".join(filter(None, (*texts[:1], _how_it_stands(texts[1:])))) or message.text)

    def _plain(self, text: str) -> str:
        users = self._workspace.team.users
        text = _MENTION.sub(lambda found: users[found[1]].real_name if found[1] in users else "somebody", text)
        text = _LINK.sub(r"\1", _DATE.sub(r"\1", text))
        for written, meant in (("*", ""), ("`", ""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
            text = text.replace(written, meant)
        return text


def _how_it_stands(texts: list[str]) -> str:
    """Of what a card says, the last line about what is under way; else the first with a sign, else the first."""
    lines = [line for text in texts for line in text.split("\n")]
    under_way = [line for line in lines if line.startswith(UNDER_WAY)]
    with_a_sign = [line for line in lines[:2] if line and not line[0].isascii()]
    return next(iter((*under_way[::-1], *with_a_sign, *lines)), "")


def _text_of(block: dict[str, object]) -> str:
    """The text of a header, section or context block."""
    match block:
        case {"text": {"text": str(text)}} | {"elements": [{"text": str(text)}, *_]}:
            return text
    return ""
