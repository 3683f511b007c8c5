"""Before a review is due, whoever it is assigned to is reminded: once, in person, outside their quiet hours.

When it is due the thread says so, to the same person; more is not said. A review whose person is in no group any more
goes to somebody else first.
"""

import logging

from bot.policy.quiet import quiet_until
from bot.response.assessment.votes import Roster
from bot.response.execution.asking_reviews import assignee, in_turn
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.records import Review
from bot.response.notices.report import report
from bot.response.notices.review_words import review_waits
from bot.response.ports.context import Context
from bot.response.ports.work import Work

log = logging.getLogger(__name__)


async def remind_of_reviews(context: Context) -> int:
    """Remind of every review whose time for it has come; how many this call reminded of.

    Who is in a group is asked outside the transactions, and only when somebody is to be reminded.
    """
    async with context.database.read() as work:
        waiting = await work.reviews.to_remind(context.now())
    if not waiting:
        return 0
    roster, reminded = await context.roster(), 0
    for review in waiting:
        try:
            async with context.database.begin() as work:
                reminded += await _remind(work, context, roster, review)
        except Exception:
            log.exception("nobody could be reminded of the review of action %s; trying again", review.action_id)
    return reminded


async def _remind(work: Work, context: Context, roster: Roster, review: Review) -> bool:
    now, action = context.now(), await work.actions.get(review.action_id)
    incident = await work.incidents.get(action.incident_id) if action else None
    if action is None or incident is None:
        return False
    policy = context.policy()
    person = review.assigned_to or await assignee(work, action)
    if not any(person in members for members in roster.values()):
        asked = policy.approvals_of(action.runbook).groups
        people = sorted(frozenset[str]().union(*(roster.get(group, frozenset()) for group in asked)))
        person = in_turn(people, await work.reviews.loads(people))
    groups = [policy.people[name] for name in policy.people if person in roster.get(name, ())]
    if person is None or all(quiet_until(group, incident.severity, now) is not None for group in groups):
        return False
    if not await work.reviews.reminded(review):
        return False
    if person != review.assigned_to:
        await work.reviews.assign(action.id, person)
    due_at = f"{review.due_at:%Y-%m-%d %H:%M} UTC"
    body = {"action": action.id, "runbook": action.runbook, "person": person, "due_at": due_at}
    changed, kind = person != review.assigned_to, AuditKind.ACTION_REVIEW_REMINDED
    await report(work, context, incident.id, kind, body=body, refresh=changed, at=now)
    await work.outbox.add(incident.id, review_waits(incident, action, review, person, "", now), now)
    return True
