"""DECIDE, durably: assess an incident, judge it under the policy, record the decision and ask or announce.

``consider.v1`` runs whenever something about an incident is news: it was opened, an alert joined or ended, a pause
was lifted, a person asked for a runbook, a plan went stale. It reads rows, assesses the world outside any
transaction, then settles everything in one transaction: decision, action, audit, card.
"""

from collections.abc import Sequence
from datetime import datetime

from bot.policy.decide import PlanMissingError, decide
from bot.policy.decision import Decision
from bot.policy.file.document import Policy
from bot.policy.file.fields import elapsed_text
from bot.policy.rules.changes import SEEN
from bot.policy.rules.matching import match, match_incident, rank_of, worst_severity
from bot.policy.settling import Settling
from bot.policy.situation import AlertFacts, Notification, Planned, Request, Situation
from bot.response.assessment.assess import Assessment, Brief, assess
from bot.response.assessment.causes import cause_named
from bot.response.assessment.record import judge_anew, record
from bot.response.assessment.settling import settling
from bot.response.assessment.situation import ALERTS_JUDGED, build_situation, firing_facts, in_order
from bot.response.execution.controls import controls_on
from bot.response.execution.harm import answer_harm
from bot.response.model.actions import ENDED, PENDING, SETTLED_BY_PEOPLE, UNDER_WAY, Action, ActionEvent, ActionState
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.incidents import Alert, AlertStatus, Incident, IncidentEvent, IncidentState
from bot.response.model.notices import ThreadLine, Tone
from bot.response.model.records import PERSON, AssessmentResult, StoredDecision
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
    alerts = await work.incidents.alerts(incident_id, ALERTS_JUDGED)
    if not alerts:
        await _resolve(work, context, incident, alerts, now)
        await tell_ending(work, context, incident_id)
        return None
    firing = [alert for alert in alerts if alert.status is AlertStatus.FIRING]
    settles, by = settling(policy, incident, alerts, now)
    if not firing and request is None:
        healed = by if settles.standing is Settling.HEALED else ""
        await _resolve(work, context, incident, alerts, now, healed_under=healed)
        await tell_ending(work, context, incident_id)
        return None
    # What a person asks for is no sign of harm, however soon after our own act they ask.
    await answer_harm(work, context, incident, [a for a in firing if a.facts.source != PERSON], now)
    facts = in_order(alerts)
    matched = match_incident(policy, facts or (alerts[0].facts,), request)
    if matched.all_muted and request is None:
        await _mute(work, context, incident, alerts, matched.muted, now)
        return None
    if incident.state is IncidentState.TAKEN and request is None:
        await _tell_what_joined(work, context, incident, facts, now)
        await _tell_that_it_rose(work, context, incident, facts, now)
        await _ask_what_was_held(work, context, incident)
        return None
    if settles.due_at is not None and request is None:
        await work.queue.consider_at(incident_id, settles.due_at, now)
        return None
    request = request or await _standing_request(work, incident)
    if request is None and all(alert.source == PERSON for alert in facts):
        return None  # what was asked for is settled, and no monitor says anything here
    return Brief(incident=incident.name, alerts=facts or (alerts[0].facts,), request=request)


async def _ask_what_was_held(work: Work, context: Context, incident: Incident) -> None:
    """What nothing holds any more becomes a question for whoever took over: held, it would wait for ever."""
    current = await current_action(work, incident)
    if current is None or current.state is not ActionState.HELD:
        return
    held = await controls_on(work, context, current)
    if any(control.kind != SEEN for control in held):
        return
    stored = await work.decisions.latest(incident.id) if held else None
    # What the system itself showed then is asked again before anything begins: whoever took over may want it now.
    plans = {name: _unchanging(planned) for name, planned in stored.situation.plans.items()} if stored else {}
    await judge_anew(work, context, current, **({"plans": plans} if plans else {}))


def _unchanging(planned: Planned) -> Planned:
    plan = planned.plan
    return planned if plan is None else planned.model_copy(update={"plan": plan.model_copy(update={"changing": ()})})


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
    if incident.revision:
        await _resolve(work, context, incident, alerts, now)
        await tell_ending(work, context, incident.id)
        return
    if await work.incidents.move(incident.id, IncidentEvent.RESOLVE, now=now):
        await _assess_what_had_its_cause_here(work, incident)
        await work.audit.append(
            kind=AuditKind.INCIDENT_MUTED, actor=WATCHKEEPER, at=now, incident_id=incident.id, body={"reason": reason}
        )


async def _assess_what_had_its_cause_here(work: Work, incident: Incident) -> None:
    for each in await work.causes.behind(incident.id):
        await work.queue.consider(each.id)


async def _resolve(
    work: Work,
    context: Context,
    incident: Incident,
    alerts: Sequence[Alert],
    now: datetime,
    *,
    healed_under: str = "",
) -> None:
    """Every alert has ended: the incident is over, open questions are withdrawn, the thread says so.

    ``healed_under``: the runbook that let it heal before anybody was told; then only the record knows of it.
    """
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
    await _assess_what_had_its_cause_here(work, incident)
    unheard = incident.thread_ts is None and not incident.revision
    lasted = elapsed_text(now - incident.opened_at)
    lines = [f"Every alert of {incident.name} has ended. It lasted {lasted}."]
    if not alerts:
        lines = [
            f"No alert belongs to {incident.name} any more: what fired here goes on in another incident. It lasted "
            f"{lasted}."
        ]
    if withdrawn:
        lines.append("The open question is withdrawn; nothing was done.")
    elif action is not None and action.state in UNDER_WAY:
        doing = state_words(action.state).within
        lines.append(f"“{action.plan.summary}” goes on ({doing}); how it ends will be said here.")
    if incident.truncated:
        lines.append(
            f"Its monitor left {incident.truncated} more out of its last message: whether they still fire is not known "
            "here, so please look there."
        )
    said = state_words(IncidentState.RESOLVED)
    line = ThreadLine(title=said.label, lines=tuple(lines), tone=said.tone, broadcast=True)
    body: dict[str, object] = {"alerts": len(alerts)} | ({"runbook": healed_under} if healed_under else {})
    kind = AuditKind.INCIDENT_HEALED if healed_under else AuditKind.INCIDENT_RESOLVED
    await report(work, context, incident.id, kind, body=body, line=None if unheard else line, at=now)


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
        # Its own flow asks for an assessment when it is done; people are told now.
        firing = await firing_facts(work, incident)
        await _tell_what_joined(work, context, incident, firing, now, AssessmentResult.UNDER_WAY)
        await _tell_that_it_rose(work, context, incident, firing, now)
        if asked_now and brief.request is not None:
            await _tell_that_it_is_busy(work, context, incident, brief.request, now)
        return
    situation = await build_situation(work, context, incident, brief, assessment, Notification.PLANNED, now)
    try:
        decision = decide(situation, policy)
    except PlanMissingError:
        await work.queue.consider(incident_id)  # another alert has joined while this was assessed
        return
    matched = match_incident(policy, situation.alerts, situation.request)
    if matched.all_muted and situation.request is None:  # whatever else fired has ended while it was assessed
        await _mute(work, context, incident, await work.incidents.alerts(incident_id), matched.muted, now)
        return
    rose = _is_worse(policy, incident, situation.alerts)
    if not asked_now and rose is None and await _nothing_new(work, policy, incident, current, situation, decision):
        await _tell_what_joined(work, context, incident, situation.alerts, now)
        return
    if rose is not None:
        await work.incidents.raise_severity(incident_id, rose)
    risen = await work.incidents.get(incident_id) or incident
    await record(work, context, risen, situation, decision, assessment.members)
    await _tell_that_it_rose(work, context, incident, situation.alerts, now)


async def _tell_that_it_is_busy(
    work: Work, context: Context, incident: Incident, request: Request, now: datetime
) -> None:
    """What was asked for just as another action began is not considered later, unasked: whoever asked is told."""
    line = ThreadLine(
        title=f"Not considered: {request.runbook}",
        lines=("An action of this incident is under way. Ask for it again once that is over.",),
        tone=Tone.WARNING,
    )
    await tell(work, context, incident.id, line, by=request.by, at=now)


def _is_worse(policy: Policy, incident: Incident, alerts: Sequence[AlertFacts]) -> str | None:
    """The severity of the worst alert that people should be told of, where it is worse than all before; else None."""
    if not alerts or rank_of(worst_severity(alerts)) <= rank_of(incident.severity):
        return None
    heard = [alerts[place] for place in match_incident(policy, alerts).heard]
    worst = worst_severity(heard)
    return worst if heard and rank_of(worst) > rank_of(incident.severity) else None


async def _tell_that_it_rose(
    work: Work, context: Context, incident: Incident, alerts: Sequence[AlertFacts], now: datetime
) -> None:
    """Where an alert is worse than all before it, the incident carries that, and people are told at any hour due to it.

    ``incident``: as it was before.
    """
    worst = _is_worse(context.policy(), incident, alerts)
    if worst is None:
        return
    await work.incidents.raise_severity(incident.id, worst)
    risen = await work.incidents.get(incident.id) or incident
    action, cause = await current_action(work, risen), await work.causes.of(incident.id)
    call = await work.calls.of(risen)
    asked = call.asked if call is not None else action.asked if action is not None and cause is None else ()
    called = callable_people(context.policy(), asked, worst, now)
    line = ThreadLine(
        title=f"Severity rose from {incident.severity or 'unknown'} to {worst or 'unknown'}",
        lines=(f"{incident.name} is judged by its worst alert.",),
        tone=Tone.BAD,
        to=called,
        broadcast=True,
    )
    await refresh_card(work, context.policy(), incident.id, now)
    await tell(work, context, incident.id, line, at=now)


async def _nothing_new(
    work: Work,
    policy: Policy,
    incident: Incident,
    current: Action | None,
    situation: Situation,
    decision: Decision,
) -> bool:
    """Whether the question on the card is still the right one.

    Of an open question: it would be asked in the same way about the same. Of one that is over: nothing has begun to
    fire since, or a person has said no, and is not asked again for what is no worse.
    """
    stored = await work.decisions.latest(incident.id)
    if stored is None or (current is not None and current.state is ActionState.SUPERSEDED):
        return False
    runbook = stored.decision.runbook
    if current is not None and current.state in ENDED and stored.situation.request is not None:
        # A person chose that one instead: it is over, and what the alerts are for was no news then.
        runbook = match_incident(policy, stored.situation.alerts).runbook
    if runbook != decision.runbook:
        return False
    if current is not None and current.state is ActionState.SUCCEEDED:
        wear_off = await work.wear_offs.of(current.id)
        if wear_off is not None and wear_off.ended:
            return False  # what was done is over, and what it was done for goes on
    if current is not None and current.state not in PENDING:
        refused = current.state in SETTLED_BY_PEOPLE
        heard = [situation.alerts[place] for place in match_incident(policy, situation.alerts).heard]
        news = _joined(stored.situation.alerts, heard) or _is_for_others(stored, current, situation, decision)
        return refused or not news
    same_question = _question(stored.decision) == _question(decision)
    return same_question and _same_plan(stored, situation, decision)


def _is_for_others(stored: StoredDecision, current: Action, situation: Situation, decision: Decision) -> bool:
    """Whether it is the turn of another alert, known before, that asks for what the last act had no part in."""
    plan = situation.plans.get(decision.runbook or "", Planned()).plan
    if plan is None or situation.alerts[decision.alert].key == stored.alert.key:
        return False
    done = {target.key for target in current.plan.targets}
    return not any(target.key in done for target in plan.targets)


def _question(decision: Decision) -> tuple[object, ...]:
    """What people would read of a decision and answer, beside the plan."""
    return (
        decision.verdict,
        decision.decisive,
        decision.approvals_needed,
        decision.unmatched,
        decision.others,
        cause_named(decision),
    )


def _same_plan(stored: StoredDecision, situation: Situation, decision: Decision) -> bool:
    sealed = stored.decision.plan_digest
    if sealed is None or decision.plan_digest is None:
        return sealed == decision.plan_digest
    before, plan = stored.planned.plan, situation.plans.get(decision.runbook or "", Planned()).plan
    return before is not None and plan is not None and plan.is_still(sealed, before.rollback)


async def _tell_what_joined(
    work: Work,
    context: Context,
    incident: Incident,
    alerts: Sequence[AlertFacts],
    now: datetime,
    result: AssessmentResult = AssessmentResult.UNCHANGED,
) -> None:
    """The question stands; whatever has joined since it was asked is said once, and the card counts it."""
    stored, policy = await work.decisions.latest(incident.id), context.policy()
    # What people were told before is unknown where a newer release has decided last.
    before = stored.situation.alerts if stored is not None else ()
    joined = _joined(before, alerts) if incident.revision else []
    known = {_identity(alert): alert for alert in joined if match(policy, alert).mute is None}
    said = (await work.decisions.last_note(incident.id)).splitlines()
    await work.decisions.note(incident.id, result, "\n".join(sorted(known)), policy, now)
    await refresh_card(work, policy, incident.id, now)
    fresh = [alert for identity, alert in known.items() if identity not in said]
    if not fresh:
        return
    names = ", ".join(dict.fromkeys(f"{alert.name} on {alert.service or 'an unnamed service'}" for alert in fresh))
    called = await _whom_nobody_asks(work, policy, incident, now)
    line = ThreadLine(title="Also firing now", lines=(names,), tone=Tone.WARNING, to=called)
    await tell(work, context, incident.id, line, at=now)


async def _whom_nobody_asks(work: Work, policy: Policy, incident: Incident, now: datetime) -> tuple[str, ...]:
    """Who is called because nothing waits for an answer or runs, and nobody has taken the incident over."""
    call = await work.calls.of(incident)
    if call is not None:
        return callable_people(policy, call.asked, incident.severity, now)
    action = await current_action(work, incident)
    if action is None or action.state not in ENDED or incident.state is IncidentState.TAKEN:
        return ()
    return callable_people(policy, action.asked, incident.severity, now)


def _joined(before: Sequence[AlertFacts], now: Sequence[AlertFacts]) -> list[AlertFacts]:
    """Alerts, or new episodes of them, that were not there before."""
    known = {_identity(alert) for alert in before}
    return [alert for alert in now if _identity(alert) not in known]


def _identity(alert: AlertFacts) -> str:
    """Of one episode of an alert, as one line of text."""
    text = f"{alert.source}/{alert.fingerprint}/{alert.starts_at.isoformat()}"
    return " ".join(text.splitlines())
