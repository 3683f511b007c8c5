"""Why? Everything a decision rests on, read back from the rows that were stored with it."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.policy.rules.matching import candidates
from bot.policy.shadow import Agreement, agreement
from bot.response.interventions.clicks import find
from bot.response.model.actions import Action
from bot.response.model.incidents import Incident
from bot.response.model.records import AuditEntry, ClaimJudgement, StoredDecision, Vote
from bot.response.notices.card import current_action
from bot.response.ports.context import Context
from bot.response.ports.hindsight import SHADOWS_COUNT_FOR
from bot.response.ports.work import Work


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the "why?" dialog shows."""

    incident: Incident
    stored: StoredDecision
    action: Action | None
    votes: Sequence[Vote]
    audit: Sequence[AuditEntry]
    claim: ClaimJudgement | None = None
    """The judgement that let it act, made when it claimed its targets; None where it has not come to that."""
    agreement: Agreement | None = None
    """How often people did what the runbook would have done with its licence; None where it is not in shadow."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A remediation that the override dialog offers."""

    runbook: str
    summary: str
    proposed: bool
    """Whether it is what the card proposes already."""


async def explain(work: Work, context: Context, subject: str, revision: int, person: str) -> Explanation | None:
    """The explanation of the decision on the pressed card; remembers that this person has seen it."""
    found = await find(work, subject, revision)
    if found is None:
        return None
    number = found.action.revision if found.action and found.action.id == subject else revision
    stored = await work.decisions.at_revision(found.incident.id, number)
    return await _assemble(work, context, found.incident, found.action, stored, person)


async def explain_incident(work: Work, context: Context, incident_id: int, person: str) -> Explanation | None:
    """The explanation of the incident's present decision."""
    incident = await work.incidents.get(incident_id)
    if incident is None:
        return None
    action = await current_action(work, incident)
    return await _assemble(work, context, incident, action, await work.decisions.latest(incident_id), person)


async def _assemble(
    work: Work, context: Context, incident: Incident, action: Action | None, stored: StoredDecision | None, person: str
) -> Explanation | None:
    if stored is None:
        return None
    await work.votes.opened(incident.id, stored.revision, person, context.now())
    votes = await work.votes.of(action.id) if action else ()
    claims = await work.decisions.claims_of(action.id) if action and action.revision == stored.revision else ()
    audit = await work.audit.of_incident(incident.id)
    agreed = await _agreement(work, context, stored)
    return Explanation(incident, stored, action, votes, audit, claims[-1] if claims else None, agreed)


async def _agreement(work: Work, context: Context, stored: StoredDecision) -> Agreement | None:
    runbook = stored.decision.runbook
    if runbook is None or stored.decision.shadow is None:
        return None
    shadows = await work.hindsight.shadows([runbook], context.now() - SHADOWS_COUNT_FOR)
    return agreement(shadows.get(runbook, ()))


async def override_choices(work: Work, context: Context, subject: str, revision: int) -> Sequence[Choice]:
    """Runbooks that a person may choose for this incident: the proposed one's alternatives, and all that match."""
    found = await find(work, subject, revision)
    stored = await work.decisions.latest(found.incident.id) if found else None
    if found is None or stored is None:
        return ()
    policy = context.policy()
    proposed = found.action.runbook if found.action else stored.decision.runbook
    entry = policy.runbooks.get(proposed) if proposed else None
    names = [
        *((proposed,) if proposed in policy.runbooks else ()),
        *stored.decision.others,
        *(entry.alternatives if entry else ()),
        *candidates(policy, stored.alert),
    ]
    return [Choice(name, policy.runbooks[name].summary, name == proposed) for name in dict.fromkeys(names)]
