"""Post-action reviews: whoever lets automation act also judges what it did, in time, or it may act less.

One review per action that changed something. An overdue one demotes its runbook to L1 until it is done; a review is
never a formality that can be skipped.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.policy.approval import Intervention
from bot.policy.file.fields import elapsed_text
from bot.policy.rules.demotion import WHEN_DEMOTED, overdue
from bot.response.assessment.votes import Roster
from bot.response.interventions.clicks import UNKNOWN_SUBJECT, Answer, Found, Press, find
from bot.response.interventions.refusals import refused
from bot.response.model.actions import Action
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.incidents import incident_name
from bot.response.model.notices import Button, ThreadLine, Tone
from bot.response.model.records import Review
from bot.response.notices.report import report
from bot.response.ports.context import Context
from bot.response.ports.work import Work

log = logging.getLogger(__name__)


class Judgement(StrEnum):
    """Was it right?"""

    RIGHT = "right"
    LUCKY = "lucky"
    """It helped, but it should have asked a person first."""
    NEEDLESS = "needless"
    """It did no harm, and was not needed."""
    WRONG = "wrong"
    """It should not have run."""


_TITLES = {
    Judgement.RIGHT: ("Reviewed: it was right", Tone.GOOD),
    Judgement.LUCKY: ("Reviewed: it helped, but it should have asked", Tone.WARNING),
    Judgement.NEEDLESS: ("Reviewed: it was not needed", Tone.NEUTRAL),
    Judgement.WRONG: ("Reviewed: it should not have run", Tone.BAD),
}


@dataclass(frozen=True, slots=True)
class DueReview:
    """One review that is still to be done."""

    review: Review
    action: Action
    to: tuple[str, ...]
    """Slack user ids: who let it act, or who was there to keep it from acting."""
    overdue: bool


def due_to(action: Action) -> tuple[str, ...]:
    """Whose review it is; anybody whom the policy names may do it for them."""
    return action.decided_by or action.approvers


async def due(work: Work, context: Context, limit: int = 100) -> Sequence[DueReview]:
    """What is still to be reviewed, most urgent first."""
    now, found = context.now(), []
    for review in await work.reviews.open(limit):
        action = await work.actions.get(review.action_id)
        if action is not None:
            found.append(DueReview(review, action, due_to(action), review.due_at <= now))
    return found


async def may_review(work: Work, context: Context, roster: Roster, press: Press, found: Found) -> Answer | None:
    """Why this person cannot review what the button points at now; None when they can."""
    refusal = await refused(work, context, roster, Intervention.REVIEW, press.on(found.incident.id))
    if refusal is not None:
        return refusal
    review = await work.reviews.get(found.action.id) if found.action else None
    if review is None:
        return Answer(False, "There is nothing to review here: nothing was changed.")
    if review.done_by is not None:
        mine = review.done_by == press.person
        return Answer(mine, "You have reviewed this already." if mine else "Somebody has reviewed this already.")
    return None


async def submit(work: Work, context: Context, roster: Roster, press: Press, judgement: Judgement, text: str) -> Answer:
    """Put a person's review on the record; what its delay took from the runbook is given back."""
    found = await find(work, press.subject, press.revision)
    if found is None or found.action is None:
        return UNKNOWN_SUBJECT
    if not text.strip():
        return Answer(False, "Please say what you looked at, and what should change.")
    action, now = found.action, context.now()
    against = await may_review(work, context, roster, press, found)
    if against is not None:
        return against
    answers = {"judgement": judgement, "text": text}
    if not await work.reviews.complete(action.id, press.person, answers, now):
        return Answer(False, "Somebody was faster: this has just been reviewed.")
    lifted = await work.licences.reviewed(action.id, press.person, now)
    title, tone = _TITLES[judgement]
    back = f"The overdue review no longer keeps {action.runbook} at {WHEN_DEMOTED}."
    await report(
        work,
        context,
        action.incident_id,
        AuditKind.ACTION_REVIEWED,
        by=press.person,
        body={"action": action.id, "runbook": action.runbook, **answers},
        line=ThreadLine(title=title, lines=(text, *((back,) if lifted else ())), tone=tone),
        at=now,
    )
    if lifted:
        await work.audit.append(
            kind=AuditKind.LICENCE_RESTORED,
            actor=press.person,
            at=now,
            incident_id=action.incident_id,
            body={"runbook": action.runbook, "action": action.id},
        )
    return Answer(True, f"Thank you. Your review of {found.incident.name} is on the record.")


async def sweep_overdue(context: Context) -> int:
    """Demote the runbooks whose reviews are overdue, once per review; how many this call demoted."""
    now, demoted = context.now(), 0
    async with context.database.read() as work:
        overdue = await work.reviews.overdue(now)
    for review in overdue:
        try:
            async with context.database.begin() as work:
                demoted += await _demote(work, context, review)
        except Exception:
            log.exception("the overdue review of action %s could not be handled; trying again", review.action_id)
    return demoted


async def _demote(work: Work, context: Context, review: Review) -> bool:
    now = context.now()
    fresh, action = await work.reviews.get(review.action_id), await work.actions.get(review.action_id)
    if fresh is None or fresh.done_by is not None or action is None:
        return False
    due_now = overdue(action.id, incident_name(action.incident_id))
    if not await work.licences.demote(action.runbook, due_now, now, action_id=action.id):
        return False
    ended = action.finished_at or review.due_at
    line = ThreadLine(
        title=f"Review overdue: {action.runbook} asks first from now on",
        lines=(
            f"It acted {elapsed_text(now - ended)} ago and nobody has said whether that was right.",
            f"Until somebody does, it may act at {WHEN_DEMOTED} at most.",
        ),
        tone=Tone.WARNING,
        to=due_to(action),
        buttons=(Button.REVIEW, Button.WHY),
        subject=action.id,
        revision=action.revision,
    )
    await report(
        work,
        context,
        action.incident_id,
        AuditKind.LICENCE_DEMOTED,
        body={"runbook": action.runbook, "to": str(due_now.level), "reason": due_now.reason, "action": action.id},
        line=line,
        refresh=False,
        at=now,
    )
    return True
