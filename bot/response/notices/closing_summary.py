"""The last entry in an incident's own channel: the whole story in a few lines, for whoever reads it in the morning."""

from collections.abc import Sequence
from datetime import datetime

from bot.policy.decision import Verdict
from bot.policy.file.fields import elapsed_text
from bot.response.model.actions import ENDED, Action, ActionState
from bot.response.model.incidents import Incident
from bot.response.model.notices import ThreadNotice, Tone
from bot.response.model.state_words import state_words
from bot.response.ports.context import Context
from bot.response.ports.work import Work

ACTIONS_TOLD = 6


async def closing_summary(
    work: Work, context: Context, incident: Incident, what: str, archived_at: datetime
) -> ThreadNotice:
    """What happened, when, who decided, what was done, how long it took, and what is left to review.

    ``what``: the alert's own words. ``archived_at``: when the channel is archived.
    """
    now = context.now()
    ended = incident.resolved_at or now
    actions = [one for one in await work.actions.of_incident(incident.id) if one.state in ENDED]
    told = actions[-ACTIONS_TOLD:]
    hidden = len(actions) - len(told)
    happened = f"{incident.alert_name} on {incident.service} ({incident.severity})"
    lines = [
        f"What happened: {happened}{f': {what}' if what else ''}",
        f"When: from {_moment(incident.opened_at)} to {_ending(incident.opened_at, ended)} UTC.",
        *((f"And {hidden} earlier.",) if hidden else ()),
        *(_told(one) for one in told),
        *(("Watchkeeper did nothing by itself.",) if not actions else ()),
        *((f"Taken by {incident.taken_by}.",) if incident.taken_by else ()),
        await _left_to_review(work, actions),
        f"This channel is archived after {_moment(archived_at)} UTC. The record stays: /watch show {incident.name}",
    ]
    people = {person for one in told for person in one.decided_by} | {incident.taken_by or ""}
    return ThreadNotice(
        incident=incident.name,
        title=f"In short: it lasted {elapsed_text(ended - incident.opened_at)}",
        lines=tuple(lines),
        names=tuple(sorted(people - {""})),
        tone=Tone.GOOD,
        at=now,
    )


def _told(action: Action) -> str:
    ended = state_words(action.state, action.result).label
    return f"{ended}: {action.plan.summary.rstrip('.')}. {_who(action)} {action.outcome}".strip()


def _who(action: Action) -> str:
    people = ", ".join(action.decided_by)
    at = f" at {action.decided_at:%Y-%m-%d %H:%M} UTC" if action.decided_at else ""
    match action.state:
        case ActionState.STOPPED | ActionState.OVERRIDDEN:
            return f"Decided by {people}{at}." if people else ""
        case ActionState.EXPIRED | ActionState.SUPERSEDED:
            return f"Approved by {people}{at}." if people else "Nobody decided."
        case ActionState.LAPSED if people:
            return f"Approved by {people}{at}."
        case _ if people:
            return f"Decided by {people}{at}."
        case _ if action.verdict is Verdict.ACT_UNLESS_STOPPED:
            return f"Announced, and nobody stopped it{at}."
        case _:
            return f"Within the policy{at}."


async def _left_to_review(work: Work, actions: Sequence[Action]) -> str:
    reviews = [await work.reviews.get(action.id) for action in actions]
    until = [review.due_at for review in reviews if review is not None and review.done_at is None]
    if not until:
        return "Left to review: nothing."
    noun = "action" if len(until) == 1 else "actions"
    return f"Left to review: {len(until)} {noun}, until {_moment(min(until))} UTC."


def _ending(began: datetime, ended: datetime) -> str:
    return f"{ended:%H:%M}" if began.date() == ended.date() else _moment(ended)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
