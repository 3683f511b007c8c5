"""A message to one person: what waits for them, until when, the answers, and the way to the card; and its end.

Must not know: the policy, the database. Same notice, same message.
"""

from bot.response.model.actions import UNDER_WAY
from bot.response.model.incidents import IncidentState
from bot.response.model.notices import DirectEndNotice, DirectNotice, Tone
from bot.response.model.state_words import state_words
from bot.slack import layout
from bot.slack.cards.buttons import direct_rows, way_to_card
from bot.slack.cards.wording import people, severity_words
from bot.slack.layout import Message
from bot.slack.text import (
    EMPTY,
    Mrkdwn,
    Url,
    bold,
    code,
    concat,
    dotted,
    escape,
    lines,
    naming,
    spaced,
    when,
    words,
)
from bot.slack.tones import icon

LINES_SHOWN = 6
WITHOUT_LINK = words("Please answer on the card in the incidents channel.")
TAKE_WITHOUT_LINK = words("Please take it on the card in the incidents channel.")
OVER = words("Nothing is to be answered here any more; the card says how it goes on.")


def render_direct(notice: DirectNotice, outbox_id: int, card: Url | None) -> Message:
    """The message. ``card``: where the incident's card is; None while that is not known."""
    title = escape(notice.title, 200)
    said = [naming(line, (), 400) for line in notice.lines[:LINES_SHOWN] if line.strip()]
    silence, answer_by = _deadline(notice)
    without_link = TAKE_WITHOUT_LINK if notice.to_take else WITHOUT_LINK
    elsewhere = EMPTY if card is not None or notice.buttons else without_link
    blocks = [
        layout.section(lines([spaced(words("🔔"), bold(title)), *said, silence, elsewhere])),
        *direct_rows(notice, card),
        layout.context(_about(notice)),
    ]
    heading = concat(severity_words(notice.severity), words(" on "), escape(notice.service, 60), words(":"))
    text = spaced(heading, concat(title, words(".")), answer_by, escape(f"({notice.incident})", 40))
    return Message(text=text, blocks=layout.built(blocks), metadata=layout.notice_metadata(outbox_id))


def render_direct_end(notice: DirectEndNotice, outbox_id: int, card: Url | None) -> Message:
    """What stands in its place once nobody can answer it any more. ``card``: as for the message."""
    title, came = escape(notice.title, 200), _what_came_of_it(notice)
    way = layout.actions([way_to_card(notice.incident, card)]) if card is not None else None
    blocks = [
        layout.section(lines([bold(title), came, OVER])),
        *([way] if way is not None else ()),
        layout.context(_about(notice)),
    ]
    text = spaced(concat(title, words(":")), came, escape(f"({notice.incident})", 40))
    return Message(text=text, blocks=layout.built(blocks), metadata=layout.notice_metadata(outbox_id))


def _what_came_of_it(notice: DirectEndNotice) -> Mrkdwn:
    if notice.newer:
        return spaced(icon(Tone.NEUTRAL), words("A newer question has taken its place."))
    state, of_incident = notice.action_state, notice.incident_state
    if state is not None and (state in UNDER_WAY or of_incident is IncidentState.OPEN):
        said = state_words(state)
    else:
        said = state_words(of_incident)
    by = concat(words(" by "), people(notice.by)) if notice.by else EMPTY
    return spaced(icon(said.tone), concat(words(said.label), by, words(".")))


def _about(notice: DirectNotice | DirectEndNotice) -> Mrkdwn:
    return dotted(
        [
            bold(escape(notice.incident, 40)),
            severity_words(notice.severity),
            code(notice.service, 80),
            when(notice.at),
        ]
    )


def _deadline(notice: DirectNotice) -> tuple[Mrkdwn, Mrkdwn]:
    """What silence means; for the message, and for its fallback text."""
    consequence = naming(notice.if_nobody_answers or "nothing happens.", (), 200)
    if notice.answer_by is None:
        return (consequence if notice.to_take else EMPTY), EMPTY
    silent, answer = ("Not taken", "Take it") if notice.to_take else ("No answer", "Answer")
    shown_until = concat(words(f"{silent} by "), when(notice.answer_by), words(":"))
    return spaced(bold(shown_until), consequence), concat(words(f"{answer} by "), when(notice.answer_by), words("."))
