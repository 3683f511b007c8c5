"""RECOVER, durably: restore what was recorded before acting.

``roll_back.v1`` serves a person's click and the harm breaker; ``act`` uses the same ``restore`` when verification
fails. The action is in state rolling_back, with its targets locked, before either begins.
"""

import asyncio

from bot.policy.plan import Exactness
from bot.remediation import RemediationError, Snapshot
from bot.response.actions import ActionEvent, ActionState
from bot.response.flow import Flow, Json
from bot.response.harm import pause_after_harm
from bot.response.outcome import finish
from bot.response.ports import AttemptState, Work
from bot.response.watch import WATCHKEEPER, Watch


async def roll_back(flow: Flow, watch: Watch, action_id: str, by: str, reason: str) -> None:
    """The flow ``roll_back.v1``."""
    await restore(flow, watch, action_id, by, reason)


async def restore(flow: Flow, watch: Watch, action_id: str, by: str, reason: str) -> None:
    """Claim the way back, take it once, and put the result on the record."""
    key = f"{action_id}:roll_back"

    async def claim(work: Work) -> Json:
        before = await work.attempts.get(f"{action_id}:execute")
        await work.attempts.claim(key, before.snapshot if before else None)

    await flow.transaction("claim way back", claim)
    effect = await flow.step("roll back", lambda: _restore_once(watch, action_id, key))

    async def conclude(work: Work) -> Json:
        await _conclude(work, watch, action_id, by, reason, effect)

    await flow.transaction("conclude way back", conclude)


async def _restore_once(watch: Watch, action_id: str, key: str) -> Json:
    async with watch.database.begin() as work:
        action = await work.actions.get(action_id)
        attempt = await work.attempts.get(key)
        if action is None or attempt is None:
            raise LookupError(f"action {action_id!r} or its way back is not in the database")
        if action.state is not ActionState.ROLLING_BACK:
            return {"result": "not begun"}
        if action.plan.way_back.exactness is Exactness.NONE or attempt.snapshot is None:
            return {"result": "failed", "summary": "There is no way back for this action."}
        begun = await work.attempts.start_once(key)
    remediation = watch.catalogue[action.plan.remediation]
    if not begun:
        return {"result": "unknown", "summary": "The process died while rolling back; how far it got is unknown."}
    try:
        async with asyncio.timeout(watch.timing.execute_timeout_seconds):
            report = await remediation.roll_back(action.plan, attempt.snapshot or Snapshot())
    except TimeoutError:
        seconds = watch.timing.execute_timeout_seconds
        return {"result": "unknown", "summary": f"Rolling back did not finish within {seconds:.0f} s."}
    except RemediationError as error:
        return {"result": "failed", "summary": str(error)}
    except Exception as error:
        # An author's bug must reach people as a failed way back, never as a silent one.
        return {"result": "failed", "summary": f"Unexpected {type(error).__name__}: {error}"}
    return {"result": "done", **report.model_dump(mode="json")}


async def _conclude(work: Work, watch: Watch, action_id: str, by: str, reason: str, effect: Json) -> None:
    if effect["result"] == "not begun":
        return
    now, done = watch.now(), effect["result"] == "done"
    await work.attempts.finish(
        f"{action_id}:roll_back", AttemptState.DONE if done else AttemptState.FAILED, effect["summary"]
    )
    event = ActionEvent.RESTORED if done else ActionEvent.NOT_RESTORED
    because = f"Why: {reason}" if reason else ""
    by_us = by == WATCHKEEPER
    action = await finish(
        work, watch, action_id, event, f"{effect['summary']} {because}".strip(), call_people=by_us or not done
    )
    if action is None:
        return
    if by_us or not done:
        await pause_after_harm(work, action, f"its last action did not help: {reason or effect['summary']}", now)
    # Rolled back is also something that acted: it must be reviewed.
    await work.reviews.ask(action_id, now + watch.orders().defaults.review_within)
