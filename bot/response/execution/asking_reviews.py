"""Asking for a review: of what an action did, or was kept from doing, by one person who is told so, until a day."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from bot.response.model.actions import Action
from bot.response.model.records import Occasion, Review, ReviewLoad
from bot.response.ports.context import Context
from bot.response.ports.work import Work

REMIND_BEFORE = timedelta(days=1)
"""So long before it is due its person is reminded, or at half of a shorter time."""

THROUGH_A_LINK = "link:"
"""So begins the name of whoever decided with a link in a message: an address, and nobody we can tell in Slack."""


async def ask_review(work: Work, context: Context, action: Action, occasion: Occasion) -> None:
    """Ask for a review of the action as it is now, whoever decided about it last."""
    within = context.policy().defaults.review_within
    due_at = context.now() + within
    await work.reviews.ask(
        action.id,
        due_at,
        occasion=occasion,
        assigned_to=await assignee(work, action),
        remind_at=due_at - min(REMIND_BEFORE, within / 2),
    )


async def assignee(work: Work, action: Action) -> str | None:
    """Whose review it is: whoever decided about the action, else one of those asked, in turn; None where nobody was."""
    decided = [person for person in action.decided_by if not person.startswith(THROUGH_A_LINK)]
    if decided:
        return decided[0]
    return in_turn(action.approvers, await work.reviews.loads(action.approvers))


def in_turn(people: Sequence[str], loads: Mapping[str, ReviewLoad]) -> str | None:
    """Who of these has the fewest reviews to do, and of them whoever was last given one longest ago."""

    def load(person: str) -> tuple[int, float]:
        had = loads.get(person)
        return (0, 0.0) if had is None else (had.open, had.latest_due_at.timestamp())

    return min(people, key=load, default=None)


def due_to(review: Review, action: Action) -> tuple[str, ...]:
    """Whose review it is; anybody whom the policy names may do it for them."""
    return (review.assigned_to,) if review.assigned_to else action.decided_by or action.approvers
