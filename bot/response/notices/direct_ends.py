"""When a direct message cannot be answered any more, and what stands in its place. Pure."""

from datetime import datetime

from bot.response.model.actions import UNDER_WAY
from bot.response.model.incidents import IncidentState
from bot.response.model.notices import CardNotice, DirectEndNotice
from bot.response.model.records import SentDirect


def end_of(sent: SentDirect, card: CardNotice, now: datetime) -> DirectEndNotice | None:
    """What replaces the message; None as long as the card takes every answer that it offers.

    A message about an incident that somebody is to take stays as it is while that can be done, whatever is asked.
    """
    notice = sent.notice
    newer = not notice.to_take and (notice.subject, notice.revision) != (card.subject, card.revision)
    if not newer and set(notice.buttons) <= set(card.buttons):
        return None
    under_way = card.action_state in UNDER_WAY
    taken = card.incident_state is IncidentState.TAKEN and card.taken_by is not None and not under_way
    resolved = card.incident_state is IncidentState.RESOLVED and not under_way
    return DirectEndNotice(
        incident=notice.incident,
        service=notice.service,
        severity=notice.severity,
        title=notice.plan.summary if notice.plan is not None else f"{card.alert_name} on {card.service}",
        newer=newer and not taken and not resolved,
        incident_state=card.incident_state,
        action_state=card.action_state,
        by=(card.taken_by,) if taken and card.taken_by else () if resolved else card.decided_by,
        of=sent.outbox_id,
        channel=sent.channel,
        ts=sent.ts,
        at=now,
    )
