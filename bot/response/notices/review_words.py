"""What one person is told of a review that waits for them."""

from datetime import datetime

from bot.policy.rules.demotion import WHEN_DEMOTED
from bot.response.model.actions import Action
from bot.response.model.incidents import Incident
from bot.response.model.notices import DirectNotice
from bot.response.model.records import Review


def review_waits(
    incident: Incident, action: Action, review: Review, to: str, because: str, now: datetime
) -> DirectNotice:
    """A direct message to ``to``, worth delivering until the review is due; ``because`` may be empty."""
    return DirectNotice(
        incident=incident.name,
        service=incident.service,
        severity=incident.severity,
        to=to,
        title=f"Waits for your review: {action.plan.summary}",
        lines=tuple(filter(None, (because, "Press “Review…” on its card, or on the Home tab."))),
        answer_by=review.due_at,
        if_nobody_answers=f"{action.runbook} may act at {WHEN_DEMOTED} at most until it is reviewed.",
        until=review.due_at if review.due_at > now else None,
        at=now,
    )
