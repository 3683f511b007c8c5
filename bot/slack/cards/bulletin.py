"""A bulletin: a message of its own about what belongs to no incident. Same notice, same message."""

from bot.response.model.bulletins import BulletinNotice
from bot.slack import layout
from bot.slack.cards.wording import people
from bot.slack.layout import Message
from bot.slack.text import bold, code, concat, escape, lines, spaced, when, words

LINES_SHOWN = 12
LINES_PER_SECTION = 5
"""Slack allows 3,000 characters in one."""
COMMAND_CHARACTERS = 200


def render_bulletin(bulletin: BulletinNotice, outbox_id: int) -> Message:
    """The bulletin as a message."""
    title = spaced(words("⚠️" if bulletin.warns else "🧾"), bold(escape(bulletin.title, 200)))
    said = [escape(line, 400) for line in bulletin.lines[:LINES_SHOWN] if line.strip()]
    copied = [code(bulletin.command, COMMAND_CHARACTERS)] if bulletin.command else []
    call = [concat(people(bulletin.to), words(": please look."))] if bulletin.to else []
    texts = [title, *said, *copied, *call]
    chunks = [texts[start : start + LINES_PER_SECTION] for start in range(0, len(texts), LINES_PER_SECTION)]
    return Message(
        text=spaced(escape(f"{bulletin.title}.", 200), *said[:2]),
        blocks=layout.built(
            [
                *(layout.section(lines(chunk)) for chunk in chunks),
                layout.context(words("by Watchkeeper"), when(bulletin.at)),
            ]
        ),
        metadata=layout.notice_metadata(outbox_id),
    )
