"""One entry of the incident's thread: what happened, why, by whom, and the rollback if there is one.

Must not know: the policy, the database. Same notice, same entry.
"""

from collections.abc import Collection

from bot.response.model.notices import ThreadNotice
from bot.slack import layout
from bot.slack.cards.buttons import button_rows
from bot.slack.cards.wording import people
from bot.slack.layout import Message
from bot.slack.text import Mrkdwn, bold, concat, dotted, escape, lines, mention, naming, spaced, when, words
from bot.slack.tones import icon

LINES_SHOWN = 12
AUDIT_SHOWN = 10


def render_entry(entry: ThreadNotice, outbox_id: int, known_people: Collection[str] = ()) -> Message:
    """The entry as a message. ``known_people``: user ids that we have resolved, so that they may become mentions."""
    known = set(entry.names) & set(known_people)
    title = spaced(icon(entry.tone), bold(naming(entry.title, known, 200)))
    call = concat(people(entry.to), words(": please look.")) if entry.to else None
    said = [naming(line, known, 600) for line in entry.lines[:LINES_SHOWN] if line.strip()]
    rows = button_rows(entry.buttons, entry.subject, entry.revision, if_rolled_back=entry.if_rolled_back)
    blocks = [
        layout.section(lines([title, *said, *([call] if call else [])])),
        *rows,
        layout.context(_footer(entry)),
    ]
    first = said[0] if said else None
    text = spaced(escape(f"{entry.incident}:", 40), naming(entry.title, known, 200), *([first] if first else []))
    return Message(text=text, blocks=layout.built(blocks), metadata=layout.notice_metadata(outbox_id))


def _footer(entry: ThreadNotice) -> Mrkdwn:
    numbers = ", ".join(str(number) for number in entry.audit[:AUDIT_SHOWN])
    return dotted(
        [
            concat(words("by "), mention(entry.by)) if entry.by else words("by Watchkeeper"),
            when(entry.at),
            *([words(f"audit {numbers}")] if numbers else []),
        ]
    )
