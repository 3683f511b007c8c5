"""Calling people: an incident that a person must check is put to the same groups as a question, and as patiently.

Whoever is called may answer by taking it, at any hour; nobody is called in their quiet hours. The mention is on the
incident's card or in its thread, the reminders come from ``deadlines.calls``.
"""

from dataclasses import replace
from datetime import datetime

from bot.policy.file.document import Policy
from bot.response.model.actions import ENDED, Action, AskedGroup
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.calls import Call
from bot.response.model.incidents import Incident, IncidentState
from bot.response.notices.bundle_card import SEVERAL_SERVICES, Topic
from bot.response.notices.card import current_action
from bot.response.notices.recipients import callable_people
from bot.response.ports.context import WATCHKEEPER
from bot.response.ports.work import Work


async def call_people(
    work: Work,
    policy: Policy,
    incident: Incident,
    runbook: str,
    asked: tuple[AskedGroup, ...],
    because: str,
    now: datetime,
    *,
    told_again: bool = False,
) -> Call | None:
    """Call people about the incident as it stands, from this commit on, until somebody takes it; on the record.

    The arguments are those of ``open_call``, and ``because``: why a person must look.
    """
    call, is_new = await open_call(work, policy, incident, runbook, asked, now, told_again=told_again)
    if call is not None and is_new:
        await record_call(work, policy, incident, call, because, now)
    return call


async def call_about(work: Work, policy: Policy, action: Action, because: str, now: datetime) -> None:
    """Call those who were asked about an act that is over, as something about it must be checked by a person.

    Nothing, where its incident is over or taken, or is attended to: then the mention alone must do.
    """
    incident = await work.incidents.get(action.incident_id)
    current = await current_action(work, incident) if incident is not None else None
    if incident is None or (current is not None and current.state not in ENDED):
        return
    await call_people(work, policy, incident, action.runbook, action.asked, because, now)


async def open_call(
    work: Work,
    policy: Policy,
    incident: Incident,
    runbook: str,
    asked: tuple[AskedGroup, ...],
    now: datetime,
    *,
    told_again: bool = False,
) -> tuple[Call | None, bool]:
    """The call that stands from this commit on, and whether it is a new one; None where nobody is called.

    A call that stands already goes on as it is: news does not begin the chain anew.

    Args:
        work: the transaction in which it becomes true that a person must look.
        policy: the policy in force.
        incident: with the revision of the question that it is about.
        runbook: whose chain is followed; empty: that of the defaults.
        asked: groups to call first; empty where it is not known who is in them: the sweep finds out.
        now: the time of the transaction.
        told_again: that it goes on firing is told again and again anyway, and so nobody is reminded by the call.
    """
    if incident.state is not IncidentState.OPEN:
        return None, False
    within = policy.approvals_of(runbook).approve_within
    before = await work.calls.last(incident.id)
    if before is not None:
        known = before.asked + tuple(one for one in asked if one.group not in before.groups)
        remind_at = None if told_again else before.remind_at or now + within / 2
        call = replace(before, revision=incident.revision, runbook=runbook, asked=known, remind_at=remind_at)
        await work.calls.open(call)
        return call, False
    people = callable_people(policy, asked, incident.severity, now)
    remind_at = now + within / 2 if people else now
    call = Call(
        incident_id=incident.id,
        revision=incident.revision,
        runbook=runbook,
        asked=asked,
        began_at=now,
        remind_at=None if told_again and people else remind_at,
        due_at=now + within,
    )
    await work.calls.open(call)
    return call, True


async def record_call(work: Work, policy: Policy, incident: Incident, call: Call, because: str, now: datetime) -> None:
    """Put on the record who is called, and why a person must look."""
    people = callable_people(policy, call.asked, incident.severity, now)
    await work.audit.append(
        kind=AuditKind.INCIDENT_CALLED,
        actor=WATCHKEEPER,
        at=now,
        incident_id=incident.id,
        body={"groups": list(call.groups), "called": list(people), "because": because},
    )


async def call_topic(work: Work, incident: Incident, what: str) -> Topic | None:
    """What to speak about when the incident calls for ``what``; None when that was said for all that share its card."""
    bundle = await work.bundles.of(incident.id)
    if bundle is None:
        trouble = f"{incident.alert_name} on {incident.service or 'an unnamed service'}"
        return Topic(f"{trouble}: who takes it?", incident)
    if not await work.bundles.say_once(bundle, what):
        return None
    members = await work.bundles.members(bundle)
    calling = [one for one in members if await work.calls.of(one.incident) is not None]
    text = f"{len(calling)} incidents of a storm: who takes them?" if len(calling) > 1 else "1 incident: who takes it?"
    return Topic(text, replace(incident, service=SEVERAL_SERVICES), of_bundle=True)
