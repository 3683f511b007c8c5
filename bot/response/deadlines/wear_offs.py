"""Effects that end by themselves: when the time has come it is checked whether they have, and people are told.

What has ended leaves the incident as it was, so it is assessed anew where it still fires.
"""

import asyncio
import logging
from datetime import timedelta

from bot.remediation import Condition
from bot.response.execution.record import record_of, same, what_is_there
from bot.response.model.actions import Action, ActionState
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.notices import ThreadLine, Tone
from bot.response.model.records import WearOff
from bot.response.notices.calling import call_about
from bot.response.notices.recipients import callable_people
from bot.response.notices.report import report
from bot.response.ports.context import Context
from bot.response.ports.work import Work

CHECKS = 3
"""So often it is checked before people are told that it has not ended."""
AGAIN = timedelta(seconds=30)
"""Between two checks: clocks differ, and systems forget things a little late."""

log = logging.getLogger(__name__)


async def check_wear_offs(context: Context) -> int:
    """Check each effect that is to have ended by now; of how many that is settled."""
    async with context.database.read() as work:
        due = await work.wear_offs.due(context.now())
    settled = 0
    for seen in due:
        try:
            settled += await _check(context, seen)
        except Exception:
            log.exception("whether the effect of action %s has ended could not be settled", seen.action_id)
    return settled


async def _check(context: Context, seen: WearOff) -> bool:
    async with context.database.read() as work:
        action = await work.actions.get(seen.action_id)
    if action is None:
        raise LookupError(f"action {seen.action_id!r} is not in the database")
    stands = action.state is ActionState.SUCCEEDED
    ended = await _has_ended(context, action) if stands else False
    async with context.database.begin() as work:
        now, fresh = context.now(), await work.actions.get(action.id)
        if fresh is None or fresh.state is not action.state:
            return False  # somebody rolls it back at this moment
        if stands and ended is not True and seen.checks + 1 < CHECKS:
            await work.wear_offs.check_again(seen, now + AGAIN)
            return False
        if not await work.wear_offs.settle(seen, ended is True, now):
            return False
        if stands:
            await _tell(work, context, action, ended)
    return True


async def _has_ended(context: Context, action: Action) -> bool | None:
    """Whether it is as before, or what was put there is gone; None where that cannot be seen."""
    async with context.database.read() as work:
        record = await record_of(work, action)
    there = await what_is_there(context, action)
    if there is None:
        return None
    if same(context, action.plan, record.snapshot, there):
        return True
    try:
        async with asyncio.timeout(context.timing.plan_timeout_seconds):
            health = await context.catalogue[action.plan.remediation].health(action.plan, record)
    except Exception:  # an author's bug or a system that hangs: then what is there decides
        log.exception("the targets of action %s could not be asked", action.id)
        return False
    return health.condition is Condition.UNHEALTHY


async def _tell(work: Work, context: Context, action: Action, ended: bool | None) -> None:
    """On the record and in the thread; what has ended is assessed anew."""
    summary = action.plan.summary.rstrip(". ")
    if ended:
        line = ThreadLine(title="It has ended by itself", lines=(f"{summary}: that is over, as planned.",))
        kind = AuditKind.ACTION_WORE_OFF
        await work.queue.consider(action.incident_id)
    else:
        why = "whether it has cannot be seen" if ended is None else "it is still there"
        incident = await work.incidents.get(action.incident_id)
        severity = incident.severity if incident else ""
        line = ThreadLine(
            title="It was to end by itself",
            lines=(f"{summary}: {why}. Please check by hand.",),
            tone=Tone.BAD,
            to=callable_people(context.policy(), action.asked, severity, context.now()),
        )
        kind = AuditKind.ACTION_STAYED_ON
        await call_about(work, context.policy(), action, line.lines[0], context.now())
    body = {"action": action.id, "runbook": action.runbook, "text": line.lines[0]}
    await report(work, context, action.incident_id, kind, body=body, line=line)
