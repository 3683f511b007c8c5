"""Reviews: whoever lets automation act also judges what it did, in time, or it may act less.

One review per action, for whatever changed something, was overridden or was rolled back, and open again when something
new happens to it. It is somebody's, and may be handed over. An overdue one demotes its runbook to L1 until it is done;
one that says that it was harmful gives nothing back.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.policy.approval import Intervention
from bot.policy.rules.demotion import WHEN_DEMOTED, review_lifts
from bot.policy.track_record import Judged
from bot.response.assessment.votes import Roster
from bot.response.execution.asking_reviews import due_to
from bot.response.execution.demotions import demote_where_due
from bot.response.interventions.clicks import UNKNOWN_SUBJECT, Answer, Found, Press, find
from bot.response.interventions.refusals import refused
from bot.response.model.actions import Action
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.notices import ThreadLine, Tone
from bot.response.model.records import Review
from bot.response.notices.report import report
from bot.response.notices.review_words import review_waits
from bot.response.ports.context import Context
from bot.response.ports.work import Work

log = logging.getLogger(__name__)

_TITLES = {
    Judged.HELPFUL: ("Reviewed: it was helpful", Tone.GOOD),
    Judged.NEUTRAL: ("Reviewed: it made no difference", Tone.NEUTRAL),
    Judged.HARMFUL: ("Reviewed: it was harmful", Tone.BAD),
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a person says of an action, now that it is over."""

    judged: Judged
    surprising: bool
    text: str
    """What should change."""
    surprise: str = ""
    """What surprised; where something did."""

    @property
    def answers(self) -> Mapping[str, Any]:
        """The same as it is stored."""
        surprise = {"surprise": self.surprise} if self.surprising else {}
        return {"judgement": str(self.judged), "surprising": self.surprising, **surprise, "text": self.text}


@dataclass(frozen=True, slots=True)
class DueReview:
    """One review that is still to be done."""

    review: Review
    action: Action
    to: tuple[str, ...]
    """Slack user ids: whose it is, or who let it act, or who was there to keep it from acting."""
    overdue: bool


async def due(work: Work, context: Context, limit: int = 100) -> Sequence[DueReview]:
    """What is still to be reviewed, most urgent first."""
    now, found = context.now(), []
    for review in await work.reviews.open(limit):
        action = await work.actions.get(review.action_id)
        if action is not None:
            found.append(DueReview(review, action, due_to(review, action), review.due_at <= now))
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


async def submit(work: Work, context: Context, roster: Roster, press: Press, said: Judgement) -> Answer:
    """Put a person's review on the record; what its delay took is given back, unless it was harmful."""
    found = await find(work, press.subject, press.revision)
    if found is None or found.action is None:
        return UNKNOWN_SUBJECT
    if not said.text.strip():
        return Answer(False, "Please say what you looked at, and what should change.")
    if said.surprising and not said.surprise.strip():
        return Answer(False, "Please say what surprised you.")
    action, now = found.action, context.now()
    against = await may_review(work, context, roster, press, found)
    if against is not None:
        return against
    if not await work.reviews.complete(action.id, press.person, said.answers, now):
        return Answer(False, "Somebody was faster: this has just been reviewed.")
    lifted = review_lifts(said.judged) and await work.licences.reviewed(action.id, press.person, now)
    title, tone = _TITLES[said.judged]
    await report(
        work,
        context,
        action.incident_id,
        AuditKind.ACTION_REVIEWED,
        by=press.person,
        body={"action": action.id, "runbook": action.runbook, **said.answers},
        line=ThreadLine(title=title, lines=_told(action, said, lifted=lifted), tone=tone),
        at=now,
    )
    await demote_where_due(work, context, action.runbook)
    if lifted:
        await work.audit.append(
            kind=AuditKind.LICENCE_RESTORED,
            actor=press.person,
            at=now,
            incident_id=action.incident_id,
            body={"runbook": action.runbook, "action": action.id},
        )
    return Answer(True, f"Thank you. Your review of {found.incident.name} is on the record.")


def _told(action: Action, said: Judgement, *, lifted: bool) -> tuple[str, ...]:
    harmful = said.judged is Judged.HARMFUL
    return (
        f"What should change: {said.text}",
        *((f"What surprised: {said.surprise}",) if said.surprising else ()),
        *((f"The overdue review no longer keeps {action.runbook} at {WHEN_DEMOTED}.",) if lifted else ()),
        *((f"{action.runbook} may act at {WHEN_DEMOTED} at most until people promote it again.",) if harmful else ()),
    )


async def hand_over(work: Work, context: Context, roster: Roster, press: Press, to: str) -> Answer:
    """Give a review that is open to somebody else whom the policy names; they are told, and nobody else is called."""
    found = await find(work, press.subject, press.revision)
    if found is None or found.action is None:
        return UNKNOWN_SUBJECT
    action, now = found.action, context.now()
    against = await may_review(work, context, roster, press, found)
    if against is not None:
        return against
    if not any(to in members for members in roster.values()):
        return Answer(False, f"{to} may not review here: the policy names them in no group. Choose somebody else.")
    review = await work.reviews.get(action.id)
    if review is None or not await work.reviews.assign(action.id, to):
        return Answer(False, "Somebody was faster: this has just been reviewed.")
    if review.assigned_to == to:
        return Answer(True, f"This review is {to}'s already.")
    body = {"action": action.id, "runbook": action.runbook, "from": review.assigned_to, "to": to}
    await report(
        work, context, action.incident_id, AuditKind.ACTION_REVIEW_HANDED_OVER, by=press.person, body=body, at=now
    )
    if to != press.person:
        because = "It was handed over to you."
        await work.outbox.add(action.incident_id, review_waits(found.incident, action, review, to, because, now), now)
    return Answer(True, f"The review of {found.incident.name} is {to}'s now.")
