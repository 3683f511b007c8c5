"""What would be decided for alerts: by the same assessment and the same decision as in earnest, which change nothing.

Offline, stand-ins answer for the systems, monitoring and the database; live, the real ones are asked, and read.
"""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.cli.decision_forms import Foretold
from bot.cli.decision_words import Judged, muted_told, taken_told, told
from bot.cli.offline import offline_database
from bot.composition.stand_ins import (
    NamedPeople,
    NoDatabase,
    Source,
    StandInMonitor,
    always_worked,
    known_conditions,
    stand_in_catalogue,
)
from bot.evidence.prometheus import PrometheusEvidence
from bot.policy.confidence import FLAPPING_WITHIN
from bot.policy.decide import as_if_licensed, decide
from bot.policy.file.document import Policy
from bot.policy.rules.matching import match_incident
from bot.policy.situation import (
    AlertFacts,
    Beginning,
    Notification,
    OpenIncident,
    Oversight,
    Pause,
    Situation,
)
from bot.response.assessment.assess import Assessment, Brief, assess
from bot.response.assessment.situation import OPEN_INCIDENTS_JUDGED, build_situation, firing_facts, in_order
from bot.response.model.actions import UNDER_WAY
from bot.response.model.incidents import Alert, AlertStatus, Incident, IncidentState
from bot.response.ports.context import Context
from remediations.catalogue import build_catalogue
from storage.alert_keys import group_key
from storage.database import Database
from storage.pause_file import PauseFile

EVERY_SOURCE = frozenset(Source)


@dataclass(frozen=True, slots=True)
class Live:
    """What is asked for a decision on what is so now; none of it is changed."""

    prometheus_url: str | None
    storage: tuple[str, bytes] | None
    """Database URL and audit key; None where none is in use here."""
    pause_file: Path


@dataclass(frozen=True, slots=True)
class _World:
    context: Context
    unknown: frozenset[Source]
    database: Database | None = None
    pauses: tuple[Pause, ...] = ()
    """By the file of this machine, where no database is read."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Alerts that the policy makes one incident of."""

    key: str
    first: AlertFacts
    """The first that fires in it: the incident would be named after it."""
    alerts: tuple[AlertFacts, ...]

    @property
    def title(self) -> str:
        return f"{self.first.name} on {self.first.service or 'an unnamed service'}"


async def foretell(
    policy: Policy, alerts: Sequence[Alert], now: datetime, live: Live | None = None
) -> tuple[Foretold, ...]:
    """What would come of each incident that these alerts make, in the order in which they arrived.

    Raises:
        OfflineError: the database cannot be read.
        CatalogueError: a backend of the policy, or a plugin, cannot be used.
    """
    groups, over = _grouped(policy, alerts)
    async with AsyncExitStack() as stack:
        world, open_too = await _world(stack, policy, now, live), _open_too(policy, groups, now)
        return tuple([await _foretold(world, group, open_too, over) for group in groups])


async def _world(stack: AsyncExitStack, policy: Policy, now: datetime, live: Live | None) -> _World:
    if live is None:
        context = Context(
            database=NoDatabase(),
            policy=lambda: policy,
            catalogue=stand_in_catalogue(),
            evidence=StandInMonitor(policy),
            people=NamedPeople(policy),
            now=lambda: now,
        )
        return _World(context, EVERY_SOURCE)
    evidence = PrometheusEvidence(live.prometheus_url)
    stack.callback(evidence.close)
    file, database = PauseFile(live.pause_file), None
    if live.storage is not None:
        database = await stack.enter_async_context(offline_database(*live.storage, file, of_this_key=True))
    else:
        stack.callback(file.close)
    context = Context(
        database=database or NoDatabase(),
        policy=lambda: policy,
        catalogue=build_catalogue(policy.backends),
        evidence=evidence,
        people=NamedPeople(policy),
        now=lambda: now,
    )
    if database is not None:
        return _World(context, frozenset(), database)
    present = await file.present()
    return _World(context, frozenset({Source.DATABASE}), pauses=() if present is None else (present,))


def _grouped(policy: Policy, alerts: Sequence[Alert]) -> tuple[tuple[_Group, ...], frozenset[str]]:
    """The alerts that fire, by incident; and keys of those that are over."""
    latest: dict[str, Alert] = {}
    for alert in alerts:
        latest[alert.facts.key] = alert
    together: dict[str, list[Alert]] = {}
    for alert in latest.values():
        if alert.status is AlertStatus.FIRING:
            together.setdefault(group_key(alert, policy.group_by), []).append(alert)
    groups = tuple(_Group(key, found[0].facts, in_order(found)) for key, found in together.items())
    return groups, frozenset(key for key, alert in latest.items() if alert.status is not AlertStatus.FIRING)


async def _foretold(world: _World, group: _Group, open_too: tuple[OpenIncident, ...], over: frozenset[str]) -> Foretold:
    context, policy = world.context, world.context.policy()
    incident, stored = await _joined(world, group)
    alerts = _together(group, stored, over)
    matched = match_incident(policy, alerts)
    if matched.all_muted:
        return muted_told(group.title, incident, alerts, matched.muted)
    if incident is not None and incident.state is IncidentState.TAKEN:
        return taken_told(group.title, incident, alerts)
    brief = Brief(incident=incident.name if incident is not None else group.title, alerts=alerts)
    assessment = await assess(context, brief)
    situation = await _situation(world, incident, brief, assessment, open_too)
    judged = known_conditions(policy, situation, matched, world.unknown)
    if Source.DATABASE in world.unknown:
        decision = as_if_licensed(situation, judged.policy)
    else:
        decision = decide(situation, judged.policy)
    return told(
        Judged(
            title=group.title,
            policy=policy,
            situation=situation,
            decision=decision,
            matched=matched,
            members=assessment.members,
            unknown=world.unknown,
            incident=incident,
            is_busy=await _is_busy(world, incident),
            is_known={alert.key for alert in group.alerts} <= {alert.key for alert in stored},
            open_conditions=judged.left_open,
        )
    )


async def _joined(world: _World, group: _Group) -> tuple[Incident | None, tuple[AlertFacts, ...]]:
    """The unresolved incident that these alerts would join, and what fires in it already."""
    if world.database is None:
        return None, ()
    async with world.database.read() as work:
        unresolved = await work.incidents.unresolved(OPEN_INCIDENTS_JUDGED)
        incident = next((each for each in unresolved if each.group_key == group.key), None)
        return incident, await firing_facts(work, incident) if incident is not None else ()


def _together(group: _Group, stored: Sequence[AlertFacts], over: frozenset[str]) -> tuple[AlertFacts, ...]:
    """Everything that then fires in the incident, in the order in which it began."""
    firing = {alert.key: alert for alert in stored if alert.key not in over}
    firing |= {alert.key: alert for alert in group.alerts}
    return tuple(sorted(firing.values(), key=lambda each: (each.starts_at, each.source, each.fingerprint)))


async def _is_busy(world: _World, incident: Incident | None) -> bool:
    """Whether an action of the incident is being carried out: then it is assessed when that has ended."""
    if world.database is None or incident is None:
        return False
    async with world.database.read() as work:
        return any(action.state in UNDER_WAY for action in await work.actions.of_incident(incident.id))


def _open_too(policy: Policy, groups: Sequence[_Group], now: datetime) -> tuple[OpenIncident, ...]:
    """Every incident that the same body makes, but for those that nobody is told of: they are open at the same time."""
    return tuple(
        OpenIncident(incident=each.title, service=each.first.service, alert=each.first.name, opened_at=now)
        for each in groups
        if not match_incident(policy, each.alerts).all_muted
    )


async def _situation(
    world: _World,
    incident: Incident | None,
    brief: Brief,
    assessment: Assessment,
    open_too: tuple[OpenIncident, ...],
) -> Situation:
    context, now = world.context, world.context.now()
    if world.database is None:
        kinds = {alert.name for alert in brief.alerts}
        return Situation(
            now=now,
            incident=brief.incident,
            alerts=brief.alerts,
            plans=assessment.plans,
            answers=assessment.answers,
            pauses=world.pauses,
            ledger=(),
            under_way=(),
            evidenced={name: always_worked(context.policy(), kinds, now) for name in assessment.plans},
            open_incidents=open_too,
            answered_at=assessment.answered_at,
            oversight=Oversight(audited=True, notification=Notification.PLANNED),
        )
    async with world.database.read() as work:
        situation = await build_situation(work, context, incident, brief, assessment, Notification.PLANNED, now)
        since = now - FLAPPING_WITHIN
        began = {(each.alert, each.at): each for each in await work.incidents.beginnings(brief.alerts, since)}
    began |= _beginnings(brief.alerts, since)
    stored = situation.open_incidents or ()
    known = {(each.service, each.alert) for each in stored}
    fresh = tuple(each for each in open_too if (each.service, each.alert) not in known)
    return situation.model_copy(
        update={
            "alerts": brief.alerts,
            "beginnings": tuple(began.values()),
            "open_incidents": (*fresh, *stored),
        }
    )


def _beginnings(alerts: Sequence[AlertFacts], since: datetime) -> Mapping[tuple[str, datetime], Beginning]:
    """What these alerts would have on record once they are stored."""
    return {
        (alert.key, alert.starts_at): Beginning(alert=alert.key, at=alert.starts_at)
        for alert in alerts
        if alert.starts_at >= since
    }
