"""Where an incident lives: it moves into a channel of its own, and back to its thread if that cannot be.

The card is always posted in the incidents channel first, so that nobody waits for a channel to be asked. Only then a
channel is wanted; once it is there, the card is posted in it, and the first card's message becomes a pointer to it.
"""

from datetime import timedelta

from bot.response.model.actions import PENDING, UNDER_WAY
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.incident_channel import Announcement, ChannelBrief, OwnChannel
from bot.response.model.incidents import IncidentState
from bot.response.model.notices import CardNotice, PointerNotice, ThreadLine, Tone
from bot.response.notices.card import current_action, present_card, who_halted
from bot.response.notices.closing_summary import closing_summary
from bot.response.notices.report import report, tell
from bot.response.ports.context import WATCHKEEPER, Context
from bot.response.ports.work import Work

PATIENCE = timedelta(seconds=15)
"""How long the incident's further news waits for its channel, so that the story stands in one place."""
LINKS_OFFERED = ("Dashboard", "Runbook")


async def want_channel(work: Work, context: Context, incident_id: int, card: CardNotice) -> None:
    """Slack has accepted this card, in the transaction that says so: begin with a channel if the policy wants one."""
    own = context.policy().channels.own_channel
    incident = await work.incidents.get(incident_id)
    if own is None or incident is None or incident.channel is None or incident.thread_ts is None:
        return
    if incident.state is IncidentState.RESOLVED:
        return
    if incident.severity.lower() not in {severity.lower() for severity in own.severities}:
        return
    now = context.now()
    brief = ChannelBrief(
        number=incident.id,
        service=incident.service,
        severity=incident.severity,
        alert_name=incident.alert_name,
        summary=card.summary,
        name=own.name,
        invite=own.invite,
        links=tuple(link for link in card.links if link.label in LINKS_OFFERED),
    )
    announcement = Announcement(incident.channel, incident.thread_ts)
    await work.channels.begin(incident_id, brief, announcement, now=now, hold_until=now + PATIENCE)


async def opened(work: Work, context: Context, own: OwnChannel, channel: str, name: str) -> bool:
    """The channel is there: the incident moves in. False when somebody else has said so already."""
    now, incident_id = context.now(), own.incident_id
    if not await work.channels.opened(incident_id, channel, now=now):
        return False
    await work.audit.append(
        kind=AuditKind.CHANNEL_OPENED,
        actor=WATCHKEEPER,
        at=now,
        incident_id=incident_id,
        body={"channel": channel, "name": name, "invite": list(own.brief.invite)},
    )
    card = await present_card(work, context.policy(), incident_id, context.now())
    if card is not None:
        await work.outbox.deliver_again(incident_id, card, now)
    await tell_ending(work, context, incident_id)
    return True


async def refused(work: Work, context: Context, incident_id: int, error: str, remedy: str) -> bool:
    """Slack lets no channel be opened: the thread stays the place, and says so once."""
    return await _back_to_the_thread(
        work,
        context,
        incident_id,
        AuditKind.CHANNEL_REFUSED,
        "No channel of its own: this thread stays the place",
        error,
        remedy,
    )


async def lost(work: Work, context: Context, incident_id: int, error: str) -> bool:
    """Somebody has archived or deleted the channel, or removed us: the story goes on in the first card's thread."""
    return await _back_to_the_thread(
        work, context, incident_id, AuditKind.CHANNEL_LOST, "Its channel is closed: the story goes on here", error, ""
    )


async def invitation_failed(work: Work, context: Context, own: OwnChannel, error: str) -> None:
    """Nobody could be called into the channel: said where those who come by themselves see it."""
    line = ThreadLine(
        title="Nobody could be invited here",
        lines=(f"Slack says: {error}. Whoever is needed has to join by themselves or be invited by hand.",),
        tone=Tone.WARNING,
    )
    await tell(work, context, own.incident_id, line)


async def archived(work: Work, context: Context, own: OwnChannel) -> bool:
    """The channel is archived; what may still be told goes to the first card's thread."""
    if not await work.channels.archived(own.incident_id):
        return False
    await work.audit.append(
        kind=AuditKind.CHANNEL_ARCHIVED,
        actor=WATCHKEEPER,
        at=context.now(),
        incident_id=own.incident_id,
        body={"channel": own.channel},
    )
    return True


async def is_quiet(work: Work, incident_id: int) -> bool:
    """Whether nothing is under way in the incident and everything about it is told."""
    actions = await work.actions.of_incident(incident_id)
    told = not await work.outbox.undelivered(incident_id)
    return told and not any(action.state in UNDER_WAY | PENDING for action in actions)


async def tell_ending(work: Work, context: Context, incident_id: int) -> None:
    """Something ended in an incident with its own channel: the pointer says so; after all ended, the summary does."""
    own, incident = await work.channels.get(incident_id), await work.incidents.get(incident_id)
    if own is None or own.channel is None or not own.is_home or incident is None:
        return
    now, action = context.now(), await current_action(work, incident)
    pointer = PointerNotice(
        incident=incident.name,
        service=incident.service,
        severity=incident.severity,
        alert_name=incident.alert_name,
        channel=own.channel,
        incident_state=incident.state,
        opened_at=incident.opened_at,
        resolved_at=incident.resolved_at,
        action_state=action.state if action else None,
        result=action.result if action else None,
        outcome=action.outcome if action else "",
        names=who_halted(incident, action),
    )
    await work.outbox.add(incident_id, pointer, now)
    actions = await work.actions.of_incident(incident_id)
    if incident.state is not IncidentState.RESOLVED or any(one.state in UNDER_WAY | PENDING for one in actions):
        return
    policy = context.policy().channels.own_channel
    at = now + policy.archive_after if policy is not None else now
    if await work.channels.archive_at(incident_id, at):
        await work.outbox.add(incident_id, await closing_summary(work, context, incident, own.brief.summary, at), now)


async def _back_to_the_thread(
    work: Work, context: Context, incident_id: int, kind: AuditKind, title: str, error: str, remedy: str
) -> bool:
    if not await work.channels.give_up(incident_id, error):
        return False
    line = ThreadLine(
        title=title,
        lines=(f"Slack says: {error}.", *((f"To have one the next time: {remedy}.",) if remedy else ())),
        tone=Tone.WARNING,
    )
    await report(work, context, incident_id, kind, body={"error": error, "remedy": remedy}, line=line)
    return True
