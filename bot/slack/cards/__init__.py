"""Cards: pure renderers from notices to Slack blocks, with golden files in the tests."""

from collections.abc import Collection

from bot.response.model.bulletins import BulletinNotice
from bot.response.model.notices import (
    BundleNotice,
    CandidacyNotice,
    CardNotice,
    DirectEndNotice,
    DirectNotice,
    PointerNotice,
    Told,
)
from bot.slack.cards.bulletin import render_bulletin
from bot.slack.cards.bundle import render_bundle
from bot.slack.cards.buttons import button_value, parse_button_value
from bot.slack.cards.candidacy import render_candidacy
from bot.slack.cards.direct import render_direct, render_direct_end
from bot.slack.cards.incident import render_card
from bot.slack.cards.pointer import render_pointer
from bot.slack.cards.thread import render_entry
from bot.slack.layout import Message
from bot.slack.text import Url

__all__ = ["button_value", "parse_button_value", "render"]


def render(notice: Told, outbox_id: int, known_people: Collection[str] = (), *, card: Url | None = None) -> Message:
    """A notice as Slack shall show it. ``card`` is the address of the incident's card, for a direct message.

    ``outbox_id`` travels in the message metadata. ``known_people`` are user ids that we have resolved; in words only
    those become mentions that the notice says it put there itself, because outside text may hold ids as well.
    """
    if isinstance(notice, CardNotice):
        return render_card(notice, outbox_id, known_people)
    if isinstance(notice, PointerNotice):
        return render_pointer(notice, outbox_id, known_people)
    if isinstance(notice, BundleNotice):
        return render_bundle(notice, outbox_id, known_people)
    if isinstance(notice, DirectNotice):
        return render_direct(notice, outbox_id, card)
    if isinstance(notice, DirectEndNotice):
        return render_direct_end(notice, outbox_id, card)
    if isinstance(notice, CandidacyNotice):
        return render_candidacy(notice, outbox_id)
    if isinstance(notice, BulletinNotice):
        return render_bulletin(notice, outbox_id)
    return render_entry(notice, outbox_id, known_people)
