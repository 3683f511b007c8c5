"""A decision on the record: the situation it rests on, the action it starts, the audit, the card and the rationale.

All in the caller's transaction, so people never see a decision that is not stored, nor the reverse.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bot.policy.decide import PlanMissingError, decide
from bot.policy.decision import Decision, Verdict
from bot.policy.file.document import Policy
from bot.policy.situation import Planned, Situation
from bot.policy.stored import sealed
from bot.response.assessment.causes import call_for_others, point_to_cause
from bot.response.assessment.situation import firing_facts, memory_of, under_way_now
from bot.response.assessment.storms import ask_together
from bot.response.model.actions import PENDING, Action, ActionEvent, ActionState
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.incidents import Incident
from bot.response.model.notices import ThreadLine
from bot.response.model.records import PERSON, StoredDecision
from bot.response.model.state_words import state_words
from bot.response.notices.bundle_card import topic
from bot.response.notices.calling import call_people
from bot.response.notices.card import current_action, headline_of, named, refresh_card
from bot.response.notices.recipients import Members, ask_first, callable_people, if_nobody_answers, why_quiet, write_to
from bot.response.notices.report import tell
from bot.response.notices.rollback_words import rollback_line
from bot.response.ports.context import WATCHKEEPER, Context
from bot.response.ports.work import Work

LOOK_AGAIN = timedelta(seconds=30)
"""Whether the system itself still shows a change under way is asked so often; of what was reported we are told."""


async def record(
    work: Work, context: Context, incident: Incident, situation: Situation, decision: Decision, members: Members
) -> None:
    """Store a decision and everything that follows from it: action, audit, card, rationale in the thread."""
    now, policy = situation.now, context.policy()
    current = await current_action(work, incident)
    asked_before = current is not None and current.verdict in (Verdict.ASK, Verdict.HOLD)
    if current is not None and current.state in PENDING:
        await work.actions.move(
            current.id, ActionEvent.SUPERSEDE, finished_at=now, due_at=None, outcome="A newer decision took its place."
        )
    revision = await work.incidents.next_revision(incident.id)
    entry = await work.audit.append(
        kind=AuditKind.DECISION_MADE,
        actor=WATCHKEEPER,
        at=now,
        incident_id=incident.id,
        body={
            "revision": revision,
            "runbook": decision.runbook,
            "trigger": situation.trigger,
            "requested_by": situation.requested_by,
            "verdict": decision.verdict,
            "level": str(decision.level),
            "decisive": decision.decisive,
            "headline": decision.headline,
            "confidence": decision.confidence,
            "policy": decision.policy_digest,
            "plan": decision.plan_digest,
            "situation_sha256": sealed(situation)[1],
            "rules": [f"{r.rule}: {r.result}: {r.text}" for r in decision.reasons],
        },
    )
    await work.decisions.keep(policy, now)
    await work.decisions.add(
        StoredDecision(
            incident_id=incident.id,
            revision=revision,
            situation=situation,
            decision=decision,
            policy_digest=decision.policy_digest,
            audit_entry=entry,
            at=now,
        )
    )
    action = _action_for(context, policy, incident, revision, situation, decision, members)
    called: tuple[str, ...] = ()
    if action is not None:
        await work.actions.add(action)
    if action is not None and action.state is not ActionState.HELD:
        await work.calls.end(incident.id)
    elif any(alert.source != PERSON for alert in situation.alerts):
        called = await _call_people(work, policy, replace(incident, revision=revision), decision, members, now)
    cause = await point_to_cause(work, context, incident, situation, decision)
    await ask_together(work, context, incident, situation, decision, revision)
    await refresh_card(work, policy, incident.id, now)
    if cause is None and action is not None and action.state is ActionState.WAITING:
        await _write_to_those_asked_at_once(work, policy, incident, action, now)
    quiet = why_quiet(policy, action.asked, incident.severity, now) if action and cause is None else ""
    # The mention is on the card; one that people have seen before calls nobody by being changed. Who was asked knows.
    to = () if revision == 1 or (asked_before and decision.verdict is Verdict.HOLD) else called
    line, by = _rationale(situation, decision, quiet, to), situation.requested_by
    await tell(work, context, incident.id, line, entries=(entry,), by=by, at=now)
    await call_for_others(work, context, replace(incident, revision=revision))


async def _call_people(
    work: Work, policy: Policy, incident: Incident, decision: Decision, members: Members, now: datetime
) -> tuple[str, ...]:
    """Nothing runs, be it only for now, so a person must look: who is called for it."""
    runbook = decision.runbook or ""
    asked = ask_first(policy, runbook, members, incident.severity, now, ()) if members else ()
    call = await call_people(work, policy, incident, runbook, asked, headline_of(decision), now)
    return callable_people(policy, call.asked, incident.severity, now) if call is not None else ()


async def judge_anew(work: Work, context: Context, action: Action, **changes: Any) -> bool:
    """Judge the action's stored situation again with ``changes`` (and the pauses of now), and put that on the record.

    For news that needs no new assessment: a pause, or a card that Slack did not take. False: it is too late for
    that, the effect has begun or the action is over.
    """
    incident = await work.incidents.get(action.incident_id)
    stored = await work.decisions.at_revision(action.incident_id, action.revision)
    if incident is None or stored is None or incident.revision != action.revision:
        return False
    now = context.now()
    text = "A newer decision took its place."
    if await work.actions.move(action.id, ActionEvent.SUPERSEDE, finished_at=now, due_at=None, outcome=text) is None:
        return False
    await work.locks.release(action.id)
    members = {one.group: one.people for one in action.asked}
    fresh = {
        "now": now,
        "alerts": await firing_facts(work, incident) or stored.situation.alerts,
        "memory": await memory_of(work, incident, but=action.id),
        "pauses": await work.pauses.active(now),
        "changes": await work.changes.known(now),
        "under_way": await under_way_now(work, but=action.id),
        **changes,
    }
    situation = stored.situation.model_copy(update=fresh)
    try:
        decision = decide(situation, context.policy())
    except PlanMissingError:
        await work.queue.consider(incident.id)  # another runbook applies by now: it must be planned first
        return True
    await record(work, context, incident, situation, decision, members)
    return True


async def _write_to_those_asked_at_once(
    work: Work, policy: Policy, incident: Incident, action: Action, now: datetime
) -> None:
    """Whoever is asked because everybody before them sleeps did not expect it: the card alone may not reach them."""
    chain = [one for one in action.asked if one.group not in policy.approvals_of(action.runbook).groups]
    people = callable_people(policy, chain, incident.severity, now, {action.requested_by or ""})
    about = await topic(work, policy, incident, action, "asked at once") if people else None
    if about is not None:
        because = why_quiet(policy, action.asked, incident.severity, now)
        title = f"Waits for your answer: {about.text}"
        silence = if_nobody_answers(policy, incident, action, of_many=about.of_bundle)
        await write_to(
            work, policy, about.incident, action, people, (title, because, silence), now, of_bundle=about.of_bundle
        )


def _action_for(
    context: Context,
    policy: Policy,
    incident: Incident,
    revision: int,
    situation: Situation,
    decision: Decision,
    members: Members,
) -> Action | None:
    """The row that waits for Slack, for people, or for the end of a pause; None where there is nothing to do."""
    name, now = decision.runbook, situation.now
    plan = situation.plans.get(name or "", Planned()).plan
    if name is None or plan is None or decision.verdict in (Verdict.OBSERVE, Verdict.REFUSE):
        return None
    approvals = policy.approvals_of(name)
    due_at: datetime | None
    match decision.verdict:
        case Verdict.ACT | Verdict.ACT_UNLESS_STOPPED:
            state, due_at = ActionState.ANNOUNCING, now + policy.announce_within
        case Verdict.HOLD:
            state, due_at = ActionState.HELD, now + LOOK_AGAIN if plan.changing else None
        case _:
            state, due_at = ActionState.WAITING, now + approvals.approve_within
    without = {situation.requested_by or ""}
    asked = ask_first(policy, name, members, incident.severity, now, without)
    remind_at = None
    if state is ActionState.WAITING:
        called = callable_people(policy, asked, incident.severity, now, without)
        remind_at = now + approvals.approve_within / 2 if called else now
    return Action(
        id=context.new_id(),
        incident_id=incident.id,
        revision=revision,
        runbook=name,
        trigger=situation.trigger,
        requested_by=situation.requested_by,
        verdict=decision.verdict,
        state=state,
        plan=plan,
        plan_digest=plan.digest,
        approvals_needed=decision.approvals_needed,
        asked=asked,
        veto_window_seconds=decision.veto_window_seconds,
        execute_within_seconds=approvals.execute_within.total_seconds(),
        due_at=due_at,
        created_at=now,
        decided_at=None,
        decided_by=(),
        finished_at=None,
        outcome="",
        remind_at=remind_at,
        services=tuple(sorted(decision.services)),
        runbook_digest=policy.runbooks[name].digest,
    )


def _rationale(situation: Situation, decision: Decision, quiet: str, called: tuple[str, ...]) -> ThreadLine:
    """The thread's line for a decision: what was decided and why, and who is called for it."""
    said = state_words(decision.verdict)
    lines = [headline_of(decision)]
    plan = situation.plans.get(decision.runbook or "", Planned()).plan
    if plan is not None:
        lines.append(f"Plan: {plan.summary}")
        lines.append(rollback_line(plan))
    if decision.unmatched and decision.runbook is not None:
        lines.append(f"Also firing, without a runbook: {', '.join(decision.unmatched)}.")
    if situation.request is not None:
        lines.append(f"Requested in person. Reason: {situation.request.reason}")
    if quiet:
        lines.append(quiet)
    return ThreadLine(title=said.label, lines=tuple(lines), names=named(decision, situation), tone=said.tone, to=called)
