"""The rollback option of an action, in words: on every card, in every thread, and in what is asked before it begins."""

from datetime import timedelta

from bot.policy.file.document import Policy
from bot.policy.file.fields import duration_text
from bot.policy.plan import Plan
from bot.response.model.actions import REVERSIBLE, ROLLED_BACK_FROM, Action, ActionState, Result
from bot.response.model.records import Attempt, AttemptState, rollback_key
from bot.response.ports.work import Work

_ROLLED_BACK_IN = frozenset({ActionState.SUCCEEDED, ActionState.FAILED})


def rollback_text(plan: Plan) -> str:
    """How much it restores, and how; stands after "Rollback:": "partly. Start it again."."""
    summary = plan.rollback.summary.strip().rstrip(".")
    return f"{plan.rollback.exactness.words}. {summary}{'.' if summary else ''}".rstrip()


def rollback_line(plan: Plan) -> str:
    """The line of a thread that states the rollback option."""
    return f"Rollback: {rollback_text(plan)}"


def can_be_rolled_back(action: Action) -> bool:
    """Whether something may be there to roll back; results were not noted by older releases."""
    changed = action.result is None or action.result in ROLLED_BACK_FROM
    return action.state in _ROLLED_BACK_IN and changed and action.plan.rollback.exactness in REVERSIBLE


async def if_rolled_back(work: Work, policy: Policy, action: Action) -> str:
    """What would happen if this action were rolled back now; empty where it cannot be."""
    if not can_be_rolled_back(action):
        return ""
    before = await work.attempts.get(rollback_key(action.id, action.rollbacks)) if action.rollbacks else None
    return consequence(action, before, policy.rollback_within_of(action.runbook))


def consequence(action: Action, before: Attempt | None, within: timedelta) -> str:
    """The same, pure: first which case it is, then what the rollback restores. ``before``: the last attempt at it."""
    limit = f"It must be done within {duration_text(within)}."
    if before is not None and before.state is AttemptState.MOVED_ON:
        case = f"This overwrites what was changed since; the thread says what that is. {limit}"
    else:
        target = "the target" if len(action.plan.targets) == 1 else "a target"
        asked = f"If somebody or a newer action has changed {target} since, you are asked first."
        case = f"{_standing(action, before)}\n{asked} {limit}"
    return f"{case}\n{rollback_line(action.plan)}"


def _standing(action: Action, before: Attempt | None) -> str:
    if before is not None:
        return "The last attempt did not restore it; it is tried again."
    if action.state is ActionState.SUCCEEDED:
        return "It has helped, so the problem may come back."
    if action.result is Result.INTERRUPTED:
        return "It was ended half-way; what was touched until then is restored."
    if action.result is Result.UNKNOWN:
        return "Nobody knows how far it got; what was noted before it is restored."
    return "It has not helped."
