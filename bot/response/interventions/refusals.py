"""Refusing a person: a polite answer for them alone, and an audit entry of who tried what."""

from collections.abc import Collection

from bot.policy.approval import Intervention, may
from bot.response.assessment.votes import Roster, authorised
from bot.response.interventions.clicks import Answer, Tried
from bot.response.model.actions import Action
from bot.response.model.audit_kinds import AuditKind
from bot.response.ports.context import Context
from bot.response.ports.work import Work

PEOPLE_NAMED = 6


async def refuse(
    work: Work,
    context: Context,
    intervention: Intervention,
    tried: Tried,
    reason: str,
    who_may: Collection[str] | None = None,
) -> Answer:
    """Refuse it to the person, on the record; ``reason`` is for them, and so is ``who_may`` in their place."""
    await work.audit.append(
        kind=AuditKind.PERSON_REFUSED,
        actor=tried.person,
        at=context.now(),
        incident_id=tried.incident_id,
        body={"deed": intervention, **tried.on, "reason": reason},
    )
    return Answer(False, reason if who_may is None else f"{reason} {_named(who_may)}")


def _named(who_may: Collection[str]) -> str:
    """Whom to ask instead, by id: they become mentions where the answer is shown."""
    if not who_may:
        return "Nobody is named who may."
    people = sorted(who_may)
    more = f" and {len(people) - PEOPLE_NAMED} more" if len(people) > PEOPLE_NAMED else ""
    return f"Who may: {', '.join(people[:PEOPLE_NAMED])}{more}."


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
    people = authorised(context, roster, intervention, runbook, action)
    permission = may(intervention, tried.person, authorised=people, requested_by=requested_by)
    if permission.allowed:
        return None
    return await refuse(work, context, intervention, tried, permission.text, people - {tried.person})
