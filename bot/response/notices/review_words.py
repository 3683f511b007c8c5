"""What one person is told of a review that waits for them."""

from datetime import datetime

from bot.policy.rules.demotion import WHEN_DEMOTED
from bot.response.model.actions import Action
from bot.response.model.incidents import Incident
from bot.response.model.notices import DirectNotice
from bot.response.model.records import Review

WHERE = "Press “Review…” on its card, or on the Home tab."


def review_waits(
    incident: Incident, action: Action, review: Review, to: str, because: str, now: datetime
) -> DirectNotice:
    """A direct message to ``to``: until when it waits, or that it is overdue; ``because`` may be empty."""
    overdue = review.due_at <= now
    meanwhile = f"{action.runbook} may act at {WHEN_DEMOTED} at most until it is reviewed."
    title = "Overdue, and yours to review" if overdue else "Waits for your review"
    return DirectNotice(
        incident=incident.name,
        service=incident.service,
        severity=incident.severity,
        to=to,
        title=f"{title}: {action.plan.summary}",
        lines=tuple(filter(None, (because, meanwhile if overdue else "", WHERE))),
        answer_by=None if overdue else review.due_at,
        if_nobody_answers="" if overdue else meanwhile,
        until=None if overdue else review.due_at,
        at=now,
    )
