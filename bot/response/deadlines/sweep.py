"""Waits that end by themselves: rows with a ``due_at``, swept with conditional updates.

Every replica may sweep; each row moves once, because only one conditional update can win. A row that cannot be
moved is logged and left for the next sweep, so it never blocks the others. Questions that wait for people have a sweep
of their own (``reminders``): it may have to ask Slack who is in a group, and these deadlines never wait for Slack.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from bot.policy.rules.changes import SEEN
from bot.response.assessment.record import LOOK_AGAIN
from bot.response.deadlines.announcements import not_announced, release
from bot.response.execution.controls import controls_on
from bot.response.execution.outcome import why_lapsed, withdraw
from bot.response.model.actions import Action, ActionEvent, ActionState
from bot.response.ports.context import Context
from bot.response.ports.work import Work

log = logging.getLogger(__name__)

OnDue = Callable[[Work, Context, Action], Awaitable[bool]]


async def _lapse(work: Work, context: Context, action: Action) -> bool:
    return await withdraw(work, context, action, ActionEvent.LAPSE, why_lapsed(action))


async def _look_again(work: Work, context: Context, action: Action) -> bool:
    """Whether the system still shows the change that holds this, unless something else holds it as well."""
    if await work.actions.amend(action, due_at=context.now() + LOOK_AGAIN) is None:
        return False
    if all(control.kind == SEEN for control in await controls_on(work, context, action)):
        await work.queue.consider(action.incident_id)
    return True


_WHEN_DUE: dict[ActionState, OnDue] = {
    ActionState.ANNOUNCING: not_announced,
    ActionState.VETO_WINDOW: release,
    ActionState.APPROVED: _lapse,
    ActionState.HELD: _look_again,
}


async def sweep(context: Context) -> int:
    """Move everything that is due; how many rows this call moved."""
    now, moved = context.now(), 0
    async with context.database.read() as work:
        due = await work.actions.due_in(_WHEN_DUE, now)
    for action in due:
        state = action.state
        try:
            async with context.database.begin() as work:
                fresh = await work.actions.get(action.id)
                if fresh is not None and fresh.state is state and _is_due(fresh, now):
                    moved += await _WHEN_DUE[state](work, context, fresh)
        except Exception:
            log.exception(
                "the deadline of action %s (%s) could not be handled; trying again at the next sweep", action.id, state
            )
    return moved


def _is_due(action: Action, now: datetime) -> bool:
    return action.due_at is not None and action.due_at <= now
