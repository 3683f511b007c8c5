"""The last check before acting: whatever was true when people (or the policy) approved must still be true.

Judged in the transaction that locks the targets, so nothing can change between the check and the locks.
"""

from dataclasses import dataclass

from bot.policy.approval import TallyState
from bot.policy.decide import decide
from bot.policy.decision import Decision, Verdict
from bot.policy.situation import Notification
from bot.response.assessment.assess import Assessment, Brief
from bot.response.assessment.situation import build_situation
from bot.response.assessment.votes import count_votes
from bot.response.execution.outcome import why_lapsed
from bot.response.model.actions import Action, ActionEvent
from bot.response.model.incidents import Incident, IncidentState
from bot.response.notices.recipients import Members
from bot.response.ports.context import Context
from bot.response.ports.work import Work


@dataclass(frozen=True, slots=True)
class Objection:
    """Why the action may not run now, and what becomes of it."""

    event: ActionEvent
    reason: str
    assess_again: bool = False
    paused: bool = False


async def objection(
    work: Work, context: Context, action: Action, incident: Incident | None, brief: Brief, assessment: Assessment
) -> Objection | None:
    """The first thing that speaks against acting now; None when nothing does."""
    if action.due_at is not None and context.now() > action.due_at:
        return Objection(ActionEvent.LAPSE, why_lapsed(action))
    if incident is None or incident.state is IncidentState.RESOLVED:
        return Objection(ActionEvent.SUPERSEDE, "The incident was resolved before it started.")
    if assessment.plan is None or assessment.plan.digest != action.plan_digest:
        why = assessment.plan_problem or "the targets or their state are not what was approved"
        return Objection(ActionEvent.SUPERSEDE, f"Nothing was run: {why}. Assessing again.", assess_again=True)
    if action.decided_by and not await still_approved(work, context, action, assessment.members):
        why = "of those who approved, too few may still approve: they left the group, or their account was deactivated"
        return Objection(ActionEvent.SUPERSEDE, f"Nothing was run: {why}. Asking again.", assess_again=True)
    decision = await judge_again(work, context, action, brief, assessment)
    if decision.verdict is Verdict.HOLD and decision.otherwise is not Verdict.REFUSE:
        return None if action.by_hand else Objection(ActionEvent.SUPERSEDE, decision.headline, paused=True)
    by_people = bool(action.decided_by)
    if decision.verdict is Verdict.REFUSE or not (by_people or decision.verdict.autonomous):
        return Objection(ActionEvent.SUPERSEDE, f"Nothing was run: {decision.headline}", assess_again=True)
    return None


async def still_approved(work: Work, context: Context, action: Action, members: Members) -> bool:
    """Whether the votes on record are still enough, counted with who is in the groups now."""
    roster = {group: frozenset(people) for group, people in members.items()}
    return (await count_votes(work, context, roster, action)).standing is TallyState.APPROVED


async def judge_again(work: Work, context: Context, action: Action, brief: Brief, assessment: Assessment) -> Decision:
    """The decision as it would be made now, the card having been accepted."""
    asked = brief if action.requested_by else brief.model_copy(update={"request": None})
    situation = await build_situation(work, context, asked, assessment, Notification.ACCEPTED, context.now())
    return decide(situation, context.policy())


async def pause_in_force(work: Work, context: Context, action: Action) -> str:
    """The headline of the pause or freeze that covers this action at this moment; empty when none does."""
    stored = await work.decisions.at_revision(action.incident_id, action.revision)
    if stored is None:
        return "Its decision is not on record."
    now = context.now()
    fresh = stored.situation.model_copy(update={"now": now, "pauses": await work.pauses.active(now)})
    decision = decide(fresh, context.policy())
    return decision.headline if decision.verdict is Verdict.HOLD else ""
