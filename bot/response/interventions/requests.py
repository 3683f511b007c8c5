"""A person asks for a runbook: to run it, which goes the very same way as an alert, or only to rehearse it.

A request joins the unresolved incident of its service where nothing waits or runs; else it gets an incident of its own,
with an alert whose source is ``person``. That alert ends when what was asked for is settled, and the incident with it.
The requester's own vote never counts, and what they change of the policy's parameters always takes somebody's approval.
"""

import asyncio
import difflib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pydantic import ValidationError

from bot.policy.approval import Intervention
from bot.policy.decide import decide
from bot.policy.decision import Decision
from bot.policy.file.document import Runbook
from bot.policy.file.templates import TemplateError
from bot.policy.situation import AlertFacts, Notification, Planned, Request, Situation
from bot.remediation import RemediationError
from bot.response.assessment.assess import Brief, assess
from bot.response.assessment.parameters import SERVICE, FixedError, as_key, filled, taken, unfilled
from bot.response.assessment.situation import build_situation, refused_before
from bot.response.assessment.votes import Roster
from bot.response.interventions.clicks import Answer, Tried
from bot.response.interventions.refusals import refused
from bot.response.model.actions import PENDING, UNDER_WAY, ActionState
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.incidents import Alert, AlertStatus, Incident, IncidentState, incident_name, incident_number
from bot.response.model.notices import ThreadLine
from bot.response.model.records import PERSON
from bot.response.model.state_words import state_words
from bot.response.notices.card import current_action
from bot.response.notices.report import tell
from bot.response.ports.context import Context
from bot.response.ports.work import Work

REQUESTED = "Requested"
"""What such an incident is called where another has its alert's name."""
NO_REASON = "no reason was given"
REHEARSAL_TIMEOUT_SECONDS = 60.0
SETTLED_AT_ONCE = frozenset(
    {ActionState.SUCCEEDED, ActionState.STOPPED, ActionState.OVERRIDDEN, ActionState.EXPIRED, ActionState.LAPSED}
)
KEPT_OPEN = timedelta(days=1)
"""How long a request that went wrong, or that only people can carry out, stays an open incident."""

log = logging.getLogger(__name__)


class RequestError(ValueError):
    """What was asked for cannot be; the text says what, and what to say instead."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants considered."""

    runbook: str
    parameters: Mapping[str, str]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RequestAnswer:
    """What came of it; ``incident`` names the one that carries it, empty when nothing was begun."""

    answer: Answer
    incident: str = ""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What would happen, and why; nothing did."""

    situation: Situation
    decision: Decision
    approvers: tuple[str, ...]
    possible: bool | None
    """Whether the remediation itself could act and go back now; None when there is no plan to rehearse."""
    finding: str
    """The remediation's word about that."""


async def run(
    work: Work, context: Context, roster: Roster, person: str, wanted: Wanted, *, via: str = "slack"
) -> RequestAnswer:
    """Have the runbook considered for a person, in the incident it belongs to or in one of its own.

    ``via`` says by which way the request came, for the record.

    Raises:
        RequestError: there is no such runbook, or the parameters do not fit it.
    """
    refusal = await refused(work, context, roster, Intervention.RUN, _tried(person, wanted, via))
    if refusal is not None:
        return RequestAnswer(refusal)
    runbook = _runbook(context, wanted)
    now, service = context.now(), _service(context, runbook, wanted)
    home = await _home(work, wanted.runbook, service)
    if isinstance(home, Answer):
        return RequestAnswer(home)
    facts = await _facts(work, context, home, wanted, service)
    _check(context, wanted.runbook, runbook, facts, wanted.parameters)
    if home is None:
        alert = Alert(facts=facts, status=AlertStatus.FIRING, ends_at=None, generator_url="", received_at=now)
        incident_id = await work.incidents.open_requested(alert, context.new_id(), now)
    else:
        incident_id = home.id
    name = incident_name(incident_id)
    entry = await work.audit.append(
        kind=AuditKind.RUNBOOK_REQUESTED,
        actor=person,
        at=now,
        incident_id=incident_id,
        body={
            "runbook": wanted.runbook,
            "parameters": dict(wanted.parameters),
            "reason": wanted.reason,
            "via": via,
            "opened": home is None,
        },
    )
    if home is not None:
        await tell(work, context, home.id, _asked_for(wanted), entries=(entry,), by=person, at=now)
    request = Request(
        runbook=wanted.runbook,
        by=person,
        reason=wanted.reason or NO_REASON,
        parameters=dict(wanted.parameters),
        at=now,
        after=await refused_before(work, incident_id),
    )
    await work.queue.consider(incident_id, request)
    where = f"{name} is opened for it" if home is None else f"it belongs to {name}, which is open"
    text = (
        f"Looking at {wanted.runbook}: {where}. Its card will show the plan and what happens next. "
        "Your own approval does not count for what you asked for."
    )
    return RequestAnswer(Answer(True, text), name)


async def ask_rehearsal(work: Work, context: Context, roster: Roster, person: str, wanted: Wanted) -> Brief | Answer:
    """What a rehearsal starts from; that it was asked is all that is ever recorded of it.

    Raises:
        RequestError: as ``run``.
    """
    refusal = await refused(work, context, roster, Intervention.RUN, _tried(person, wanted, "rehearsal"))
    if refusal is not None:
        return refusal
    runbook = _runbook(context, wanted)
    service = _service(context, runbook, wanted)
    home = await _home(work, wanted.runbook, service)
    incident = home if isinstance(home, Incident) else None
    facts = await _facts(work, context, incident, wanted, service)
    _check(context, wanted.runbook, runbook, facts, wanted.parameters)
    await work.audit.append(
        kind=AuditKind.RUNBOOK_REHEARSAL_ASKED,
        actor=person,
        at=context.now(),
        incident_id=incident.id if incident else None,
        body={"runbook": wanted.runbook, "parameters": dict(wanted.parameters)},
    )
    request = Request(
        runbook=wanted.runbook,
        by=person,
        reason=wanted.reason or "rehearsal",
        parameters=dict(wanted.parameters),
        after=await refused_before(work, incident.id) if incident else (),
    )
    return Brief(incident=incident.name if incident else "a rehearsal", alerts=(facts,), request=request)


async def rehearse(context: Context, brief: Brief) -> Rehearsal:
    """Plan live, check that it could be done and rolled back, and judge it. Changes and records nothing.

    Raises:
        TimeoutError: it took longer than ``REHEARSAL_TIMEOUT_SECONDS``.
    """
    async with asyncio.timeout(REHEARSAL_TIMEOUT_SECONDS):
        assessment = await assess(context, brief)
        name = brief.request.runbook if brief.request else ""
        planned = assessment.plans.get(name, Planned())
        possible, finding = None, planned.problem
        if planned.plan is not None:
            try:
                report = await context.catalogue[planned.plan.remediation].rehearse(planned.plan)
                possible, finding = True, report.summary
            except RemediationError as error:
                possible, finding = False, str(error)
            except Exception as error:  # noqa: BLE001 - an author's bug reaches whoever asked, by its class alone
                finding = f"{planned.plan.remediation} failed unexpectedly ({type(error).__name__})"
                possible = False
        number = incident_number(brief.incident)
        async with context.database.read() as work:
            incident = await work.incidents.get(number) if number is not None else None
            now = context.now()
            situation = await build_situation(work, context, incident, brief, assessment, Notification.PLANNED, now)
    policy = context.policy()
    groups = policy.approvals_of(name).groups
    approvers = tuple(sorted({person for group in groups for person in assessment.members.get(group, ())}))
    return Rehearsal(situation, decide(situation, policy), approvers, possible, finding)


async def end_settled(context: Context) -> int:
    """End the requests that are settled, so that their incidents resolve like any other; how many."""
    now, ended = context.now(), 0
    async with context.database.read() as work:
        settled = [i.id for i in await work.incidents.requested() if await _is_settled(work, context, i)]
    for incident_id in settled:
        async with context.database.begin() as work:
            incident = await work.incidents.get(incident_id)
            if incident is None or not await _is_settled(work, context, incident):
                continue
            if await work.incidents.end_requested(incident_id, now):
                await work.queue.consider(incident_id)
                ended += 1
    return ended


async def _is_settled(work: Work, context: Context, incident: Incident) -> bool:
    stored = await work.decisions.latest(incident.id)
    if stored is None or incident.state is IncidentState.RESOLVED:
        return False
    action = await current_action(work, incident)
    if action is not None and action.state in PENDING | UNDER_WAY:
        return False
    if action is not None and action.state in SETTLED_AT_ONCE:
        return True
    since = action.finished_at if action is not None and action.finished_at is not None else stored.at
    return context.now() - since > KEPT_OPEN


def _tried(person: str, wanted: Wanted, via: str) -> Tried:
    return Tried(person, {"runbook": wanted.runbook, "via": via})


def _runbook(context: Context, wanted: Wanted) -> Runbook:
    known = context.policy().runbooks
    found = known.get(wanted.runbook)
    if found is None:
        raise RequestError(f"There is no runbook “{wanted.runbook[:80]}”. {_near(wanted.runbook, known)}")
    if found.remediation not in context.catalogue:
        raise RequestError(f"{wanted.runbook} names {found.remediation}, which is not in the catalogue.")
    return found


def _service(context: Context, runbook: Runbook, wanted: Wanted) -> str:
    """What the request is about: as the person says, else what the runbook is written for, if it is a known service."""
    services = context.policy().services
    given = wanted.parameters.get(SERVICE)
    if given is None:
        written = runbook.parameters.get(SERVICE)
        return written if isinstance(written, str) and written in services else ""
    near = difflib.get_close_matches(given, services, n=1)
    if given not in services and near:
        raise RequestError(f"The policy knows no service “{given[:80]}”. Did you mean service={near[0]}?")
    return given


async def _home(work: Work, runbook: str, service: str) -> Incident | Answer | None:
    """The incident that the request belongs to; None when it needs its own; an answer when it is there already.

    A request never pushes another question aside: that is what Override is for, with the rights it takes.
    """
    home: Incident | None = None
    for incident in await work.incidents.unresolved():
        if incident.service != service:
            continue
        current = await current_action(work, incident)
        if current is None or current.state not in PENDING | UNDER_WAY:
            home = home or (incident if service else None)
        elif current.runbook == runbook:
            doing = state_words(current.state).within
            return Answer(False, f"{incident.name} is about {runbook} already ({doing}). Please answer on its card.")
    return home


async def _facts(work: Work, context: Context, home: Incident | None, wanted: Wanted, service: str) -> AlertFacts:
    """What fills the runbook's references: the incident's alert, if there is one, and what the person gave."""
    given = dict(wanted.parameters)
    if home is not None:
        alerts = await work.incidents.alerts(home.id)
        firing = sorted((a for a in alerts if a.status is AlertStatus.FIRING), key=lambda alert: alert.facts.starts_at)
        if firing or alerts:
            facts = (firing or alerts)[0].facts
            return facts.model_copy(update={"labels": facts.labels | given})
    labels = given | ({SERVICE: service} if service else {})
    return AlertFacts(
        source=PERSON,
        fingerprint=context.new_id(),
        name=REQUESTED,
        severity=given.get("severity", "info"),
        service=service,
        labels=labels,
        annotations={"summary": f"{wanted.runbook} was asked for: {wanted.reason or NO_REASON}"},
        starts_at=context.now(),
    )


def _check(context: Context, name: str, runbook: Runbook, facts: AlertFacts, given: Mapping[str, str]) -> None:
    """Whether these parameters can be used with this runbook; asked before anything is begun."""
    model = context.catalogue[runbook.remediation].parameters
    takes: tuple[str, ...] = ()
    try:
        takes = taken(model, runbook)
        unknown = sorted(set(given) - set(takes) - set(model.model_fields))
        if unknown:
            raise RequestError(f"{name} takes no “{unknown[0][:80]}”. It takes: {', '.join(takes)}.")
        missing = unfilled(model, runbook, facts, given)
        if missing and as_key(missing[0]):
            key = as_key(missing[0])
            raise RequestError(f"{name} needs {key}=…, which an alert would give. Add {key}=… to what you wrote.")
        if missing:
            raise RequestError(f"{name} needs {missing[0]}, which only an alert can give.")
        filled(model, runbook, facts, given)
    except FixedError as error:
        raise RequestError(f"{name}: {error}") from error
    except ValidationError as error:
        raise RequestError(f"{runbook.remediation} does not take that. {_faults(error, takes)}") from error
    except TemplateError as error:
        raise RequestError(f"The parameters of {name} cannot be filled: {error}") from error


def _faults(error: ValidationError, takes: Sequence[str]) -> str:
    """What is wrong with which parameter, without the library's own words about itself."""
    said = [f"{'.'.join(map(str, one['loc'])) or 'parameters'}: {one['msg']}" for one in error.errors()[:3]]
    return f"{'; '.join(said)}. It takes: {', '.join(takes)}."


def _near(name: str, known: Mapping[str, Runbook]) -> str:
    near = difflib.get_close_matches(name[:80], known, n=1)
    if near:
        return f"Did you mean {near[0]}?"
    return f"There is: {', '.join(sorted(known)[:20]) or 'none'}."


def _asked_for(wanted: Wanted) -> ThreadLine:
    given = " ".join(f"{key}={value}" for key, value in wanted.parameters.items())
    return ThreadLine(
        title=f"Asked for: {wanted.runbook} {given}".strip(),
        lines=(f"Reason: {wanted.reason}",) if wanted.reason else (),
    )
