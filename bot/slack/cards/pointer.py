"""The message in the incidents channel of an incident that is handled elsewhere: where, and how it ended.

Must not know: the policy, the database. Same notice, same message.
"""

from collections.abc import Collection

from bot.policy.file.fields import elapsed_text
from bot.response.model.actions import ActionState
from bot.response.model.incidents import IncidentState
from bot.response.model.notices import PointerNotice
from bot.response.model.state_words import state_words
from bot.slack import layout
from bot.slack.cards.wording import severity_words
from bot.slack.layout import Message
from bot.slack.text import (
    EMPTY,
    Mrkdwn,
    bold,
    channel_mention,
    code,
    concat,
    escape,
    lines,
    naming,
    spaced,
    when,
    words,
)
from bot.slack.tones import icon

_TOLD = frozenset({ActionState.SUCCEEDED, ActionState.ROLLED_BACK, ActionState.FAILED})
"""Ends of what was carried out; what was not is told where the incident is handled."""


def render_pointer(pointer: PointerNotice, outbox_id: int, known_people: Collection[str] = ()) -> Message:
    """The pointer as a message."""
    name = bold(escape(pointer.incident, 40))
    trouble = concat(
        severity_words(pointer.severity),
        words(" on "),
        code(pointer.service, 80),
        words(": "),
        escape(pointer.alert_name, 120),
    )
    verb = " was handled in " if pointer.incident_state is IncidentState.RESOLVED else " is handled in "
    where = concat(name, words(verb), channel_mention(pointer.channel), words("."))
    outcome = lines([_action(pointer, set(pointer.names) & set(known_people)), _end(pointer)])
    opened = concat(words("opened "), when(pointer.opened_at))
    blocks = [layout.section(lines([trouble, where, outcome])), layout.context(opened)]
    return Message(
        text=spaced(concat(trouble, words(".")), where, _end(pointer)),
        blocks=layout.built(blocks),
        metadata=layout.notice_metadata(outbox_id),
    )


def _action(pointer: PointerNotice, known: Collection[str]) -> Mrkdwn:
    if pointer.action_state not in _TOLD:
        return EMPTY
    said = state_words(pointer.action_state, pointer.result)
    outcome = naming(pointer.outcome, known, 300) if pointer.outcome else EMPTY
    return spaced(icon(said.tone), words(said.sentence), outcome)


def _end(pointer: PointerNotice) -> Mrkdwn:
    if pointer.resolved_at is None:
        return EMPTY
    lasted = elapsed_text(pointer.resolved_at - pointer.opened_at)
    said = state_words(IncidentState.RESOLVED)
    return spaced(icon(said.tone), words(f"{said.label} after {lasted}."))
