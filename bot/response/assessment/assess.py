"""The look: everything an incident's decision needs from outside the database, gathered without changing anything."""

from collections.abc import Mapping

from pydantic import Field

from bot.policy.file.document import Policy, Runbook
from bot.policy.file.templates import substitute_query
from bot.policy.plan import Facts, Plan
from bot.policy.rules.matching import match
from bot.policy.situation import AlertFacts, Evidence, Impact
from bot.remediation import PermanentError, RemediationError
from bot.response.assessment.parameters import filled
from bot.response.model.records import Request
from bot.response.ports.context import Context

TRUE_WORDS = frozenset({"1", "true", "yes"})


class Brief(Facts):
    """What the look starts from."""

    incident: str
    alert: AlertFacts
    request: Request | None = None
    voters: tuple[str, ...] = ()
    """Who has approved, if it is about to be acted on: they must be known to be there still."""


class Assessment(Facts):
    """What was seen outside, to be judged in one transaction."""

    runbook: str | None = None
    muted: str = ""
    plan: Plan | None = None
    plan_problem: str = ""
    evidence: tuple[Evidence, ...] = ()
    impact: Impact = Impact()
    members: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Who is in each group that may be asked, the escalation chain included."""


async def assess(context: Context, brief: Brief) -> Assessment:
    """Choose the runbook, plan it against the live system and gather evidence. Changes nothing."""
    policy, alert = context.policy(), brief.alert
    muted = ""
    if brief.request is not None:
        name: str | None = brief.request.runbook
    else:
        matched = match(policy, alert)
        name, muted = matched.runbook, matched.mute.reason if matched.mute else ""
    runbook = policy.runbooks.get(name) if name else None
    if name is not None and runbook is None:
        return Assessment(runbook=None, plan_problem=f"The runbook {name!r} is not in the policy any more.")
    if name is None or runbook is None:
        return Assessment(muted=muted)
    try:
        queries = {key: substitute_query(query, alert) for key, query in runbook.evidence.items()}
        evidence: tuple[Evidence, ...] = await context.evidence.gather(queries)
    except ValueError as error:
        return Assessment(runbook=name, plan_problem=f"The evidence of {name} cannot be asked: {error}")
    approvals = policy.approvals_of(name)
    members = {
        group: await context.people.members([group], sure_of=brief.voters)
        for group in (*approvals.groups, *approvals.escalation)
    }
    impact = await impact_of(context, policy, alert)
    try:
        given = brief.request.parameters if brief.request else {}
        plan, problem = await make_plan(context, policy, runbook, alert, given), ""
    except RemediationError as error:
        plan, problem = None, str(error)
    return Assessment(
        runbook=name,
        muted=muted,
        plan=plan,
        plan_problem=problem,
        evidence=evidence,
        impact=impact,
        members=members,
    )


async def make_plan(
    context: Context, policy: Policy, runbook: Runbook, alert: AlertFacts, given: Mapping[str, str]
) -> Plan:
    """Bind the runbook's remediation to live targets; ``given`` is what a person asked for with the runbook.

    Raises:
        RemediationError: the plan cannot be made; the text says why, for people.
    """
    remediation = context.catalogue.get(runbook.remediation)
    if remediation is None:
        known = ", ".join(sorted(context.catalogue))
        raise PermanentError(f"The remediation {runbook.remediation!r} is not in the catalogue; known: {known}.")
    try:
        parameters = filled(remediation.parameters, runbook, alert, given)
    except ValueError as error:
        raise PermanentError(f"The parameters of {runbook.remediation} do not fit this alert: {error}") from error
    service = policy.services.get(alert.service)
    return await remediation.plan(parameters, alert.service, service.fleet if service else None)


async def impact_of(context: Context, policy: Policy, alert: AlertFacts) -> Impact:
    """What customers feel, from the alert's labels and the service's burn query."""
    service = policy.services.get(alert.service)
    query = service.slo_burn if service else None
    labels = alert.labels
    return Impact(
        slo_burn=await context.evidence.number(query) if query else None,
        slo_measured=query is not None,
        billing=labels.get("billing", "").lower() in TRUE_WORDS,
        data_integrity=labels.get("data_integrity", "").lower() in TRUE_WORDS,
        security_severity=labels.get("security_severity"),
    )
