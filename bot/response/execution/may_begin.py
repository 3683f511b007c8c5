"""Whether an action may go on to act: the one check, made in the transaction that claims, and in that which begins.

Whatever was true when people (or the policy) agreed must still be true, and everything that is stored by now counts,
whatever assessment still waits.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.policy.approval import TallyState
from bot.policy.decide import PlanMissingError, decide
from bot.policy.decision import Decision, RuleResult, Verdict
from bot.policy.evidence import Finding
from bot.policy.plan import Plan
from bot.policy.rules.changes import seen_on
from bot.policy.situation import Notification, Situation
from bot.response.assessment.assess import Assessment, Brief
from bot.response.assessment.situation import build_situation
from bot.response.assessment.votes import Roster, count_votes
from bot.response.execution.controls import controls_on, taken_since
from bot.response.execution.outcome import why_lapsed
from bot.response.model.actions import Action, ActionEvent
from bot.response.model.incidents import Incident, IncidentState
from bot.response.ports.context import Context
from bot.response.ports.work import Work

MARKS = frozenset({"billing", "data_integrity", "security", "leave_healthy"})
"""Rules about what can be seen beside the plan: whoever approved before one of them spoke did not approve of that."""
_NUMBERS = re.compile(r"\d+(?:[.:]\d+)*")


@dataclass(frozen=True, slots=True)
class Objection:
    """Why the action may not act now, and what becomes of it."""

    event: ActionEvent
    reason: str
    assess_again: bool = False
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the present policy says of the action, over everything stored now."""

    situation: Situation
    decision: Decision


async def objection(
    work: Work, context: Context, action: Action, brief: Brief, assessment: Assessment
) -> Objection | Judgement:
    """The first thing that speaks against acting now, or the judgement that lets it act.

    Votes are counted anew, as the present policy counts them, with who is in its groups as ``assessment`` knows them.
    """
    if action.due_at is not None and context.now() > action.due_at:
        return Objection(ActionEvent.LAPSE, why_lapsed(action))
    incident = await work.incidents.get(action.incident_id)
    if incident is None or incident.state is IncidentState.RESOLVED:
        return Objection(ActionEvent.SUPERSEDE, "The incident was resolved before it started.")
    if brief.request is None and not await work.incidents.firing(incident.id):
        return Objection(ActionEvent.SUPERSEDE, "Every alert has ended before it started.")
    if taken_since(incident, action):
        return Objection(ActionEvent.SUPERSEDE, "Somebody has taken the incident over, so nothing was begun.")
    planned = assessment.plans.get(action.runbook)
    plan = planned.plan if planned is not None else None
    if plan is None or not plan.is_still(action.plan_digest, action.plan.rollback):
        why = planned.problem if planned is not None and planned.plan is None else ""
        if action.runbook not in context.policy().runbooks:
            why = f"the policy no longer has the runbook {action.runbook}"
        why = why or "the targets or their state are not what was agreed to"
        return Objection(ActionEvent.SUPERSEDE, f"Nothing was run: {why}.", assess_again=True)
    if action.decided_by and not await _still_approved(work, context, action, plan, assessment.members):
        why = (
            "those who approved are not enough any more: somebody left the group, an account was deactivated, "
            "the policy asks for others by now, or less would stay healthy than when they were asked"
        )
        return Objection(ActionEvent.SUPERSEDE, f"Nothing was run: {why}. Asking again.", assess_again=True)
    return await _judged(work, context, action, plan, incident, brief, assessment)


async def _judged(
    work: Work,
    context: Context,
    action: Action,
    plan: Plan,
    incident: Incident,
    brief: Brief,
    assessment: Assessment,
) -> Objection | Judgement:
    situation = await build_situation(
        work, context, incident, brief, assessment, Notification.ACCEPTED, context.now(), but=action.id
    )
    try:
        decision = decide(situation, context.policy())
    except PlanMissingError as error:
        text = f"Nothing was run: another runbook applies by now, {error.runbook}."
        return Objection(ActionEvent.SUPERSEDE, text, assess_again=True)
    held = await controls_on(work, context, action)
    # Of what joined since (an alert of another service, say) only the judgement of now knows that it is covered.
    unseen = set(decision.controls) - set(action.overridden if action.by_hand else ())
    if held or unseen:
        why = f"Paused: {'; '.join(c.text for c in held)}." if held else decision.headline
        # What the system itself shows by now stands in the plan of now alone, which only an assessment stores.
        shown = {control.id for control in seen_on(plan)} & unseen
        return Objection(ActionEvent.SUPERSEDE, why, assess_again=bool(shown), paused=not shown)
    against = await _against(work, action, plan, decision)
    if against:
        return Objection(ActionEvent.SUPERSEDE, f"Nothing was run: {against}", assess_again=True)
    return Judgement(situation, decision)


async def _against(work: Work, action: Action, plan: Plan, decision: Decision) -> str:
    """What the judgement has against it, in words; empty when nothing."""
    if decision.runbook != action.runbook:
        return f"another runbook applies by now, {decision.runbook or 'none'}."
    verdict = decision.otherwise if decision.verdict is Verdict.HOLD else decision.verdict
    if verdict in (None, Verdict.REFUSE, Verdict.OBSERVE):
        return decision.headline
    if not action.decided_by:
        return "" if verdict is not None and verdict.autonomous else decision.headline
    stored = await work.decisions.at_revision(action.incident_id, action.revision)
    approved = stored.decision if stored is not None else None
    marks = _escalating(decision) - (_escalating(approved) if approved is not None else set())
    shown_cautions = stored.planned.plan.cautions if stored is not None and stored.planned.plan is not None else ()
    cautions = _new_cautions(plan.cautions, shown_cautions)
    if marks or cautions:
        texts = [reason.text for reason in decision.reasons if reason.rule in marks]
        texts += cautions
        return f"it has become known since it was approved: {' '.join(texts)} Asking again."
    shown = {piece.query: piece.finding for piece in approved.evidence} if approved is not None else {}
    turned = [
        piece
        for piece in decision.evidence
        if piece.finding is Finding.CONTRADICTS and shown.get(piece.query) is not Finding.CONTRADICTS
    ]
    if turned:
        return f"evidence has turned against it since it was approved: {turned[0].name}, {turned[0].detail}."
    return ""


def _new_cautions(now: Sequence[str], shown: Sequence[str]) -> list[str]:
    """Cautions that were not there when it was approved; one that only tells another number is the same."""
    known = {_NUMBERS.sub("", caution) for caution in shown}
    return [caution for caution in now if _NUMBERS.sub("", caution) not in known]


def _escalating(decision: Decision) -> set[str]:
    """Which marks of the incident's alerts call people, by their rules."""
    return {each.rule for each in decision.reasons if each.rule in MARKS and each.result is RuleResult.ESCALATES}


async def _still_approved(
    work: Work, context: Context, action: Action, plan: Plan, members: Mapping[str, tuple[str, ...]]
) -> bool:
    """Whether the votes on record are enough as the present policy counts them, for the plan as it is now."""
    roster: Roster = {group: frozenset(people) for group, people in members.items()}
    return (await count_votes(work, context, roster, action, plan)).standing is TallyState.APPROVED
