"""Harm after our own act: new alerts where we have just acted, or an error budget that burns faster since.

Then the act is rolled back where that is right, its runbook is paused until a person resumes it and demoted, and people
are called.
What counts is when we received an alert; the clocks of monitors only tell what began long before.
"""

from collections.abc import Sequence
from datetime import datetime

from bot.policy.file.document import Policy
from bot.policy.file.templates import names_in
from bot.policy.rules.matching import match
from bot.policy.situation import Scope, ScopeKind
from bot.response.assessment.parameters import filled
from bot.response.execution.controls import held_by_people, services_touched
from bot.response.execution.demotions import demote_where_due
from bot.response.model.actions import NOT_HALTED, REVERSIBLE, Action, ActionEvent, ActionState
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.incidents import Alert, Incident
from bot.response.model.notices import ThreadLine, Tone
from bot.response.notices.calling import call_about
from bot.response.notices.card import refresh_card
from bot.response.notices.recipients import callable_people
from bot.response.notices.report import tell
from bot.response.notices.rollback_words import rollback_line
from bot.response.ports.context import WATCHKEEPER, Context
from bot.response.ports.work import Work

NEIGHBOURS_MAX = 50
"""One is enough to know of harm, and queueing each keeps every other writer waiting for a moment."""


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


def paused_line(action: Action) -> str:
    """What people are told of such a pause."""
    return f"The runbook {action.runbook} is paused until a person resumes it."


async def answer_harm(work: Work, context: Context, incident: Incident, firing: Sequence[Alert], now: datetime) -> None:
    """Answer each finished act of ours after which one of these alerts came, on a service that may feel it."""
    said = f"New alert after our act: {incident.name}, {incident.alert_name}."
    reason = f"{incident.alert_name} fired on {incident.service or 'an unnamed service'} after our act"
    for action in await _suspects(work, context, incident, firing, now):
        await _answer(work, context, action, said, reason, incident.severity, now)


async def answer_burn(work: Work, context: Context, action: Action, said: str) -> None:
    """Answer an act of ours after which an error budget burns faster; ``said``: which, and how fast, in sentences."""
    incident = await work.incidents.get(action.incident_id)
    reason = f"after our act: {said.rstrip('.')}"
    await _answer(work, context, action, said, reason, incident.severity if incident else "", context.now())


async def _answer(
    work: Work, context: Context, action: Action, said: str, reason: str, severity: str, now: datetime
) -> None:
    """Pause, roll back where that is right, demote, and call people; once, where there is nothing to roll back."""
    policy = context.policy()
    if not await work.actions.harmed(action.id) and action.plan.rollback.exactness not in REVERSIBLE:
        return
    entry = await pause_after_harm(work, action, reason, now)
    line = ThreadLine(
        title="It may have made things worse",
        lines=(said, paused_line(action), await _rolled_back(work, context, action, reason)),
        tone=Tone.BAD,
        to=callable_people(policy, action.asked, severity, now),
    )
    await call_about(work, policy, action, reason, now)  # unless it is rolled back now, which says how it ends
    await refresh_card(work, policy, action.incident_id, now)
    await tell(work, context, action.incident_id, line, entries=(entry,), at=now)
    await demote_where_due(work, context, action.runbook)


async def reconsider_neighbours(work: Work, context: Context, action: Action) -> None:
    """An act has ended: assess its incident anew, and others in which alerts that may be due to it came meanwhile."""
    policy, hit = context.policy(), await work.incidents.hit_since(action.begun_at or context.now())
    near = dict.fromkeys(number for number, service in hit if _feels(action, _depended_on(policy, service)))
    near.pop(action.incident_id, None)
    for incident_id in (action.incident_id, *list(near)[:NEIGHBOURS_MAX]):
        await work.queue.consider(incident_id)


async def stands_on(work: Work, action: Action) -> Action | None:
    """A newer act of ours on one of the same targets that still stands; None when there is none."""
    keys = {target.key for target in action.plan.targets}
    began = action.begun_at or action.created_at
    for other in await work.actions.acts_since(began):
        if other.id == action.id or other.state is ActionState.ROLLED_BACK or other.begun_at is None:
            continue
        if other.begun_at > began and keys & {target.key for target in other.plan.targets}:
            return other
    return None


async def _rolled_back(work: Work, context: Context, action: Action, reason: str) -> str:
    """Begin the rollback where it may begin by itself; what becomes of it, in words."""
    if action.plan.rollback.exactness not in REVERSIBLE:
        return rollback_line(action.plan)
    if held := await held_by_people(work, context, action):
        return f"Not rolled back by itself: {held}. Roll back is offered on its card."
    if await work.locks.take([t.key for t in action.plan.targets], action.id) is not None:
        return "Another action works on the same target, so it is not rolled back by itself; a person must look."
    rolling = await work.actions.move(action.id, ActionEvent.ROLL_BACK, rollbacks=action.rollbacks + 1, **NOT_HALTED)
    if rolling is None:
        return "It cannot be rolled back by itself; a person must look."
    await work.queue.roll_back(rolling, WATCHKEEPER, reason)
    return "Rolling it back now."


async def _suspects(
    work: Work, context: Context, incident: Incident, firing: Sequence[Alert], now: datetime
) -> list[Action]:
    """Our finished acts after whose beginning one of these alerts came, on a service that may feel them."""
    policy = context.policy()
    heard = [alert for alert in firing if match(policy, alert.facts).mute is None]
    if not heard:
        return []
    services = {alert.facts.service for alert in heard} | {incident.service}
    felt = frozenset().union(*(_depended_on(policy, name) for name in services - {""}))
    return [
        action
        for action in await work.actions.acts_since(now - policy.defaults.watch_after)
        if action.state is ActionState.SUCCEEDED and _feels(action, felt)
        if any(_came_after(policy, action, alert) and not _elsewhere(context, action, alert) for alert in heard)
    ]


def _depended_on(policy: Policy, name: str) -> frozenset[str]:
    """The service and everything it depends on, through any number of hops."""
    found, open_names = {name}, [name]
    while open_names:
        service = policy.services.get(open_names.pop())
        new = set(service.depends_on) - found if service is not None else set()
        found |= new
        open_names += new
    return frozenset(found)


def _feels(action: Action, services: frozenset[str]) -> bool:
    touched = services_touched(action)
    return bool(touched.names & services) or not touched.known


def _came_after(policy: Policy, action: Action, alert: Alert) -> bool:
    """Received after the effect began, unless it started longer before than clocks can be off."""
    began = action.begun_at or action.finished_at
    if began is None or alert.received_at <= began:
        return False
    started = min(alert.facts.starts_at, alert.received_at)  # a start in the future is a clock that is ahead
    return started >= began - policy.defaults.clock_tolerance


def _elsewhere(context: Context, action: Action, alert: Alert) -> bool:
    """Whether it is the same runbook's alert about another target: the next attacker, not harm by the first block.

    Compared is what alerts fill, as the remediation understands it: an address is the same however it is written.
    """
    policy = context.policy()
    runbook, remediation = policy.runbooks.get(action.runbook), context.catalogue.get(action.plan.remediation)
    if runbook is None or remediation is None or match(policy, alert.facts).runbook != action.runbook:
        return False
    try:
        wanted = filled(remediation.parameters, runbook, alert.facts, {}).model_dump(mode="json")
    except ValueError:
        return False
    planned = action.plan.parameters
    by_alerts = [key for key, value in runbook.parameters.items() if names_in(value)]
    return any(planned[key] != wanted[key] for key in by_alerts if key in planned)
