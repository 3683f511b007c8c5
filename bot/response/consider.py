"""DECIDE, durably: look at an incident, judge it under the orders, record the decision and ask or announce.

``consider.v1`` runs whenever something about an incident is news: it was opened, an alert joined or ended, a pause
was lifted, a person asked for a runbook, a plan went stale. It reads rows, looks at the world outside any
transaction, then settles everything in one transaction: decision, action, audit, card.
"""

from collections.abc import Sequence
from datetime import datetime

from bot.policy.decide import decide
from bot.policy.decision import Decision
from bot.policy.file.fields import elapsed_text
from bot.policy.situation import Notification, Situation
from bot.response.assessment.assess import Assessment, Brief, assess
from bot.response.assessment.record import record
from bot.response.assessment.situation import build_situation, request_of
from bot.response.execution.harm import answer_harm
from bot.response.model.actions import PENDING, SETTLED_BY_PEOPLE, UNDER_WAY, Action, ActionEvent, ActionState
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.incidents import Alert, AlertStatus, Incident, IncidentEvent, IncidentState
from bot.response.model.notices import ThreadLine, Tone
from bot.response.model.records import PERSON, Request
from bot.response.notices.card import current_action, refresh_card
from bot.response.notices.channel_moves import tell_ending
from bot.response.notices.report import report
from bot.response.ports.context import WATCHKEEPER, Context
from bot.response.ports.flow import Flow, Json, StepName, fact_of_step, fact_of_transaction, recall
from bot.response.ports.rows import Work

_GOES_ON = {
    ActionState.RUNNING: "is about to begin",
    ActionState.EXECUTING: "is still under way",
    ActionState.VERIFYING: "is done and still being verified",
    ActionState.ROLLING_BACK: "is still being rolled back",
}
"""What an incident that resolves by itself does not end."""


async def consider(flow: Flow, context: Context, incident_id: int, request: Json = None) -> None:
    """The flow ``consider.v1``."""
    asked = None if request is None else recall(Request, request)

    brief = await fact_of_transaction(
        flow, StepName.CONSIDER_BEGIN, Brief, lambda work: _begin(work, context, incident_id, asked)
    )
    if brief is None:
        return
    assessment = await fact_of_step(flow, StepName.CONSIDER_ASSESS, Assessment, lambda: assess(context, brief))
    await flow.transaction(
        StepName.CONSIDER_SETTLE,
        lambda work: _settle(work, context, incident_id, brief, assessment, asked_now=asked is not None),
    )


async def _begin(work: Work, context: Context, incident_id: int, request: Request | None) -> Brief | None:
    """Read the rows; settle at once what needs no look: resolved alerts, harm after our own act."""
    now, policy = context.now(), context.policy()
    await work.incidents.begin_consideration(incident_id)
    incident = await work.incidents.get(incident_id)
    if incident is None or incident.state is IncidentState.RESOLVED:
        return None
    alerts = await work.incidents.alerts(incident_id)
    firing = sorted((a for a in alerts if a.status is AlertStatus.FIRING), key=lambda a: a.facts.starts_at)
    if not firing and request is None:
        await _resolve(work, context, incident, alerts, now)
        await tell_ending(work, context, incident_id)
        return None
    # What a person asks for is no sign of harm, however soon after our own act they ask.
    await answer_harm(work, context, incident, [a for a in firing if a.facts.source != PERSON], now)
    if incident.state is IncidentState.TAKEN and request is None:
        await refresh_card(work, policy, incident_id, now)
        return None
    alert = firing[0] if firing else alerts[0]
    request = request or await _standing_request(work, incident)
    if request is None and alert.facts.source == PERSON:
        return None  # what was asked for is settled, and no monitor says anything here
    given = request.parameters if request else {}
    facts = alert.facts.model_copy(update={"labels": alert.facts.labels | given}) if given else alert.facts
    return Brief(incident=incident.name, alert=facts, request=request)


async def _standing_request(work: Work, incident: Incident) -> Request | None:
    """The person's request that the present question is about: whatever is news, it stays a request."""
    stored, current = await work.decisions.latest(incident.id), await current_action(work, incident)
    if stored is None or current is None or current.state not in PENDING | {ActionState.SUPERSEDED}:
        return None
    return request_of(stored.situation)


async def _resolve(work: Work, context: Context, incident: Incident, alerts: Sequence[Alert], now: datetime) -> None:
    """Every alert has ended: the incident is over, open questions are withdrawn, the thread says so."""
    if not await work.incidents.move(incident.id, IncidentEvent.RESOLVE, now=now):
        return
    action = await current_action(work, incident)
    withdrawn = action is not None and action.state in PENDING
    if action is not None and withdrawn:
        await work.actions.move(
            action.id,
            ActionEvent.SUPERSEDE,
            finished_at=now,
            due_at=None,
            outcome="The alert ended before anything was done.",
        )
    unheard = incident.thread_ts is None and await work.decisions.latest(incident.id) is None
    lasted = elapsed_text(now - incident.opened_at)
    lines = [f"Every alert of {incident.name} has ended. It lasted {lasted}."]
    if withdrawn:
        lines.append("The open question is withdrawn; nothing was done.")
    elif action is not None and action.state in _GOES_ON:
        lines.append(f"“{action.plan.summary}” {_GOES_ON[action.state]}; how it ends will be said here.")
    line = ThreadLine(title="Resolved", lines=tuple(lines), tone=Tone.GOOD, broadcast=True)
    await report(
        work,
        context,
        incident.id,
        AuditKind.INCIDENT_RESOLVED,
        body={"alerts": len(alerts)},
        line=None if unheard else line,
        at=now,
    )


async def _settle(
    work: Work, context: Context, incident_id: int, brief: Brief, assessment: Assessment, *, asked_now: bool
) -> None:
    now, policy = context.now(), context.policy()
    incident = await work.incidents.get(incident_id)
    if incident is None or incident.state is IncidentState.RESOLVED:
        return
    if assessment.muted:
        await work.incidents.move(incident_id, IncidentEvent.RESOLVE, now=now)
        await work.audit.append(
            kind=AuditKind.INCIDENT_MUTED,
            actor=WATCHKEEPER,
            at=now,
            incident_id=incident_id,
            body={"reason": assessment.muted},
        )
        return
    current = await current_action(work, incident)
    if current is not None and current.state in UNDER_WAY:
        await refresh_card(work, policy, incident_id, now)  # its own flow looks again when it is done
        return
    situation = await build_situation(work, context, brief, assessment, Notification.PLANNED, now)
    decision = decide(situation, policy)
    if not asked_now and await _nothing_new(work, incident, current, situation, decision):
        await refresh_card(work, policy, incident_id, now)
        return
    await record(work, context, incident, situation, decision, assessment.members)


async def _nothing_new(
    work: Work, incident: Incident, current: Action | None, situation: Situation, decision: Decision
) -> bool:
    """Whether the question on the card is still the right one: same runbook, verdict and plan."""
    stored = await work.decisions.latest(incident.id)
    if stored is None or stored.situation.runbook != situation.runbook:
        return False
    if current is not None and current.state in SETTLED_BY_PEOPLE:
        return True  # a person said no to this incident's automation: only a person asks again
    if current is not None and current.state not in PENDING:
        # Done or failed: the same alert does not ask the same thing twice. Superseded: it must be asked anew.
        unchanged = stored.decision.plan_digest == decision.plan_digest
        return unchanged and current.state is not ActionState.SUPERSEDED
    return (stored.decision.verdict, stored.decision.plan_digest) == (decision.verdict, decision.plan_digest)
