"""RECOVER, durably: restore what was recorded before acting, unless somebody has changed it since.

``roll_back.v2`` serves a person's click and the harm breaker; ``act`` uses the same ``restore`` when verification
fails. The action is in state rolling_back, with its targets locked, before either begins. Each attempt is numbered: one
that failed can be followed by another. The snapshot is taken before it, to see whether somebody has changed a target
since, and after it, to prove what it did.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from bot.policy.plan import Exactness
from bot.remediation import Record, Snapshot
from bot.response.execution.controls import held_by_people
from bot.response.execution.effects import EffectReport, EffectResult, died, run_effect
from bot.response.execution.harm import stands_on
from bot.response.execution.outcome import finish
from bot.response.execution.record import record_of, same, what_is_there
from bot.response.execution.recorded import RecordedExecution
from bot.response.execution.verify import verify
from bot.response.model.actions import REVERSIBLE, Action, ActionEvent, ActionState, Result
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.records import Attempt, AttemptState, execute_key, rollback_key
from bot.response.notices.report import report
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
    """The flow ``roll_back.v2``, and what older releases have queued as ``roll_back.v1``: its steps are the same."""
    await restore(flow, context, action_id, by, reason)


async def restore(flow: Flow, context: Context, action_id: str, by: str, reason: str) -> None:
    """Claim this attempt at a rollback, make it once, and put the result on the record."""

    async def claim(work: Work) -> Json:
        action = await work.actions.get(action_id)
        before = await work.attempts.get(execute_key(action_id))
        key = rollback_key(action_id, action.rollbacks if action else 1)
        await work.attempts.claim(key, before.snapshot if before else None)
        return key

    # Flows of older releases remember nothing here: theirs is the first attempt.
    key = await flow.transaction(StepName.ROLL_BACK_CLAIM, claim) or rollback_key(action_id, 1)
    effect = await fact_of_step(
        flow, StepName.ROLL_BACK_RESTORE, EffectReport, lambda: _restore(context, action_id, key, by)
    )
    await flow.transaction(
        StepName.ROLL_BACK_CONCLUDE, lambda work: _conclude(work, context, action_id, key, by, reason, effect)
    )


async def _restore(context: Context, action_id: str, key: str, by: str) -> EffectReport:
    """Make this attempt, again for a while where nothing was changed and it may work later; then prove what it did."""
    started = context.now()
    while True:
        begun = await _begin(context, action_id, key, by)
        if isinstance(begun, EffectReport):
            return begun
        action, record = begun
        within = context.policy().rollback_within_of(action.runbook)
        execution = RecordedExecution(context, action, key, rolled_back_by=by)
        remediation = context.catalogue[action.plan.remediation]
        carried_out = partial(remediation.roll_back, action.plan, record, execution)
        effect = await run_effect(execution, carried_out, within.total_seconds())
        if effect.result is EffectResult.MOVED_ON:  # the remediation's own word, which no second asking overrules
            text = f"Not rolled back, to overwrite nothing: {effect.summary}"
            effect = EffectReport(result=EffectResult.FAILED, summary=text)
        if execution.begun or effect.result is EffectResult.DONE:
            return await _proved(context, action, key, record, effect)
        until = started + within
        if not await _returned(context, action, key, effect, execution, until):
            return effect
        if await context.closing.wait(0 if execution.halted else effect.retry_after or 0):
            raise asyncio.CancelledError  # nothing was changed: it goes on from here after the restart


async def _begin(context: Context, action_id: str, key: str, by: str) -> tuple[Action, Record] | EffectReport:
    """Begin this attempt, unless something that is committed by now speaks against it; then what is to be reported."""
    async with context.database.read() as work:
        before = await work.actions.get(action_id)
        left = await _left(work, context, before) if before is not None else _UNKNOWN
    seen = await _look(context, before, left) if before is not None else Seen()
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
        record = await record_of(work, action)
        # Whoever rolls back after having been told of a change overwrites it: what they were told of counts as ours.
        told = seen.moved and seen.now is not None
        return action, record.model_copy(update={"after": seen.now}) if told else record


async def _returned(
    context: Context, action: Action, key: str, effect: EffectReport, execution: RecordedExecution, until: datetime
) -> bool:
    """Give the attempt back, of which no step has begun, where it may be tried again or must be weighed anew."""
    late = effect.retry_after is None or context.now() + timedelta(seconds=effect.retry_after) >= until
    if late and not execution.halted:
        return False
    async with context.database.begin() as work:
        fresh = await work.actions.get(action.id)
        if fresh is None or fresh.halted_at is not None or not await work.attempts.give_back(key):
            return False
        body = {"action": action.id, "of": "roll_back", "text": effect.summary}
        await report(work, context, action.incident_id, AuditKind.ACTION_RETURNED, body=body)
    return True


async def _proved(context: Context, action: Action, key: str, record: Record, effect: EffectReport) -> EffectReport:
    """Store what the attempt left; where it was to be exact, what is not as before is no success."""
    after = await what_is_there(context, action)
    if after is not None:
        async with context.database.begin() as work:
            await work.attempts.left_behind(key, after)
    if effect.result is EffectResult.HALTED:
        stands = await verify(context, action.id, finished=False, once=True)
        return effect.model_copy(update={"summary": f"{effect.summary} {stands.summary}"})
    if effect.result is not EffectResult.DONE or action.plan.rollback.exactness is not Exactness.EXACT:
        return effect
    labels = ", ".join(target.label for target in action.plan.targets)
    if after is None:
        text = f"{effect.summary} Whether {labels} is exactly as before cannot be seen."
        return effect.model_copy(update={"summary": text})
    if same(context, action.plan, record.snapshot, after) is not True:
        text = f"{effect.summary} But {labels} is not as it was before; please check by hand."
        return EffectReport(result=EffectResult.FAILED, summary=text)
    return effect


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


@dataclass(frozen=True, slots=True)
class Left:
    """How we left the targets, as far as that is known."""

    state: Snapshot | None = None
    known: bool = True
    """False where nobody can tell; then people are asked. Known and without a state: nothing of ours was changed."""


_UNKNOWN = Left(known=False)


async def _left(work: Work, context: Context, action: Action) -> Left:
    """How our last doing on the targets left them: an earlier attempt at this rollback, or else the effect itself."""
    for number in range(action.rollbacks - 1, 0, -1):
        attempt = await work.attempts.get(rollback_key(action.id, number))
        if attempt is None or not await work.steps.of(attempt.key):
            continue
        return Left(attempt.after) if attempt.after is not None else _UNKNOWN
    record = await record_of(work, action)
    if record.after is not None:
        return Left(record.after)
    if not record.steps:
        return Left()
    try:
        left = context.catalogue[action.plan.remediation].left(action.plan, record)
    except Exception:  # an author's bug is no reason to overwrite anything
        log.exception("what action %s has left cannot be told", action.id)
        return _UNKNOWN
    return Left(left) if left is not None else _UNKNOWN


async def _look(context: Context, action: Action, left: Left) -> Seen:
    """The targets as they are now, compared with how we left them."""
    if action.plan.rollback.exactness not in REVERSIBLE or (left.known and left.state is None):
        return Seen()
    labels = ", ".join(target.label for target in action.plan.targets)
    now = await what_is_there(context, action)
    if now is None:
        return Seen(f"whether somebody has changed {labels} since cannot be seen")
    unchanged = same(context, action.plan, now, left.state) if left.state is not None else None
    if unchanged is None:
        return Seen(f"whether somebody has changed {labels} since cannot be told", now)
    return Seen("" if unchanged else f"somebody has changed {labels} since", now)


_STATES = {
    EffectResult.DONE: AttemptState.DONE,
    EffectResult.MOVED_ON: AttemptState.MOVED_ON,
}
_RESULTS = {
    EffectResult.DONE: Result.ROLLED_BACK,
    EffectResult.UNKNOWN: Result.UNKNOWN,
    EffectResult.HALTED: Result.INTERRUPTED,
}


async def _conclude(
    work: Work, context: Context, action_id: str, key: str, by: str, reason: str, effect: EffectReport
) -> None:
    if effect.result is EffectResult.NOT_BEGUN:
        return
    done, by_us = effect.result is EffectResult.DONE, by == WATCHKEEPER
    await work.attempts.finish(key, _STATES.get(effect.result, AttemptState.FAILED), effect.summary, effect.details)
    event = ActionEvent.RESTORED if done else ActionEvent.NOT_RESTORED
    because = f"Why: {reason}" if reason else ""
    await finish(
        work,
        context,
        action_id,
        event,
        f"{effect.summary} {because}".strip(),
        Result.INTERRUPTED if effect.interrupted else _RESULTS.get(effect.result, Result.NOT_RESTORED),
        must_look=by_us or not done,
        pause_because=f"its last action did not help: {reason or effect.summary}" if by_us or not done else "",
    )
