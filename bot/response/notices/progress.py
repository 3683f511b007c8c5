"""How far an action's effect, or its rollback, has got: in words for cards and lists, from the steps on record."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.remediation import Step
from bot.response.model.actions import IN_STEPS, Action, ActionState
from bot.response.model.records import execute_key, rollback_key
from bot.response.ports.work import Work


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it has got, and whether people can keep a further step from beginning."""

    words: str = ""
    """Without a full stop; empty where there are no steps to speak of."""
    can_be_halted: bool = False


@dataclass(frozen=True, slots=True)
class Doing:
    """An action that is under way, as lists show it."""

    action: Action
    progress: Progress


async def progress_of(work: Work, action: Action | None) -> Progress:
    """Of what is carried out, how far it is; of what was interrupted, how far it got. Of anything else, nothing."""
    if action is None or not (action.state in IN_STEPS or action.interrupted):
        return Progress()
    attempt = await work.attempts.get(_attempt_of(action))
    if attempt is None or not attempt.in_steps:
        return Progress()  # carried out by an older release, which knows no steps
    steps = await work.steps.of(attempt.key)
    if action.state in IN_STEPS:
        return Progress(under_way_words(steps), can_be_halted=action.halted_at is None)
    return Progress(got_to_words(steps))


def can_go_on(action: Action) -> bool:
    """Whether it is its effect that was ended half-way: it can be asked for once more, planned anew."""
    return action.interrupted and action.rollbacks == 0


def under_way_words(steps: Sequence[Step]) -> str:
    """ "Evict web-3 (3 of 12), 2 done so far"; empty before the first step."""
    if not steps:
        return ""
    last, done = steps[-1], sum(step.ended for step in steps)
    if last.ended:
        return f"{_counted(done)} done, at last: {last.words}"
    return f"{last.words}, {done} done so far" if done else last.words


def got_to_words(steps: Sequence[Step]) -> str:
    """ "Done: 2 of the 3 steps that began. Not done: Evict web-3 (3 of 12): it was refused"; empty without a step."""
    if not steps:
        return ""
    done = [step for step in steps if step.ended]
    others = [step for step in steps if not step.ended]
    if not others:
        which = "the one step that began" if len(done) == 1 else f"all {len(done)} steps that began"
        return f"Done: {which}, at last “{done[-1].words}”"
    open_ends = "; ".join(f"“{step.words}” ({step.problem.rstrip('. ') or 'how far is unknown'})" for step in others)
    return f"Done: {len(done)} of the {_counted(len(steps))} that began. Not done: {open_ends}"


def _attempt_of(action: Action) -> str:
    """The attempt whose steps matter now: the last at its rollback, if there was one."""
    if action.state is ActionState.EXECUTING or action.rollbacks == 0:
        return execute_key(action.id)
    return rollback_key(action.id, action.rollbacks)


def _counted(steps: int) -> str:
    return "1 step" if steps == 1 else f"{steps} steps"
