"""The rollback option of an action, in words: on every card, in every thread, and in what is asked before it begins."""

from bot.policy.plan import Exactness, Plan


def rollback_text(plan: Plan) -> str:
    """What the rollback would do and how exactly; stands after "Rollback:"."""
    summary, exactness = plan.rollback.summary.strip(), plan.rollback.exactness
    if exactness in (Exactness.NOTHING_TO_UNDO, Exactness.NONE):
        return f"{exactness.words}. {summary}".strip()
    return f"{summary.rstrip('.')} ({exactness.words})."


def rollback_line(plan: Plan) -> str:
    """The line of a thread that states the rollback option: "Rollback: nothing to undo."."""
    return f"Rollback: {rollback_text(plan)}"
