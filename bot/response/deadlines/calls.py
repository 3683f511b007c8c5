"""When nobody takes what a person must check: people are reminded, then the next are called, and it never goes quiet.

Every wait is a column of the call's row, so a restart forgets nothing; every step is a conditional update, so of all
replicas one takes it. Where an action has ended, ``still_firing`` reminds, and only the chain is followed here.
"""

import logging
from datetime import datetime

from bot.policy.file.document import Policy
from bot.response.assessment.situation import firing_facts
from bot.response.assessment.votes import Roster
from bot.response.model.actions import AskedGroup
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.calls import Call
from bot.response.model.incidents import Incident
from bot.response.model.notices import ThreadLine, Tone
from bot.response.model.records import PERSON
from bot.response.notices.bundle_card import Topic
from bot.response.notices.calling import call_topic
from bot.response.notices.card import UNATTENDED, current_action
from bot.response.notices.recipients import (
    ask_first,
    ask_next,
    asked_groups,
    callable_people,
    called_until,
    if_nobody_takes_it,
    renewed,
    why_quiet,
    write_to,
)
from bot.response.notices.report import report, tell
from bot.response.ports.context import Context
from bot.response.ports.work import Work

log = logging.getLogger(__name__)


async def sweep_calls(context: Context) -> int:
    """Attend to every call of which somebody is to be reminded, or called; how many rows this call moved."""
    async with context.database.read() as work:
        due = await work.calls.due(context.now())
    if not due:
        return 0
    roster, moved = await context.roster(), 0
    for call in due:
        try:
            async with context.database.begin() as work:
                moved += await _attend(work, context, roster, call.incident_id)
        except Exception:
            log.exception("the call of INC-%d could not be attended to; trying again", call.incident_id)
    return moved


async def _attend(work: Work, context: Context, roster: Roster, incident_id: int) -> bool:
    incident, now, policy = await work.incidents.get(incident_id), context.now(), context.policy()
    call = await work.calls.of(incident) if incident is not None else None
    if incident is None or call is None:
        await work.calls.end(incident_id)  # somebody has taken it, it is resolved, or it is another question by now
        return False
    current = await current_action(work, incident)
    if current is not None and current.state not in UNATTENDED:
        return False  # something goes on, and says how it ends
    if not call.asked:
        first = ask_first(policy, call.runbook, roster, incident.severity, now, ())
        return await _call(work, context, incident, call, (), first, "Nobody was called so far.")
    asked = renewed(call.asked, roster)
    following = ask_next(policy, call.runbook, asked, roster, incident.severity, now, ())
    if call.due_at is not None and call.due_at <= now:
        if following:
            because = f"Nobody of {_names(asked)} has taken it in time."
            return await _call(work, context, incident, call, asked, following, because)
        ended = await work.actions.of_incident(incident.id)
        told_again = any(action.revision == incident.revision for action in ended)
        return await _remind(work, context, incident, call, asked, due_at=None, once=told_again)
    if call.remind_at is None or call.remind_at > now:
        return False
    if callable_people(policy, asked, incident.severity, now):
        return await _remind(work, context, incident, call, asked, due_at=call.due_at, once=call.due_at is not None)
    if following:
        because = why_quiet(policy, asked, incident.severity, now) or f"Nobody is in {_names(asked)}."
        return await _call(work, context, incident, call, asked, following, because)
    return await _let_sleep(work, policy, incident, call, asked, now)


async def _remind(
    work: Work,
    context: Context,
    incident: Incident,
    call: Call,
    asked: tuple[AskedGroup, ...],
    *,
    due_at: datetime | None,
    once: bool,
) -> bool:
    """In the thread and to each in person; again after ``still_firing_after``, but for ``once``."""
    now, policy = context.now(), context.policy()
    period = policy.defaults.still_firing_after
    moved = await work.calls.amend(call, asked=asked, remind_at=None if once else now + period, due_at=due_at)
    people = callable_people(policy, asked, incident.severity, now)
    if moved is None or not people or not await _fires(work, incident):
        return moved is not None
    entry = await report(work, context, incident.id, AuditKind.INCIDENT_REMINDED, body={"people": list(people)}, at=now)
    times = int((now - call.began_at) / period)
    about = await call_topic(work, incident, f"call reminder {times}" if due_at is None else "call reminder")
    if about is not None:
        line = _line(about, "Still waiting for a person", (about.text, _until(policy, moved)), people)
        await tell(work, context, incident.id, line, entries=(entry,), at=now)
        await _write(work, policy, about, moved, people, f"Still waiting for a person: {about.text}", "", now)
    return True


async def _call(
    work: Work,
    context: Context,
    incident: Incident,
    call: Call,
    asked: tuple[AskedGroup, ...],
    following: tuple[AskedGroup, ...],
    because: str,
) -> bool:
    """The next people are called as well; they have as much time as those before them had."""
    now, policy = context.now(), context.policy()
    within = policy.approvals_of(call.runbook).approve_within
    people = callable_people(policy, following, incident.severity, now)
    remind_at = now + within / 2 if people else now + policy.defaults.still_firing_after
    moved = await work.calls.amend(call, asked=asked + following, due_at=now + within, remind_at=remind_at)
    if moved is None:
        return False
    entry = await report(
        work,
        context,
        incident.id,
        AuditKind.INCIDENT_HANDED_OVER,
        body={
            "before": [one.group for one in asked],
            "now": [one.group for one in following],
            "called": list(people),
            "because": because,
            "due_at": _text(moved.due_at),
        },
        at=now,
    )
    about = await call_topic(work, incident, f"calling {_names(following)}")
    if about is not None:
        quiet = why_quiet(policy, following, incident.severity, now)
        lines = tuple(filter(None, (because, quiet, about.text, _until(policy, moved))))
        title = f"Now calling {_names(following)}" + (" as well" if asked else "")
        await tell(work, context, incident.id, _line(about, title, lines, people), entries=(entry,), at=now)
        await _write(work, policy, about, moved, people, f"Waits for a person: {about.text}", because, now)
    return True


async def _let_sleep(
    work: Work, policy: Policy, incident: Incident, call: Call, asked: tuple[AskedGroup, ...], now: datetime
) -> bool:
    """Nobody may be called, and nobody is left: remind when the first quiet hours end."""
    groups = asked_groups(policy, asked, incident.severity, now)
    ends = [one.quiet_until for one in groups if one.quiet_until is not None]
    wake_at = min(ends, default=now + policy.defaults.still_firing_after)
    return await work.calls.amend(call, asked=asked, remind_at=wake_at, due_at=None) is not None


async def _write(
    work: Work,
    policy: Policy,
    about: Topic,
    call: Call,
    people: tuple[str, ...],
    title: str,
    because: str,
    now: datetime,
) -> None:
    said = (title, because, if_nobody_takes_it(policy, call))
    await write_to(
        work,
        policy,
        about.incident,
        call,
        people,
        said,
        now,
        answer_by=called_until(policy, call),
        to_take=True,
        of_bundle=about.of_bundle,
    )


async def _fires(work: Work, incident: Incident) -> bool:
    """Whether a monitor still says so: of what a person asked for nobody is reminded."""
    return any(alert.source != PERSON for alert in await firing_facts(work, incident))


def _line(about: Topic, title: str, lines: tuple[str, ...], to: tuple[str, ...]) -> ThreadLine:
    return ThreadLine(title=title, lines=lines, tone=Tone.WARNING, to=to, of_bundle=about.of_bundle)


def _until(policy: Policy, call: Call) -> str:
    silence, by = if_nobody_takes_it(policy, call), called_until(policy, call)
    return f"If nobody takes it by {_text(by)}: {silence}" if by is not None else silence


def _text(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at is not None else ""


def _names(asked: tuple[AskedGroup, ...]) -> str:
    return " and ".join(one.group for one in asked) or "nobody"
