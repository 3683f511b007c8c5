"""When a flow itself fails: put it on the record, set targets free, and call a person.

The flows foresee what remediations and monitors do wrong; this is for what nobody foresaw. An error after an approval
that nobody is told about is the worst kind.
"""

from typing import Any

from bot.policy.decide import undecided
from bot.policy.situation import Oversight, Situation
from bot.response.assessment.record import record
from bot.response.assessment.situation import firing_facts
from bot.response.execution.outcome import finish, withdraw
from bot.response.model.actions import UNDER_WAY, ActionEvent, ActionState, Result
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.incidents import IncidentState
from bot.response.model.notices import ThreadLine, Tone
from bot.response.notices.card import current_action
from bot.response.notices.report import tell
from bot.response.ports.context import WATCHKEEPER, Context
from bot.response.ports.flow import FlowName
from bot.response.ports.work import Work


async def flow_failed(context: Context, flow: str, arguments: tuple[Any, ...], error: Exception) -> None:
    """``flow`` with ``arguments`` (the first is the incident's or action's id) raised ``error``."""
    text = f"{type(error).__name__}: {error}"
    async with context.database.begin() as work:
        match FlowName(flow):
            case FlowName.CONSIDER:
                await _not_considered(work, context, int(arguments[0]), text)
            case FlowName.ACT | FlowName.ROLL_BACK | FlowName.ACT_V1 | FlowName.ROLL_BACK_V1:
                await _not_finished(work, context, str(arguments[0]), text)


async def _not_considered(work: Work, context: Context, incident_id: int, text: str) -> None:
    """The incident goes to people, who are told that the reason is an error of ours."""
    now = context.now()
    await work.incidents.begin_consideration(incident_id, now)  # or the next alert would not ask for an assessment
    incident = await work.incidents.get(incident_id)
    alerts = await work.incidents.alerts(incident_id)
    if incident is None or incident.state is IncidentState.RESOLVED or not alerts:
        return
    entry = await work.audit.append(
        kind=AuditKind.FLOW_FAILED,
        actor=WATCHKEEPER,
        at=now,
        incident_id=incident_id,
        body={"flow": "consider", "error": text},
    )
    current = await current_action(work, incident)
    if current is None or current.state not in UNDER_WAY:
        situation = Situation(
            now=now,
            incident=incident.name,
            alerts=await firing_facts(work, incident) or (alerts[0].facts,),
            pauses=await work.pauses.active(now),
            oversight=Oversight(audited=True),
        )
        decision = undecided(situation, context.policy(), f"Watchkeeper failed while assessing it ({text})")
        await record(work, context, incident, situation, decision, {})
    line = ThreadLine(
        title="Watchkeeper itself failed: a person must look",
        lines=(f"It could not judge this incident, and proposes nothing. The error was {text}",),
        tone=Tone.BAD,
        broadcast=True,
    )
    await tell(work, context, incident_id, line, entries=(entry,), at=now)


async def _not_finished(work: Work, context: Context, action_id: str, text: str) -> None:
    """The action ends as failed, wherever it was; what cannot fail any more has ended well before."""
    action = await work.actions.get(action_id)
    if action is None:
        return
    problem = f"Watchkeeper itself failed on the way ({text}). How far it got is in the audit; please check by hand."
    match action.state:
        case ActionState.APPROVED:
            await withdraw(work, context, action, ActionEvent.SUPERSEDE, problem, must_look=True)
        case ActionState.ROLLING_BACK:
            because = "how far its rollback got is unknown"
            await finish(
                work,
                context,
                action_id,
                ActionEvent.NOT_RESTORED,
                problem,
                Result.UNKNOWN,
                must_look=True,
                pause_because=because,
            )
        case _:
            begun = action.state is not ActionState.RUNNING
            result = Result.UNKNOWN if begun else Result.NOTHING_CHANGED
            await finish(
                work,
                context,
                action_id,
                ActionEvent.CANNOT,
                problem,
                result,
                must_look=True,
                changed=begun,
                pause_because="how far its last action got is unknown" if begun else "",
            )
