"""Whether a pause, a freeze or a change of others covers an action at this moment, read from what it touches.

It needs no runbook in the policy: a full pause binds also what the policy no longer knows.
"""

from collections.abc import Sequence
from datetime import datetime

from bot.policy.actors import in_words
from bot.policy.file.document import Policy
from bot.policy.rules import changes
from bot.policy.rules.controls import Control, applying
from bot.policy.rules.services import Services
from bot.policy.situation import Change, Pause
from bot.response.model.actions import Action
from bot.response.model.incidents import Incident, IncidentState
from bot.response.ports.context import WATCHKEEPER, Context
from bot.response.ports.work import Work


async def controls_on(work: Work, context: Context, action: Action) -> tuple[Control, ...]:
    """What holds this action now; whoever acts by hand has overridden exactly what they were shown."""
    now = context.now()
    applied = _applied(context.policy(), action, await work.pauses.active(now), await work.changes.known(now), now)
    applied += changes.seen_on(action.plan)
    if not action.by_hand:
        return applied
    return tuple(control for control in applied if control.id not in action.overridden)


async def held_by_people(work: Work, context: Context, action: Action) -> str:
    """What keeps a rollback from beginning by itself, in words; empty when nothing does.

    People's pauses, freezes and changes do, and whoever has taken the incident over; our own pause after harm does not.
    """
    now = context.now()
    pauses = [pause for pause in await work.pauses.active(now) if pause.by != WATCHKEEPER]
    applied = _applied(context.policy(), action, pauses, await work.changes.known(now), now)
    if applied:
        return applied[0].text
    incident = await work.incidents.get(action.incident_id)
    if incident is not None and incident.state is IncidentState.TAKEN:
        return f"{in_words(incident.taken_by or '')} has taken {incident.name} over"
    return ""


def taken_since(incident: Incident, action: Action) -> bool:
    """Whether somebody took over after this was agreed to; what acts by itself is never agreed to by whoever took."""
    if incident.state is not IncidentState.TAKEN:
        return False
    if not action.decided_by or incident.taken_at is None or action.decided_at is None:
        return True
    return incident.taken_at > action.decided_at


def services_touched(action: Action) -> Services:
    """What the action's plan touches, as it was judged."""
    return Services.recorded(action.services)


def _applied(
    policy: Policy, action: Action, pauses: Sequence[Pause], reported: Sequence[Change], now: datetime
) -> tuple[Control, ...]:
    services = services_touched(action)
    targets = [name for target in action.plan.targets for name in (target.key, target.label)]
    paused = applying(policy, pauses, now, runbook=action.runbook, services=services, targets=targets)
    return (*paused, *changes.standing(reported, now, services, targets))
