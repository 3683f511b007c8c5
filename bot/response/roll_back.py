"""RECOVER, durably: restore what was recorded before acting.

``roll_back.v1`` serves a person's click and the harm breaker; ``act`` uses the same ``restore`` when verification
fails. The action is in state rolling_back, with its targets locked, before either begins.
"""

from bot.policy.plan import Exactness
from bot.response.execution.effects import EffectReport, EffectResult, died, run_effect
from bot.response.execution.harm import pause_after_harm
from bot.response.execution.outcome import finish
from bot.response.model.actions import ActionEvent, ActionState
from bot.response.model.records import AttemptState
from bot.response.ports.context import WATCHKEEPER, Context
from bot.response.ports.flow import Flow, Json, StepName, fact_of_step
from bot.response.ports.rows import Work


async def roll_back(flow: Flow, context: Context, action_id: str, by: str, reason: str) -> None:
    """The flow ``roll_back.v1``."""
    await restore(flow, context, action_id, by, reason)


async def restore(flow: Flow, context: Context, action_id: str, by: str, reason: str) -> None:
    """Claim the way back, take it once, and put the result on the record."""
    key = f"{action_id}:roll_back"

    async def claim(work: Work) -> Json:
        before = await work.attempts.get(f"{action_id}:execute")
        await work.attempts.claim(key, before.snapshot if before else None)

    await flow.transaction(StepName.ROLL_BACK_CLAIM, claim)
    effect = await fact_of_step(
        flow, StepName.ROLL_BACK_RESTORE, EffectReport, lambda: _restore_once(context, action_id, key)
    )
    await flow.transaction(
        StepName.ROLL_BACK_CONCLUDE, lambda work: _conclude(work, context, action_id, by, reason, effect)
    )


async def _restore_once(context: Context, action_id: str, key: str) -> EffectReport:
    async with context.database.begin() as work:
        action = await work.actions.get(action_id)
        attempt = await work.attempts.get(key)
        if action is None or attempt is None:
            raise LookupError(f"action {action_id!r} or its way back is not in the database")
        if action.state is not ActionState.ROLLING_BACK:
            return EffectReport(result=EffectResult.NOT_BEGUN)
        if action.plan.rollback.exactness is Exactness.NONE or attempt.snapshot is None:
            return EffectReport(result=EffectResult.FAILED, summary="There is no way back for this action.")
        begun = await work.attempts.start_once(key)
    if not begun:
        return died()
    remediation, plan, snapshot = context.catalogue[action.plan.remediation], action.plan, attempt.snapshot
    return await run_effect(lambda: remediation.roll_back(plan, snapshot), context.timing.execute_timeout_seconds)


async def _conclude(work: Work, context: Context, action_id: str, by: str, reason: str, effect: EffectReport) -> None:
    if effect.result is EffectResult.NOT_BEGUN:
        return
    now, done = context.now(), effect.result is EffectResult.DONE
    await work.attempts.finish(
        f"{action_id}:roll_back", AttemptState.DONE if done else AttemptState.FAILED, effect.summary
    )
    event = ActionEvent.RESTORED if done else ActionEvent.NOT_RESTORED
    because = f"Why: {reason}" if reason else ""
    by_us = by == WATCHKEEPER
    action = await finish(
        work, context, action_id, event, f"{effect.summary} {because}".strip(), call_people=by_us or not done
    )
    if action is None:
        return
    if by_us or not done:
        await pause_after_harm(work, action, f"its last action did not help: {reason or effect.summary}", now)
