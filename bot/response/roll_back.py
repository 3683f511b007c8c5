"""RECOVER, durably: restore what was recorded before acting, unless somebody has changed it since.

``roll_back.v1`` serves a person's click and the harm breaker; ``act`` uses the same ``restore`` when verification
fails. The action is in state rolling_back, with its targets locked, before either begins. Each attempt is numbered: one
that failed can be followed by another.
"""

import asyncio
import logging
from dataclasses import dataclass

from bot.remediation import Record, Snapshot
from bot.response.execution.controls import held_by_people
from bot.response.execution.effects import EffectReport, EffectResult, died, run_effect
from bot.response.execution.harm import stands_on
from bot.response.execution.outcome import finish
from bot.response.execution.recorded import RecordedExecution
from bot.response.model.actions import REVERSIBLE, Action, ActionEvent, ActionState, Result
from bot.response.model.records import Attempt, AttemptState, rollback_key
from bot.response.notices.rollback_words import rollback_line
from bot.response.ports.context import WATCHKEEPER, Context
from bot.response.ports.flow import Flow, Json, StepName, fact_of_step
from bot.response.ports.work import Work

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """The target, read right before a rollback."""

    moved: str = ""
    """That it is not as we left it, or that this cannot be seen, in words; empty when nothing speaks against it."""
    now: Snapshot | None = None


async def roll_back(flow: Flow, context: Context, action_id: str, by: str, reason: str) -> None:
    """The flow ``roll_back.v1``."""
    await restore(flow, context, action_id, by, reason)


async def restore(flow: Flow, context: Context, action_id: str, by: str, reason: str) -> None:
    """Claim this attempt at a rollback, make it once, and put the result on the record."""

    async def claim(work: Work) -> Json:
        action = await work.actions.get(action_id)
        before = await work.attempts.get(f"{action_id}:execute")
        key = rollback_key(action_id, action.rollbacks if action else 1)
        await work.attempts.claim(key, before.snapshot if before else None)
        return key

    # Flows of older releases remember nothing here: theirs is the first attempt.
    key = await flow.transaction(StepName.ROLL_BACK_CLAIM, claim) or rollback_key(action_id, 1)
    effect = await fact_of_step(
        flow, StepName.ROLL_BACK_RESTORE, EffectReport, lambda: _restore_once(context, action_id, key, by)
    )
    await flow.transaction(
        StepName.ROLL_BACK_CONCLUDE, lambda work: _conclude(work, context, action_id, key, by, reason, effect)
    )


async def _restore_once(context: Context, action_id: str, key: str, by: str) -> EffectReport:
    async with context.database.read() as work:
        before = await work.actions.get(action_id)
        execution = await work.attempts.get(f"{action_id}:execute")
    seen = await _look(context, before, execution) if before is not None else Seen()
    async with context.database.begin() as work:
        action, attempt = await work.actions.get(action_id), await work.attempts.get(key)
        if action is None or attempt is None:
            raise LookupError(f"action {action_id!r} or its rollback is not in the database")
        if action.state is not ActionState.ROLLING_BACK:
            return EffectReport(result=EffectResult.NOT_BEGUN)
        if attempt.state is AttemptState.STARTED:
            return died()
        against = await _against(work, context, action, attempt, seen, by)
        if against is not None:
            return against
        if not await work.attempts.start_once(key):
            return died()
    remediation, plan, snapshot = context.catalogue[action.plan.remediation], action.plan, attempt.snapshot
    limit = context.policy().rollback_within_of(action.runbook).total_seconds()
    record = Record(snapshot=snapshot or Snapshot())
    return await run_effect(lambda: remediation.roll_back(plan, record, RecordedExecution(action_id)), limit)


async def _against(
    work: Work, context: Context, action: Action, attempt: Attempt, seen: Seen, by: str
) -> EffectReport | None:
    """What keeps this rollback from beginning; None when nothing does."""
    if action.plan.rollback.exactness not in REVERSIBLE or attempt.snapshot is None:
        return EffectReport(result=EffectResult.FAILED, summary=f"Nothing was undone. {rollback_line(action.plan)}")
    if by == WATCHKEEPER and (held := await held_by_people(work, context, action)):
        return EffectReport(result=EffectResult.HELD, summary=f"Not rolled back by itself: {held}.")
    moved, newer = seen.moved, await stands_on(work, action)
    if newer is not None:
        moved = f"INC-{newer.incident_id} has acted on the same target since ({newer.plan.summary})"
    if not moved:
        return None
    text = f"Not rolled back, to overwrite nothing: {moved}. A person who rolls back now overwrites that."
    if by != WATCHKEEPER and await _was_told(work, action, text, seen):
        return None
    if seen.now is not None:
        await work.attempts.left_behind(attempt.key, seen.now)
    return EffectReport(result=EffectResult.MOVED_ON, summary=text)


async def _was_told(work: Work, action: Action, text: str, seen: Seen) -> bool:
    """Whether a person asks again after having been told of exactly this change."""
    earlier = await work.attempts.get(rollback_key(action.id, action.rollbacks - 1)) if action.rollbacks > 1 else None
    if earlier is None or earlier.state is not AttemptState.MOVED_ON:
        return False
    return earlier.report == text and (earlier.after is None or earlier.after == seen.now)


async def _look(context: Context, action: Action, execution: Attempt | None) -> Seen:
    """The target as it is now, compared with how we left it, where that was noted."""
    if execution is None or execution.after is None or action.plan.rollback.exactness not in REVERSIBLE:
        return Seen()
    labels = ", ".join(target.label for target in action.plan.targets)
    try:
        async with asyncio.timeout(context.timing.plan_timeout_seconds):
            now = await context.catalogue[action.plan.remediation].snapshot(action.plan)
    except Exception:  # whatever keeps it from being seen, an author's bug included, is no reason to overwrite it
        log.exception("the targets of action %s could not be seen before its rollback", action.id)
        return Seen(f"whether somebody has changed {labels} since cannot be seen")
    return Seen("" if now.state == execution.after.state else f"somebody has changed {labels} since", now)


_STATES = {
    EffectResult.DONE: AttemptState.DONE,
    EffectResult.MOVED_ON: AttemptState.MOVED_ON,
}
_RESULTS = {
    EffectResult.DONE: Result.ROLLED_BACK,
    EffectResult.UNKNOWN: Result.UNKNOWN,
}


async def _conclude(
    work: Work, context: Context, action_id: str, key: str, by: str, reason: str, effect: EffectReport
) -> None:
    if effect.result is EffectResult.NOT_BEGUN:
        return
    done, by_us = effect.result is EffectResult.DONE, by == WATCHKEEPER
    await work.attempts.finish(key, _STATES.get(effect.result, AttemptState.FAILED), effect.summary)
    event = ActionEvent.RESTORED if done else ActionEvent.NOT_RESTORED
    because = f"Why: {reason}" if reason else ""
    await finish(
        work,
        context,
        action_id,
        event,
        f"{effect.summary} {because}".strip(),
        Result.INTERRUPTED if effect.interrupted else _RESULTS.get(effect.result, Result.NOT_RESTORED),
        call_people=by_us or not done,
        pause_because=f"its last action did not help: {reason or effect.summary}" if by_us or not done else "",
    )
