"""What an incident's decision needs from outside the database, gathered without changing anything.

Which runbook to plan is asked of the policy's own matching; the decision matches again over what was planned.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, model_validator

from bot.policy.burning import burn_queries_of_all_who_feel
from bot.policy.evidence import Answer
from bot.policy.file.document import Policy, Runbook
from bot.policy.file.templates import substitute_query, values_in
from bot.policy.plan import Facts, Moment, Plan
from bot.policy.rules.causes import burn_queries_of_dependencies
from bot.policy.rules.impact import burn_queries
from bot.policy.rules.matching import facts_for, match_incident
from bot.policy.rules.services import services_of
from bot.policy.situation import AlertFacts, Planned, Request
from bot.remediation import About, NothingToDoError, PermanentError, RemediationError
from bot.response.assessment.parameters import FixedError, changes, filled
from bot.response.assessment.plan_checks import checked
from bot.response.ports.context import Context
from bot.response.ports.patience import NotAnsweredError, Patience

FILLERS_TRIED = 5
"""Alerts of one incident that are planned one after the other until one asks for something that is not done yet."""


class Brief(Facts):
    """What an assessment starts from."""

    incident: str
    alerts: tuple[AlertFacts, ...]
    """Every firing alert; where none fires any more, the last that did."""
    request: Request | None = None
    runbook: str | None = None
    """A runbook to plan whatever matches: that of the action which is about to begin."""
    voters: tuple[str, ...] = ()
    """Who has approved, if it is about to be acted on: they must be known to be there still."""

    @model_validator(mode="before")
    @classmethod
    def _of_an_older_release(cls, stored: Any) -> Any:
        """Flows that began before several alerts were judged have one."""
        if isinstance(stored, dict) and "alert" in stored:
            stored = dict(stored)
            stored["alerts"] = [stored.pop("alert")]
        return stored


class Assessment(Facts):
    """What was found outside, to be judged in one transaction."""

    plans: dict[str, Planned] = Field(default_factory=dict)
    """By runbook."""
    answers: dict[str, Answer] = Field(default_factory=dict)
    """By the text of the query."""
    answered_at: Moment | None = None
    """When monitoring was asked, by our clock; None in those of older releases."""
    members: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Who is in each group that may be asked, the escalation chain included."""

    @model_validator(mode="before")
    @classmethod
    def _of_an_older_release(cls, stored: Any) -> Any:
        """Flows that began before inputs were kept have one plan, and findings for answers."""
        if not isinstance(stored, dict) or "plan_problem" not in stored:
            return stored
        planned = {"plan": stored.get("plan"), "problem": stored.get("plan_problem", "")}
        return {
            "plans": {stored["runbook"]: planned} if stored.get("runbook") else {},
            "answers": {
                piece["query"]: {"judged": piece["finding"], "detail": piece.get("detail", "")}
                for piece in stored.get("evidence", ())
            },
            "members": stored.get("members", {}),
        }


async def assess(context: Context, brief: Brief) -> Assessment:
    """Plan what matches against the live system, and ask monitoring. Changes nothing."""
    policy = context.policy()
    matched = match_incident(policy, brief.alerts, brief.request)
    names = [name for name in dict.fromkeys((matched.runbook, brief.runbook)) if name in policy.runbooks]
    plans: dict[str, Planned] = {}
    queries: list[str] = []
    members: dict[str, tuple[str, ...]] = {}
    for name in filter(None, names):
        runbook = policy.runbooks[name]
        plans[name], alert = await _planned(context, policy, brief, name)
        queries += _queries(runbook, alert)
        services = services_of(policy, (*brief.alerts, alert), plans[name].plan)
        queries += burn_queries(policy, services)
        queries += burn_queries_of_dependencies(policy, services).values()
        queries += burn_queries_of_all_who_feel(policy, services)  # to compare with what is measured after the act
        approvals = policy.approvals_of(name)
        for group in (*approvals.groups, *approvals.escalation):
            if group not in members:
                members[group] = await context.people.members([group], sure_of=brief.voters)
    # Where nothing runs a person must look: those whom the defaults name are called then.
    for group in (*policy.defaults.approvals.groups, *policy.defaults.approvals.escalation):
        if group not in members:
            members[group] = await context.people.members([group], sure_of=brief.voters)
    asked_at = context.now()
    answers = dict(await context.evidence.ask(queries))
    return Assessment(plans=plans, answers=answers, answered_at=asked_at, members=members)


async def make_plan(
    context: Context, policy: Policy, runbook: Runbook, alert: AlertFacts, given: Mapping[str, str]
) -> Plan:
    """Bind the runbook's remediation to live targets; ``given`` is what a person asked for with the runbook.

    Raises:
        NothingToDoError: everything is as wanted already.
        RemediationError: the plan cannot be made or relied on; the text says why, for people.
    """
    remediation = context.catalogue.get(runbook.remediation)
    if remediation is None:
        known = ", ".join(sorted(context.catalogue))
        raise PermanentError(f"The remediation {runbook.remediation!r} is not in the catalogue; known: {known}.")
    try:
        parameters = filled(remediation.parameters, runbook, alert, given)
        prepared_verification(runbook, alert)
    except FixedError as error:
        raise PermanentError(str(error)) from error
    except ValueError as error:
        raise PermanentError(f"The parameters of {runbook.remediation} do not fit this alert: {error}") from error
    service = policy.services.get(alert.service)
    about = About(
        service=alert.service,
        fleet=service.fleet if service else None,
        now=context.now(),
        protected=policy.protected,
    )
    return checked(await remediation.plan(parameters, about), remediation, runbook, policy.protected)


def prepared_verification(runbook: Runbook, alert: AlertFacts) -> str | None:
    """The query that will verify an act, filled before anything is done; None where a URL alone verifies.

    Raises:
        TemplateError: this alert cannot fill it, so nobody could tell whether an act helped.
    """
    return substitute_query(runbook.verify.healthy, alert) if runbook.verify.healthy else None


async def _planned(context: Context, policy: Policy, brief: Brief, name: str) -> tuple[Planned, AlertFacts]:
    """The plan, or why there is none, and what fills the runbook.

    Where an alert asks for what is done already, it is the next one's turn. All of it ends in time: a system that hangs
    makes no other incident unheard.
    """
    runbook, request = policy.runbooks[name], brief.request
    fillers = _fillers(policy, brief, name)
    # Whoever has approved is not told that others are slow: what is about to begin is asked to the end.
    patience = context.patience if brief.runbook is None else Patience()
    limit = context.timing.plan_timeout_seconds
    try:
        return await patience.ask(
            _system(runbook), lambda: _plan_in_turn(context, policy, runbook, fillers, request), limit
        )
    except NotAnsweredError as error:
        return Planned(problem=f"{_system(runbook)} {error}"), facts_for(fillers[0], request)


async def _plan_in_turn(
    context: Context, policy: Policy, runbook: Runbook, fillers: Sequence[AlertFacts], request: Request | None
) -> tuple[Planned, AlertFacts]:
    given, done = request.parameters if request else {}, list[Planned]()
    for each in fillers:
        alert = facts_for(each, request)
        planned = await _plan_once(context, policy, runbook, alert, given)
        if not planned.nothing_to_do:
            return planned.model_copy(update={"alert": "" if each is fillers[0] else each.key}), alert
        done.append(planned)
    problem = " ".join(dict.fromkeys(one.problem for one in done))
    return Planned(problem=problem, nothing_to_do=True), facts_for(fillers[0], request)


def _system(runbook: Runbook) -> str:
    """Whom planning asks, in words: the remediation, and the backend where the policy names one."""
    backend = runbook.parameters.get("backend")
    return f"{runbook.remediation} through {backend}" if backend else runbook.remediation


async def _plan_once(
    context: Context, policy: Policy, runbook: Runbook, alert: AlertFacts, given: Mapping[str, str]
) -> Planned:
    try:
        plan = await make_plan(context, policy, runbook, alert, given)
    except NothingToDoError as error:
        return Planned(problem=str(error), nothing_to_do=True)
    except RemediationError as error:
        return Planned(problem=str(error))
    except Exception as error:  # noqa: BLE001 - an author's bug is "no plan" for people, and never silence
        return Planned(problem=f"{runbook.remediation} failed unexpectedly ({type(error).__name__})")
    remediation = context.catalogue[runbook.remediation]
    return Planned(plan=plan, changed=tuple(sorted(changes(remediation.parameters, runbook, given))) if given else ())


def _queries(runbook: Runbook, alert: AlertFacts) -> list[str]:
    try:
        return [substitute_query(query, alert) for query in runbook.evidence.values()]
    except ValueError:
        return []  # the decision says that the alert does not fill them


def _fillers(policy: Policy, brief: Brief, name: str) -> tuple[AlertFacts, ...]:
    """The alerts that fill this runbook, each for something else: as matching says, or as if a person had asked."""
    request = (brief.request or Request(runbook=name, by="", reason="")).model_copy(update={"runbook": name})
    matched = match_incident(policy, brief.alerts, request)
    asked: dict[str, AlertFacts] = {}
    for place in (matched.alert, *matched.fillers):
        alert = brief.alerts[place]
        wanted = values_in(policy.runbooks[name].parameters, facts_for(alert, brief.request))
        asked.setdefault(repr(wanted), alert)
    return tuple(asked.values())[:FILLERS_TRIED]
