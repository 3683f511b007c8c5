"""Refusing a person: a polite answer for them alone, and an audit entry of who tried what."""

from bot.policy.approval import Intervention, may
from bot.response.assessment.votes import Roster, authorised
from bot.response.interventions.clicks import Answer, Tried
from bot.response.model.actions import Action
from bot.response.model.audit_kinds import AuditKind
from bot.response.ports.context import Context
from bot.response.ports.rows import Work


async def refuse(work: Work, context: Context, intervention: Intervention, tried: Tried, reason: str) -> Answer:
    """Refuse it to the person, on the record; ``reason`` is for them."""
    await work.audit.append(
        kind=AuditKind.PERSON_REFUSED,
        actor=tried.person,
        at=context.now(),
        incident_id=tried.incident_id,
        body={"deed": intervention, **tried.on, "reason": reason},
    )
    return Answer(False, reason)


async def refused(
    work: Work,
    context: Context,
    roster: Roster,
    intervention: Intervention,
    tried: Tried,
    *,
    runbook: str = "",
    action: Action | None = None,
    requested_by: str | None = None,
) -> Answer | None:
    """The refusal of somebody whom the policy does not let do this now; None when it does.

    Args:
        work: the transaction of the attempt.
        context: the collaborators.
        roster: who is in which group now.
        intervention: what the person wants to do.
        tried: by whom, and on what.
        runbook: whose approvers may do it; by default those of the policy's defaults.
        action: the question that it is about, whose escalated groups may answer, too.
        requested_by: who asked for the action, and so may not approve it.
    """
    permission = may(
        intervention,
        tried.person,
        authorised=authorised(context, roster, intervention, runbook, action),
        requested_by=requested_by,
    )
    if permission.allowed:
        return None
    return await refuse(work, context, intervention, tried, permission.text)
