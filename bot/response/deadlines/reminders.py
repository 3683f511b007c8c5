"""When nobody answers: people are reminded once, then the next are asked, and in the end the question expires.

Every wait is a column of the question's row, so a restart forgets nothing; every step is a conditional update, so of
all replicas one takes it. Nobody is called in their quiet hours. Once somebody has said "I'll take it", nobody is
called any more, and the question ends when its time is over.
"""

import logging
from collections.abc import Collection

from bot.policy.file.document import Policy
from bot.response.assessment.votes import Roster
from bot.response.deadlines.still_firing import still_firing, tell_still_firing
from bot.response.execution.outcome import withdraw
from bot.response.model.actions import Action, ActionEvent, ActionState, AskedGroup
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.incidents import Incident, IncidentState
from bot.response.model.notices import ThreadLine, Tone
from bot.response.model.records import Ballot
from bot.response.notices.bundle_card import Topic, topic
from bot.response.notices.recipients import (
    ask_next,
    asked_groups,
    callable_people,
    if_nobody_answers,
    renewed,
    why_quiet,
    write_to,
)
from bot.response.notices.report import report, tell
from bot.response.ports.context import Context
from bot.response.ports.work import Work

log = logging.getLogger(__name__)


async def sweep_questions(context: Context) -> int:
    """Attend to every question whose people are to be reminded or whose time is over; how many rows this call moved.

    Also to those that are over while the alert goes on firing. Who is in a group is asked outside the transactions, and
    only when something is due.
    """
    async with context.database.read() as work:
        due = await work.actions.unanswered(context.now())
        fires = await still_firing(work, context)
    moved = await tell_still_firing(context, fires)
    if not due:
        return moved
    roster = await context.roster()
    for action in due:
        try:
            async with context.database.begin() as work:
                moved += await _attend(work, context, roster, action.id)
        except Exception:
            log.exception("question %s could not be attended to; trying again at the next sweep", action.id)
    return moved


async def _attend(work: Work, context: Context, roster: Roster, action_id: str) -> bool:
    action, now = await work.actions.get(action_id), context.now()
    incident = await work.incidents.get(action.incident_id) if action else None
    if action is None or incident is None or action.state is not ActionState.WAITING:
        return False
    policy, taken = context.policy(), incident.state is IncidentState.TAKEN
    if not taken and await work.causes.of(incident.id) is not None:
        # People are asked where the cause is; when that is over, this is assessed anew.
        within = policy.approvals_of(action.runbook).approve_within
        return await work.actions.amend(action, due_at=now + within, remind_at=None) is not None
    without = await _not_to_be_called(work, action)
    asked = renewed(action.asked, roster)
    following = ask_next(policy, action.runbook, asked, roster, incident.severity, now, without)
    if action.due_at is not None and action.due_at <= now:
        if following and not taken:
            because = f"Not enough answers from {_names(action.asked)} in time."
            return await _hand_over(work, context, incident, action, asked, following, because)
        return await _expire(work, context, incident, action)
    if action.remind_at is None or action.remind_at > now:
        return False
    if taken:
        return await work.actions.amend(action, remind_at=None) is not None
    people = callable_people(policy, asked, incident.severity, now, without)
    if people:
        return await _remind(work, context, incident, action, asked, people)
    if following:
        because = why_quiet(policy, asked, incident.severity, now) or f"Nobody else is left in {_names(action.asked)}."
        return await _hand_over(work, context, incident, action, asked, following, because)
    return await _let_sleep(work, context, incident, action, asked)


async def _remind(
    work: Work,
    context: Context,
    incident: Incident,
    action: Action,
    asked: tuple[AskedGroup, ...],
    people: tuple[str, ...],
) -> bool:
    """Once, in the thread and to each in person."""
    now, policy = context.now(), context.policy()
    moved = await work.actions.amend(action, asked=asked, remind_at=None)
    if moved is None:
        return False
    body = {"action": action.id, "people": list(people), "due_at": _text(moved)}
    entry = await report(work, context, incident.id, AuditKind.ACTION_REMINDED, body=body, at=now)
    about = await topic(work, policy, incident, moved, "reminder")
    if about is not None:
        lines = (about.text, _until(policy, incident, moved, of_many=about.of_bundle))
        line = _line(about, "Still waiting for an answer", lines, people)
        await tell(work, context, incident.id, line, entries=(entry,), at=now)
        title = f"Still waiting for your answer: {about.text}"
        silence = if_nobody_answers(policy, incident, moved, of_many=about.of_bundle)
        await write_to(
            work, policy, about.incident, moved, people, (title, "", silence), now, of_bundle=about.of_bundle
        )
    return True


async def _hand_over(
    work: Work,
    context: Context,
    incident: Incident,
    action: Action,
    asked: tuple[AskedGroup, ...],
    following: tuple[AskedGroup, ...],
    because: str,
) -> bool:
    """The next people are asked as well; they have as much time as those before them had."""
    now, policy = context.now(), context.policy()
    within = policy.approvals_of(action.runbook).approve_within
    people = callable_people(policy, following, incident.severity, now, await _not_to_be_called(work, action))
    moved = await work.actions.amend(
        action,
        asked=asked + following,
        due_at=now + within,
        remind_at=now + within / 2 if people else now,
    )
    if moved is None:
        return False
    quiet = why_quiet(policy, following, incident.severity, now)
    entry = await report(
        work,
        context,
        incident.id,
        AuditKind.ACTION_HANDED_OVER,
        body={
            "action": action.id,
            "before": [one.group for one in asked],
            "now": [one.group for one in following],
            "called": list(people),
            "because": because,
            "due_at": _text(moved),
        },
        at=now,
    )
    about = await topic(work, policy, incident, moved, f"asking {_names(following)}")
    if about is not None:
        lines = tuple(
            filter(None, (because, quiet, about.text, _until(policy, incident, moved, of_many=about.of_bundle)))
        )
        line = _line(about, f"Now asking {_names(following)} as well", lines, people)
        await tell(work, context, incident.id, line, entries=(entry,), at=now)
        title = f"Waits for your answer: {about.text}"
        silence = if_nobody_answers(policy, incident, moved, of_many=about.of_bundle)
        await write_to(
            work, policy, about.incident, moved, people, (title, because, silence), now, of_bundle=about.of_bundle
        )
    return True


async def _let_sleep(
    work: Work, context: Context, incident: Incident, action: Action, asked: tuple[AskedGroup, ...]
) -> bool:
    """Nobody may be called, and nobody is left to ask: remind when the first quiet hours end, if that is in time."""
    groups = asked_groups(context.policy(), asked, incident.severity, context.now())
    ends = [one.quiet_until for one in groups if one.quiet_until is not None]
    wake_at = min(ends, default=None)
    in_time = wake_at is not None and action.due_at is not None and wake_at < action.due_at
    return await work.actions.amend(action, asked=asked, remind_at=wake_at if in_time else None) is not None


async def _expire(work: Work, context: Context, incident: Incident, action: Action) -> bool:
    approval = [vote for vote in await work.votes.of(action.id) if vote.ballot is Ballot.APPROVE]
    if incident.state is IncidentState.TAKEN:
        heard = "It was not answered, as a person has taken it over."
    elif approval:
        heard = f"Only {len(approval)} of {action.approvals_needed} approved in time; {_asked(action)}"
    else:
        heard = f"Nobody answered in time; {_asked(action)}"
    return await withdraw(
        work, context, action, ActionEvent.EXPIRE, f"{heard} Nothing was done. The incident stays open."
    )


async def _not_to_be_called(work: Work, action: Action) -> frozenset[str]:
    """Who has answered already, and who asked for it: their answer would add nothing."""
    return frozenset({action.requested_by or "", *(vote.person for vote in await work.votes.of(action.id))})


def _line(about: Topic, title: str, lines: tuple[str, ...], to: tuple[str, ...]) -> ThreadLine:
    return ThreadLine(title=title, lines=lines, tone=Tone.WARNING, to=to, of_bundle=about.of_bundle)


def _until(policy: Policy, incident: Incident, action: Action, *, of_many: bool) -> str:
    silence = if_nobody_answers(policy, incident, action, of_many=of_many)
    return f"Until {_text(action)}. If nobody answers: {silence}"


def _text(action: Action) -> str:
    return f"{action.due_at:%Y-%m-%d %H:%M} UTC" if action.due_at else ""


def _asked(action: Action) -> str:
    return f"{_names(action.asked)} {'were' if len(action.asked) > 1 else 'was'} asked."


def _names(asked: Collection[AskedGroup]) -> str:
    return " and ".join(one.group for one in asked) or "nobody"
