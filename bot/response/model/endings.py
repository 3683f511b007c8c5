"""What came of an action, as a case of its runbook: drawn when it ends, and kept with it.

A rollback later makes nothing better: what had failed stays so. What had been verified, and is rolled back by a person
all the same, is overridden. Harm weighs more than all.
"""

from bot.policy.track_record import Ending
from bot.response.model.actions import Action, ActionState, Result


def ending_of(action: Action, result: Result, *, by_people: bool = False) -> Ending | None:
    """What it has come to; None where nothing was changed: then it is no case.

    Args:
        action: as it was before it ended with this result.
        result: what happened.
        by_people: what interrupted it was people's decision.
    """
    if action.ending is not None:
        undone = action.ending is Ending.VERIFIED
        return (Ending.UNKNOWN if result is Result.UNKNOWN else Ending.OVERRIDDEN) if undone else action.ending
    match result:
        case Result.NOTHING_CHANGED:
            return None
        case Result.VERIFIED:
            return Ending.VERIFIED
        case Result.INTERRUPTED if not action.rollbacks:
            return Ending.OVERRIDDEN if by_people or action.halted_by is not None else Ending.UNKNOWN
        case Result.UNKNOWN:
            return Ending.UNKNOWN
        case _:
            return Ending.FAILED


def result_of_older(state: ActionState) -> Result:
    """What happened, in rows of releases that kept the state alone."""
    return {ActionState.SUCCEEDED: Result.VERIFIED, ActionState.ROLLED_BACK: Result.ROLLED_BACK}.get(
        state, Result.UNKNOWN
    )
