"""A message to one person: what waits for them, until when, and the way to the card. Nothing can be answered here.

Must not know: the policy, the database. Same notice, same message.
"""

from bot.response.notices import DirectNotice
from bot.slack import layout
from bot.slack.cards.buttons import open_button
from bot.slack.layout import Message
from bot.slack.text import Url, bold, dotted, escape, lines, spaced, when, words

LINES_SHOWN = 6
WITHOUT_LINK = words("Please answer on the card in the incidents channel.")


def render_direct(notice: DirectNotice, outbox_id: int, card: Url | None) -> Message:
    """The message. ``card``: where the incident's card is; None while that is not known."""
    title = escape(notice.title, 200)
    said = [escape(line, 400) for line in notice.lines[:LINES_SHOWN] if line.strip()]
    blocks = [
        layout.section(lines([spaced(words("🔔"), bold(title)), *said, *([WITHOUT_LINK] if card is None else [])])),
        *([open_button(notice.incident, card)] if card is not None else []),
        layout.context(dotted([bold(escape(notice.incident, 40)), when(notice.at)])),
    ]
    text = spaced(escape(f"{notice.incident}:", 40), title, *said[:2])
    return Message(text=text, blocks=layout.built(blocks), metadata=layout.notice_metadata(outbox_id))
