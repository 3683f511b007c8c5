"""Harm after our own act: new alerts where we have just acted mean that we may have made it worse.

Then the act is rolled back, its runbook is paused until a person resumes it, and people are called.
"""

from collections.abc import Sequence
from datetime import datetime

from bot.policy.file.document import Policy
from bot.policy.plan import Exactness
from bot.policy.situation import Scope, ScopeKind
from bot.response.model.actions import Action, ActionEvent, ActionState
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.incidents import Alert, Incident
from bot.response.model.notices import ThreadLine, Tone
from bot.response.notices.recipients import callable_people
from bot.response.notices.report import tell
from bot.response.ports.context import WATCHKEEPER, Context
from bot.response.ports.rows import Work


async def pause_after_harm(work: Work, action: Action, reason: str, now: datetime) -> int:
    """Pause the action's runbook until a person resumes it (once, if it is paused so already); the audit entry."""
    scope = Scope(kind=ScopeKind.RUNBOOK, name=action.runbook)
    paused = any(p.scope == scope and p.until is None for p in await work.pauses.active(now))
    if not paused:
        await work.pauses.add(scope, WATCHKEEPER, reason, now, None)
    return await work.audit.append(
        kind=AuditKind.AUTOMATION_PAUSED,
        actor=WATCHKEEPER,
        at=now,
        incident_id=action.incident_id,
        body={"scope": str(scope), "reason": reason, "action": action.id, "already": paused},
    )


async def answer_harm(work: Work, context: Context, incident: Incident, firing: Sequence[Alert], now: datetime) -> None:
    """Undo each finished act of ours after which one of these alerts began, here or on what this service depends on."""
    policy = context.policy()
    for action in await _suspects(work, policy, incident, firing, now):
        reason = f"{incident.alert_name} fired on {incident.service or 'an unnamed service'} after our act"
        entry = await pause_after_harm(work, action, reason, now)
        lines = [
            f"New alert after our act: {incident.name}, {incident.alert_name}.",
            f"The runbook {action.runbook} is paused until a person resumes it.",
        ]
        reversible = action.plan.rollback.exactness is not Exactness.NONE
        free = reversible and await work.locks.take([t.key for t in action.plan.targets], action.id) is None
        if free and await work.actions.move(action.id, ActionEvent.ROLL_BACK) is not None:
            await work.queue.roll_back(action, WATCHKEEPER, reason)
            lines.append("Rolling it back now.")
        else:
            lines.append("It cannot be rolled back by itself; a person must look.")
        line = ThreadLine(
            title="Harm suspected after our act",
            lines=tuple(lines),
            tone=Tone.BAD,
            to=callable_people(policy, action.asked, incident.severity, now),
        )
        await tell(work, context, action.incident_id, line, entries=(entry,), at=now)


async def _suspects(
    work: Work, policy: Policy, incident: Incident, firing: Sequence[Alert], now: datetime
) -> list[Action]:
    """Our finished acts after which one of these alerts began, on the same service or one that it depends on."""
    if not firing or not incident.service:
        return []
    service = policy.services.get(incident.service)
    services = [incident.service, *(service.depends_on if service else ())]
    newest = max(a.facts.starts_at for a in firing)
    suspects: list[Action] = []
    for name in services:
        history = await work.actions.history("", name, now - policy.defaults.watch_after)
        for past in history.actions:
            action = await work.actions.get(past.action_id)
            done = action is not None and action.state is ActionState.SUCCEEDED and action.finished_at is not None
            if action is not None and done and action.finished_at is not None and newest > action.finished_at:
                suspects.append(action)
    return suspects
