"""The situation a decision rests on: the assessment, with what only rows know, read in one transaction."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.policy.confidence import FLAPPING_WITHIN
from bot.policy.plan import Plan
from bot.policy.rules.budgets import longest_window
from bot.policy.rules.seal import slim
from bot.policy.situation import (
    Acted,
    AlertFacts,
    Evidenced,
    Memory,
    Notification,
    OpenIncident,
    Oversight,
    Refusal,
    RefusalKind,
    Situation,
    UnderWay,
)
from bot.response.assessment.assess import Assessment, Brief
from bot.response.model.actions import UNDER_WAY, Action, ActionState
from bot.response.model.incidents import Alert, AlertStatus, Incident, IncidentState
from bot.response.ports.context import Context
from bot.response.ports.seals import seal_now
from bot.response.ports.work import Work

ALERTS_JUDGED = 1000
"""Of one incident; more than that fire in nothing a person could still tell apart."""
OPEN_INCIDENTS_JUDGED = 1000
"""The newest; where more are open, nobody needs the others to see that the cause is elsewhere."""
_REFUSED = {ActionState.STOPPED: RefusalKind.STOPPED, ActionState.OVERRIDDEN: RefusalKind.OVERRIDDEN}


async def build_situation(
    work: Work,
    context: Context,
    incident: Incident | None,
    brief: Brief,
    assessment: Assessment,
    notification: Notification,
    now: datetime,
    *,
    but: str | None = None,
) -> Situation:
    """What was found outside, with what rows say at this moment: alerts, controls, ledger, gates, history, memory.

    ``incident`` is None in a rehearsal of something that has none. ``but``: the action under judgment itself, which is
    no past of its own.
    """
    policy = context.policy()
    names = tuple(assessment.plans)
    since = now - timedelta(days=context.timing.history_days)
    services = {plan.plan.service for plan in assessment.plans.values() if plan.plan is not None}
    services |= {incident.service} if incident is not None else set()
    alerts = await firing_facts(work, incident) if incident is not None else ()
    ledger = await work.budgets.ledger(now, longest_window(policy))
    return Situation(
        now=now,
        incident=brief.incident,
        alerts=alerts or brief.alerts,
        request=brief.request,
        plans=assessment.plans,
        answers=assessment.answers,
        history=await work.actions.history(names, tuple(services - {""}), since),
        memory=await memory_of(work, incident, but=but) if incident is not None else Memory(),
        pauses=await work.pauses.active(now),
        ledger=tuple(entry for entry in ledger if entry.action_id != but),
        under_way=await under_way_now(work, but=but),
        evidenced={name: await evidenced_now(work, context, name) for name in names},
        open_incidents=await open_incidents_now(work),
        changes=await work.changes.known(now),
        beginnings=await work.incidents.beginnings(alerts, now - FLAPPING_WITHIN),
        answered_at=assessment.answered_at,
        oversight=Oversight(audited=True, notification=notification),
    )


async def firing_facts(work: Work, incident: Incident) -> tuple[AlertFacts, ...]:
    """Every firing alert of the incident, in the order in which they began."""
    return in_order(await work.incidents.alerts(incident.id, ALERTS_JUDGED))


def in_order(alerts: Iterable[Alert]) -> tuple[AlertFacts, ...]:
    """Those of the alerts that fire, in the order in which they began."""
    firing = (alert.facts for alert in alerts if alert.status is AlertStatus.FIRING)
    return tuple(sorted(firing, key=lambda facts: (facts.starts_at, facts.source, facts.fingerprint)))


async def evidenced_now(work: Work, context: Context, runbook: str) -> Evidenced:
    """What is on record about a runbook.

    Of its seals, only documents that have changed since are kept: the others would repeat the policy in every decision.
    """
    held, policy = await work.licences.of(runbook), context.policy()
    if runbook not in policy.runbooks:
        return held
    now = seal_now(context.catalogue, policy, runbook)
    return held.model_copy(update={"seals": {digest: slim(seal, now) for digest, seal in held.seals.items()}})


async def open_incidents_now(work: Work) -> tuple[OpenIncident, ...]:
    """Every unresolved incident, the newest first."""
    return tuple(
        OpenIncident(
            incident=incident.name, service=incident.service, alert=incident.alert_name, opened_at=incident.opened_at
        )
        for incident in await work.incidents.unresolved(OPEN_INCIDENTS_JUDGED)
    )


async def under_way_now(work: Work, *, but: str | None = None) -> tuple[UnderWay, ...]:
    """Every action that holds its targets at this moment, whatever incident it is of."""
    return tuple(
        UnderWay(
            action_id=action.id,
            services=action.services,
            taken=_taken(action.plan),
            runbook=action.runbook,
            targets=tuple(target.key for target in action.plan.targets),
        )
        for action in await work.actions.in_states(UNDER_WAY)
        if action.id != but
    )


def _taken(plan: Plan) -> int:
    return plan.remaining.taken if plan.remaining is not None else max(len(plan.targets), plan.blast_radius.targets)


async def memory_of(work: Work, incident: Incident, *, but: str | None = None) -> Memory:
    """What people refused and what was done in this incident, from its actions."""
    actions = [action for action in await work.actions.of_incident(incident.id) if action.id != but]
    refusals = [_refusal(action) for action in actions if action.state in _REFUSED]
    if incident.state is IncidentState.TAKEN:
        taken = incident.taken_at or incident.opened_at
        refusals.append(Refusal(kind=RefusalKind.TAKEN, by=incident.taken_by or "", at=taken))
    if incident.refusal is not None:
        refusals.append(incident.refusal)
    acted = tuple(
        Acted(
            action_id=action.id,
            runbook=action.runbook,
            targets=tuple(target.key for target in action.plan.targets),
            at=action.begun_at,
        )
        for action in actions
        if action.begun_at is not None
    )
    return Memory(refusals=tuple(refusals), acted=acted)


def _refusal(action: Action) -> Refusal:
    by = ", ".join(action.decided_by)
    at = action.decided_at or action.finished_at or action.created_at
    return Refusal(kind=_REFUSED[action.state], by=by, at=at, action_id=action.id)


async def refused_before(work: Work, incident_id: int) -> tuple[str, ...]:
    """Keys of everything refused in this incident so far: what a request that is made in this transaction answers."""
    incident = await work.incidents.get(incident_id)
    memory = await memory_of(work, incident) if incident is not None else Memory()
    return tuple(refusal.key for refusal in memory.refusals)
