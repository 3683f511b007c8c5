"""What is on record of an action's effect, and what can be seen of its targets now."""

import asyncio
import logging

from bot.policy.plan import Plan
from bot.remediation import Record, Report, Snapshot, Step
from bot.response.model.actions import Action
from bot.response.model.records import Attempt, AttemptState, execute_key
from bot.response.ports.context import Context
from bot.response.ports.work import Work

log = logging.getLogger(__name__)


async def record_of(work: Work, action: Action) -> Record:
    """The record of its effect; of one that never was claimed, an empty one."""
    attempt = await work.attempts.get(execute_key(action.id))
    if attempt is None:
        return Record(snapshot=Snapshot())
    steps = tuple(await work.steps.of(attempt.key)) if attempt.in_steps else _all_at_once(attempt, action.plan)
    done = attempt.state is AttemptState.DONE
    return Record(
        snapshot=attempt.snapshot or Snapshot(),
        after=attempt.after,
        steps=steps,
        report=Report(summary=attempt.report, details=dict(attempt.details)) if done else None,
    )


async def what_is_there(context: Context, action: Action) -> Snapshot | None:
    """The targets as they are now; None where they cannot be seen, whatever the reason."""
    try:
        async with asyncio.timeout(context.timing.plan_timeout_seconds):
            return await context.catalogue[action.plan.remediation].snapshot(action.plan)
    except Exception:  # an author's bug included: what cannot be seen is no reason to go on, and none to fail
        log.exception("the targets of action %s cannot be seen", action.id)
        return None


def same(context: Context, plan: Plan, one: Snapshot, other: Snapshot) -> bool | None:
    """Whether nobody has changed a target between the two; None where the remediation fails to tell."""
    try:
        remediation = context.catalogue[plan.remediation]
        return bool(remediation.compared(plan, one) == remediation.compared(plan, other))
    except Exception:  # an author's bug is no reason to overwrite anything
        log.exception("two snapshots of a plan of %s cannot be compared", plan.remediation)
        return None


def _all_at_once(attempt: Attempt, plan: Plan) -> tuple[Step, ...]:
    """What an older release did, which kept no steps: it may have touched every target."""
    if attempt.state is AttemptState.CLAIMED:
        return ()
    done = attempt.state is AttemptState.DONE
    return tuple(Step(words=plan.summary, target=target.key, ended=done) for target in plan.targets)
