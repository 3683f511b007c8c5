"""What keeps the next step of an effect, or of a rollback, from beginning: asked in the transaction that begins it."""

from bot.policy.actors import in_words
from bot.response.execution.controls import controls_on, held_by_people, taken_since
from bot.response.model.actions import ActionState
from bot.response.ports.context import WATCHKEEPER, Context
from bot.response.ports.work import Work

SHUTTING_DOWN = "Watchkeeper is shutting down"


async def against_step(work: Work, context: Context, action_id: str, rolled_back_by: str | None) -> str:
    """In words for people, without a full stop; empty when nothing speaks against it.

    Whatever is committed by now counts. ``rolled_back_by``: who wants the rollback whose step it is; a pause and a
    take-over do not hold what a person asked for under them. None: it is a step of the effect itself.
    """
    action = await work.actions.get(action_id)
    state = ActionState.EXECUTING if rolled_back_by is None else ActionState.ROLLING_BACK
    if action is None or action.state is not state:
        return "It was ended meanwhile"
    if action.halted_at is not None:
        return action.halted_why
    if context.closing.begun:
        return SHUTTING_DOWN
    if rolled_back_by is not None:
        held = await held_by_people(work, context, action) if rolled_back_by == WATCHKEEPER else ""
        return f"Halted: {held}" if held else ""
    held_by = await controls_on(work, context, action)
    if held_by:
        return f"Paused: {'; '.join(control.text.rstrip('.') for control in held_by)}"
    incident = await work.incidents.get(action.incident_id)
    if incident is not None and taken_since(incident, action):
        return f"{in_words(incident.taken_by or 'Somebody')} has taken {incident.name} over"
    return ""
