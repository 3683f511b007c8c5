"""What people did with what they were asked, from how their question stands now."""

from collections.abc import Sequence

from bot.policy.shadow import People
from bot.response.model.actions import SETTLED_BY_PEOPLE, ActionState


def what_people_did(
    state: ActionState, decided_by: Sequence[str], *, halted: bool = False, taken_over: bool = False
) -> People:
    """Their answer to the question whether a plan shall run.

    Args:
        state: of the action.
        decided_by: who settled it.
        halted: whether somebody kept it from going on once it had begun.
        taken_over: whether somebody has taken the incident over.
    """
    if halted or state in SETTLED_BY_PEOPLE:
        return People.DECLINED
    if decided_by:
        return People.APPROVED
    return People.DECLINED if taken_over else People.SILENT
