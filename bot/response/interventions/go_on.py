"""A person asks for what was interrupted once more: the same runbook, planned anew, as a question of its own."""

from bot.policy.approval import Intervention
from bot.policy.situation import Request
from bot.response.assessment.situation import refused_before
from bot.response.assessment.votes import Roster
from bot.response.interventions.clicks import UNKNOWN_SUBJECT, Answer, Press, find
from bot.response.interventions.refusals import refused
from bot.response.model.actions import PENDING, UNDER_WAY, Action
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.incidents import Incident, IncidentState
from bot.response.model.notices import ThreadLine
from bot.response.model.records import AttemptState, go_on_key
from bot.response.model.state_words import state_words
from bot.response.notices.card import current_action
from bot.response.notices.progress import can_go_on
from bot.response.notices.report import tell
from bot.response.ports.context import Context
from bot.response.ports.work import Work

VIA = "go_on"
"""By which way such a request came, for the record."""


async def go_on(work: Work, context: Context, roster: Roster, press: Press) -> Answer:
    """Have the runbook of an interrupted action considered again for its incident: once, whoever presses first.

    Nothing goes on where it was: a new plan is made, judged and asked about, like every request of a person.
    """
    found = await find(work, press.subject, press.revision)
    if found is None or found.action is None:
        return UNKNOWN_SUBJECT
    action, incident = found.action, found.incident
    refusal = await refused(work, context, roster, Intervention.RUN, press.on(incident.id))
    if refusal is not None:
        return refusal
    against = await _against(work, context, incident, action)
    if against:
        return Answer(False, against)
    asked_by = await _asked_before_by(work, action, press.person)
    if asked_by:
        who = "You have" if asked_by == press.person else f"{asked_by} has"
        return Answer(asked_by == press.person, f"{who} asked for it already. The card of {incident.name} shows it.")
    await _ask(work, context, incident, action, press.person)
    text = (
        f"Looking at {action.runbook} again for {incident.name}: it is planned anew, as things are now. The card shows "
        "the plan and what happens next. Your own approval does not count for what you asked for."
    )
    return Answer(True, text)


async def _against(work: Work, context: Context, incident: Incident, action: Action) -> str:
    """Why there is nothing to go on with, in words for whoever pressed; empty when there is."""
    if not can_go_on(action):
        return f"There is nothing to go on with: {state_words(action.state, action.result).within}. See the card."
    if incident.state is IncidentState.RESOLVED:
        return f"{incident.name} is resolved, so nothing needs to go on. `/watch run` asks for a runbook anyway."
    if action.runbook not in context.policy().runbooks:
        return f"The policy no longer has the runbook {action.runbook}. See `/watch runbooks` for the others."
    current = await current_action(work, incident)
    if current is not None and current.id != action.id and current.state in PENDING | UNDER_WAY:
        stands = state_words(current.state).within
        return f"{incident.name} has a newer question by now ({stands}). Please answer that one on its card."
    return ""


async def _asked_before_by(work: Work, action: Action, person: str) -> str:
    """Who has asked for this before; empty when this person is the first, and from then on they are."""
    key = go_on_key(action.id)
    await work.attempts.claim(key, None)
    if await work.attempts.start_once(key):
        await work.attempts.finish(key, AttemptState.DONE, person)
        return ""
    asked = await work.attempts.get(key)
    return asked.report if asked is not None else ""


async def _ask(work: Work, context: Context, incident: Incident, action: Action, person: str) -> None:
    """File the request, with what was asked for where the interrupted action came from a request, too."""
    now, reason = context.now(), f"to go on after: {action.outcome}"
    stored = await work.decisions.at_revision(incident.id, action.revision)
    before = stored.situation.request if stored is not None else None
    parameters = dict(before.parameters) if before is not None and before.runbook == action.runbook else {}
    entry = await work.audit.append(
        kind=AuditKind.RUNBOOK_REQUESTED,
        actor=person,
        at=now,
        incident_id=incident.id,
        body={
            "runbook": action.runbook,
            "parameters": parameters,
            "reason": reason,
            "via": VIA,
            "opened": False,
            "after": action.id,
        },
    )
    title = f"Going on is asked for: {action.runbook}"
    line = ThreadLine(title=title, lines=("It is planned anew, as things are now.",))
    await tell(work, context, incident.id, line, entries=(entry,), by=person, at=now)
    request = Request(
        runbook=action.runbook,
        by=person,
        reason=reason,
        parameters=parameters,
        at=now,
        after=await refused_before(work, incident.id),
    )
    await work.queue.consider(incident.id, request)
