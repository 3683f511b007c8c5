"""DECIDE, durably: assess an incident, judge it under the policy, record the decision and ask or announce.

``consider.v1`` runs whenever something about an incident is news: it was opened, an alert joined or ended, a pause
was lifted, a person asked for a runbook, a plan went stale. It reads rows, assesses the world outside any
transaction, then settles everything in one transaction: decision, action, audit, card.
"""

from collections.abc import Sequence
from datetime import datetime

from bot.policy.decide import PlanMissingError, decide
from bot.policy.decision import Decision
from bot.policy.file.fields import elapsed_text
from bot.policy.rules.matching import match_incident, rank_of, worst_severity
from bot.policy.situation import AlertFacts, Notification, Request, Situation
from bot.response.assessment.assess import Assessment, Brief, assess
from bot.response.assessment.record import judge_anew, record
from bot.response.assessment.situation import build_situation, firing_facts
from bot.response.execution.controls import controls_on
from bot.response.execution.harm import answer_harm
from bot.response.model.actions import PENDING, UNDER_WAY, Action, ActionEvent, ActionState
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.incidents import Alert, AlertStatus, Incident, IncidentEvent, IncidentState
from bot.response.model.notices import ThreadLine, Tone
from bot.response.model.records import PERSON, AssessmentResult
from bot.response.model.state_words import state_words
from bot.response.notices.card import current_action, refresh_card
from bot.response.notices.channel_moves import tell_ending
from bot.response.notices.recipients import callable_people
from bot.response.notices.report import report, tell
from bot.response.ports.context import WATCHKEEPER, Context
from bot.response.ports.flow import Flow, Json, StepName, fact_of_step, fact_of_transaction, recall
from bot.response.ports.work import Work


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
    """Read the rows; settle at once what needs no assessment: resolved or muted alerts, harm after our own act."""
    now, policy = context.now(), context.policy()
    await work.incidents.begin_consideration(incident_id, now)
    incident = await work.incidents.get(incident_id)
    if incident is None or incident.state is IncidentState.RESOLVED:
        return None
    alerts = await work.incidents.alerts(incident_id)
    firing = [alert for alert in alerts if alert.status is AlertStatus.FIRING]
    if not firing and request is None:
        await _resolve(work, context, incident, alerts, now)
        await tell_ending(work, context, incident_id)
        return None
    # What a person asks for is no sign of harm, however soon after our own act they ask.
    await answer_harm(work, context, incident, [a for a in firing if a.facts.source != PERSON], now)
    facts = await firing_facts(work, incident)
    matched = match_incident(policy, facts or (alerts[0].facts,), request)
    if matched.all_muted and request is None:
        await _mute(work, context, incident, alerts, matched.muted, now)
        return None
    if incident.state is IncidentState.TAKEN and request is None:
        await _tell_what_joined(work, context, incident, facts, now)
        await _ask_what_was_held(work, context, incident)
        return None
    request = request or await _standing_request(work, incident)
    if request is None and all(alert.source == PERSON for alert in facts):
        return None  # what was asked for is settled, and no monitor says anything here
    return Brief(incident=incident.name, alerts=facts or (alerts[0].facts,), request=request)


async def _ask_what_was_held(work: Work, context: Context, incident: Incident) -> None:
    """Where nothing holds it any more, it becomes a question that whoever took over can answer: else it waits for ever."""
    current = await current_action(work, incident)
    if current is not None and current.state is ActionState.HELD and not await controls_on(work, context, current):
        await judge_anew(work, context, current)


async def _standing_request(work: Work, incident: Incident) -> Request | None:
    """The person's request that the present question is about: whatever is news, it stays a request."""
    stored, current = await work.decisions.latest(incident.id), await current_action(work, incident)
    if stored is None or current is None or current.state not in PENDING | {ActionState.SUPERSEDED}:
        return None
    return stored.situation.request


async def _mute(
    work: Work, context: Context, incident: Incident, alerts: Sequence[Alert], reasons: Sequence[str], now: datetime
) -> None:
    """Everything that still fires is muted: as far as people are concerned, every alert has ended."""
    reason = "; ".join(reasons)
    await work.decisions.note(incident.id, AssessmentResult.MUTED, reason, context.policy(), now)
    if await work.decisions.latest(incident.id) is not None:
        await _resolve(work, context, incident, alerts, now)
        await tell_ending(work, context, incident.id)
        return
    if await work.incidents.move(incident.id, IncidentEvent.RESOLVE, now=now):
        await work.audit.append(
            kind=AuditKind.INCIDENT_MUTED, actor=WATCHKEEPER, at=now, incident_id=incident.id, body={"reason": reason}
        )


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
    elif action is not None and action.state in UNDER_WAY:
        doing = state_words(action.state).within
        lines.append(f"“{action.plan.summary}” goes on ({doing}); how it ends will be said here.")
    said = state_words(IncidentState.RESOLVED)
    line = ThreadLine(title=said.label, lines=tuple(lines), tone=said.tone, broadcast=True)
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
    if incident.state is IncidentState.TAKEN and not asked_now and brief.request is None:
        return  # somebody took over while it was assessed
    current = await current_action(work, incident)
    if current is not None and current.state in UNDER_WAY:
        await work.decisions.note(incident_id, AssessmentResult.UNDER_WAY, current.state, policy, now)
        if asked_now and brief.request is not None:
            await _tell_that_it_is_busy(work, context, incident, brief.request, now)
        await refresh_card(work, policy, incident_id, now)  # its own flow looks again when it is done
        return
    situation = await build_situation(work, context, incident, brief, assessment, Notification.PLANNED, now)
    try:
        decision = decide(situation, policy)
    except PlanMissingError:
        await work.queue.consider(incident_id)  # another alert has joined while this was assessed
        return
    rose = await _severity_rose(work, incident, situation)
    if not asked_now and not rose and await _nothing_new(work, incident, current, situation, decision):
        await _tell_what_joined(work, context, incident, situation.alerts, now)
        return
    incident = await work.incidents.get(incident_id) or incident
    await record(work, context, incident, situation, decision, assessment.members)
    if rose:
        await _tell_that_it_rose(work, context, incident, rose, now)


async def _tell_that_it_is_busy(
    work: Work, context: Context, incident: Incident, request: Request, now: datetime
) -> None:
    """What was asked for just as another action began is not looked at later, unasked: its asker hears that."""
    line = ThreadLine(
        title=f"Not looked at: {request.runbook}",
        lines=("An action of this incident is under way. Ask for it again once that is over.",),
        tone=Tone.WARNING,
    )
    await tell(work, context, incident.id, line, by=request.by, at=now)


async def _severity_rose(work: Work, incident: Incident, situation: Situation) -> str:
    """The severity before, where an alert that joined is worse than all before it; the incident then carries that."""
    worst = worst_severity(situation.alerts)
    if rank_of(worst) <= rank_of(incident.severity) or worst == incident.severity:
        return ""
    await work.incidents.raise_severity(incident.id, worst)
    return incident.severity or "unknown"


async def _tell_that_it_rose(work: Work, context: Context, incident: Incident, before: str, now: datetime) -> None:
    action = await current_action(work, incident)
    called = callable_people(context.policy(), action.asked, incident.severity, now) if action is not None else ()
    line = ThreadLine(
        title=f"Severity rose from {before} to {incident.severity}",
        lines=(f"{incident.name} is judged anew.",),
        tone=Tone.BAD,
        to=called,
        broadcast=True,
    )
    await tell(work, context, incident.id, line, at=now)


async def _nothing_new(
    work: Work, incident: Incident, current: Action | None, situation: Situation, decision: Decision
) -> bool:
    """Whether the question on the card is still the right one.

    Of an open question: same runbook, verdict and plan. Of one that is over: nothing has begun to fire since.
    """
    stored = await work.decisions.latest(incident.id)
    if stored is None or stored.decision.runbook != decision.runbook:
        return False
    if current is not None and current.state is ActionState.SUPERSEDED:
        return False
    if current is not None and current.state not in PENDING:
        return not _joined(stored.situation.alerts, situation.alerts)
    return (stored.decision.verdict, stored.decision.plan_digest) == (decision.verdict, decision.plan_digest)


async def _tell_what_joined(
    work: Work, context: Context, incident: Incident, alerts: Sequence[AlertFacts], now: datetime
) -> None:
    """The question stands; whatever has joined since it was asked is said once, and the card counts it."""
    stored = await work.decisions.latest(incident.id)
    joined = _joined(stored.situation.alerts, alerts) if stored is not None else []
    names = ", ".join(dict.fromkeys(f"{alert.name} on {alert.service or 'an unnamed service'}" for alert in joined))
    detail = " ".join(sorted(f"{alert.source}/{alert.fingerprint}/{alert.starts_at.isoformat()}" for alert in joined))
    said = await work.decisions.last_note(incident.id)
    await work.decisions.note(incident.id, AssessmentResult.UNCHANGED, detail, context.policy(), now)
    await refresh_card(work, context.policy(), incident.id, now)
    if not joined or said == detail:
        return
    line = ThreadLine(title="Also firing now", lines=(names,), tone=Tone.WARNING)
    await tell(work, context, incident.id, line, at=now)


def _joined(before: Sequence[AlertFacts], now: Sequence[AlertFacts]) -> list[AlertFacts]:
    """Alerts, or new episodes of them, that were not there before."""
    known = {(alert.source, alert.fingerprint, alert.starts_at) for alert in before}
    return [alert for alert in now if (alert.source, alert.fingerprint, alert.starts_at) not in known]
