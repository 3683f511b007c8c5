"""Cards: pure renderers from notices to Slack blocks, with golden files in the tests."""

from collections.abc import Collection

from bot.response.notices import CardNotice, PointerNotice, Told
from bot.slack.cards.buttons import button_value, parse_button_value
from bot.slack.cards.incident import render_card
from bot.slack.cards.pointer import render_pointer
from bot.slack.cards.thread import render_entry
from bot.slack.layout import Message

__all__ = ["button_value", "parse_button_value", "render"]


def render(notice: Told, outbox_id: int, known_people: Collection[str] = ()) -> Message:
    """A notice as Slack shall show it.

    ``outbox_id`` travels in the message metadata. ``known_people`` are user ids that we have resolved; in words only
    those become mentions that the notice says it put there itself, because outside text may hold ids as well.
    """
    if isinstance(notice, CardNotice):
        return render_card(notice, outbox_id, known_people)
    if isinstance(notice, PointerNotice):
        return render_pointer(notice, outbox_id, known_people)
    return render_entry(notice, outbox_id, known_people)
