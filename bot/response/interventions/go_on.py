"""Going on with what was ended half-way: the same runbook is asked about anew, as if a person had asked for it."""

from bot.policy.approval import Intervention
from bot.policy.situation import Request
from bot.response.assessment.situation import refused_before
from bot.response.assessment.votes import Roster
from bot.response.interventions.clicks import UNKNOWN_SUBJECT, Answer, Press, find
from bot.response.interventions.refusals import refused
from bot.response.model.actions import PENDING, UNDER_WAY, Action
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.incidents import IncidentState
from bot.response.model.notices import ThreadLine
from bot.response.model.state_words import state_words
from bot.response.notices.card import current_action
from bot.response.notices.report import report
from bot.response.ports.context import Context
from bot.response.ports.work import Work

REASON = "to go on with what was ended half-way"


async def go_on(work: Work, context: Context, roster: Roster, press: Press) -> Answer:
    """Have the runbook of an interrupted action considered once more: planned anew, judged anew, asked anew."""
    found = await find(work, press.subject, press.revision)
    if found is None or found.action is None:
        return UNKNOWN_SUBJECT
    incident, action = found.incident, found.action
    refusal = await refused(
        work, context, roster, Intervention.RUN, press.on(incident.id), runbook=action.runbook, action=action
    )
    if refusal is not None:
        return refusal
    if not action.interrupted:
        return Answer(False, f"There is nothing to go on with: {state_words(action.state).within}.")
    if incident.state is IncidentState.RESOLVED:
        return Answer(False, f"{incident.name} is resolved; there is nothing to go on with.")
    if action.runbook not in context.policy().runbooks:
        return Answer(False, f"The policy no longer has the runbook {action.runbook}, so it cannot go on.")
    current = await current_action(work, incident)
    if current is not None and current.id != action.id and current.state in PENDING | UNDER_WAY:
        return Answer(False, f"{incident.name} has a newer question already. Please look at its card.")
    now, parameters = context.now(), await _asked_with(work, action)
    body = {
        "runbook": action.runbook,
        "parameters": parameters,
        "reason": REASON,
        "via": "go_on",
        "opened": False,
        "after": action.id,
    }
    line = ThreadLine(title=f"Asked to go on: {action.runbook}", lines=("It is planned and judged anew.",))
    await report(work, context, incident.id, AuditKind.RUNBOOK_REQUESTED, body=body, by=press.person, line=line, at=now)
    request = Request(
        runbook=action.runbook,
        by=press.person,
        reason=REASON,
        parameters=parameters,
        at=now,
        after=await refused_before(work, incident.id),
    )
    await work.queue.consider(incident.id, request)
    return Answer(True, f"Looking at {action.runbook} for {incident.name} anew. The card shows the plan in a moment.")


async def _asked_with(work: Work, action: Action) -> dict[str, str]:
    """What whoever had asked for it had asked for with it."""
    stored = await work.decisions.at_revision(action.incident_id, action.revision)
    request = stored.situation.request if stored is not None else None
    return dict(request.parameters) if request is not None and request.runbook == action.runbook else {}
