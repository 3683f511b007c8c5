"""No notification, no autonomy: an autonomous action is released only by the delivery of its card.

Slack delivers it, or else the second channel; whichever was first counts.
"""

from datetime import timedelta

from bot.policy.situation import Notification
from bot.response.assessment.record import judge_anew
from bot.response.model.actions import Action, ActionEvent, ActionState
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.notices import CardNotice, ThreadLine
from bot.response.notices.report import report, tell
from bot.response.ports.context import WATCHKEEPER, Context
from bot.response.ports.rows import Work
from bot.response.ports.second_notices import SecondNotice, SecondWork


async def announced(work: Work, context: Context, incident_id: int, notice: CardNotice) -> None:
    """Its card was accepted, in the transaction that says so: the veto window of its action opens.

    Without a window (L2, or L3 with a window of zero) the action is approved at once.
    """
    action = await work.actions.get(notice.subject)
    if action is None or action.state is not ActionState.ANNOUNCING or action.revision != notice.revision:
        return
    now = context.now()
    acts_at = now + timedelta(seconds=action.veto_window_seconds)
    opened = await work.actions.move(action.id, ActionEvent.ANNOUNCED, due_at=acts_at)
    if opened is None:
        return
    at_once = action.veto_window_seconds == 0
    body = {"action": action.id, "acts_at": acts_at.isoformat()}
    await report(work, context, incident_id, AuditKind.ACTION_ANNOUNCED, body=body, refresh=not at_once, at=now)
    if at_once:
        await release(work, context, opened)


async def told_elsewhere(work: SecondWork, context: Context, told: SecondNotice, route: str, title: str) -> None:
    """The second channel has delivered this, in the transaction that says so. It counts as an announcement.

    The thread says so as well, once, when Slack takes it again: ``route`` and ``title`` are for people.
    """
    now = context.now()
    entry = await work.audit.append(
        kind=AuditKind.NOTICE_TOLD_ELSEWHERE,
        actor=WATCHKEEPER,
        at=now,
        incident_id=told.incident_id,
        body={"route": told.route, "kind": told.kind, "subject": told.subject, "title": title},
    )
    if isinstance(told.notice, CardNotice):
        await announced(work, context, told.incident_id, told.notice)
    if told.notice is not None and await work.second_notices.told(told.incident_id, told.kind, told.subject) == 1:
        line = ThreadLine(title=f"Slack did not answer, so people were told by {route}", lines=(title,))
        await tell(work, context, told.incident_id, line, entries=(entry,), at=now)


async def release(work: Work, context: Context, action: Action) -> bool:
    """The veto window is over and nobody objected: approve, and start the act in this transaction."""
    now = context.now()
    approved = await work.actions.move(
        action.id,
        ActionEvent.WINDOW_OVER,
        decided_at=now,
        due_at=now + timedelta(seconds=action.execute_within_seconds),
    )
    if approved is None:
        return False
    await work.queue.act(approved)
    body = {"action": action.id, "veto_window_seconds": action.veto_window_seconds}
    await report(work, context, action.incident_id, AuditKind.ACTION_RELEASED, body=body, at=now)
    return True


async def not_announced(work: Work, context: Context, action: Action) -> bool:
    """Nobody has accepted the card in time: decide again without the notification, so that people are asked."""
    stored = await work.decisions.at_revision(action.incident_id, action.revision)
    if action.state is not ActionState.ANNOUNCING or stored is None:
        return False
    oversight = stored.situation.oversight.model_copy(update={"notification": Notification.FAILED})
    return await judge_anew(work, context, action, oversight=oversight)
