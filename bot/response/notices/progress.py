"""How far an effect, or a rollback, has got: one line of the card, which each step replaces."""

from bot.response.model.actions import IN_STEPS, Action, ActionState
from bot.response.model.records import execute_key, rollback_key
from bot.response.ports.work import Work


async def progress(work: Work, action: Action) -> str:
    """In words; empty where nothing is carried out step by step, or nothing has begun."""
    if action.state not in IN_STEPS:
        return ""
    rolling_back = action.state is ActionState.ROLLING_BACK
    steps = await work.steps.of(rollback_key(action.id, action.rollbacks) if rolling_back else execute_key(action.id))
    ended = sum(step.ended for step in steps)
    done = f"{ended} step{' is' if ended == 1 else 's are'} done." if ended else ""
    under_way = steps[-1].words.rstrip(". ") if steps and not steps[-1].ended and not steps[-1].problem else ""
    now = f"Now: {under_way}." if under_way else ""
    halted = f"{action.halted_why}: no further step begins." if action.halted_at is not None else ""
    return " ".join(filter(None, (halted, now, done)))
