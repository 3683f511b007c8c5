"""Storing what monitors send: recognise duplicates, find or open the incident, record it, queue its assessment.

Everything here happens inside one writer's transaction with a handful of statements, however many alerts there are,
because a storm of alerts is when it matters. A duplicate is recognised by what is stored and by nothing else.
"""

import secrets
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from bot.policy.file.document import Policy
from bot.policy.rules.matching import rank_of
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.incidents import Alert, AlertStatus, IncidentState
from storage.alert_keys import Identity, Key, group_key, key_of
from storage.audit import NewEntry
from storage.chunks import chunks
from storage.columns import nul_free
from storage.deliveries import Delivery, IntakeResult, RejectedAlert
from storage.incidents import alert_columns
from storage.tables import ALERTS, INCIDENTS, QUARANTINED_ALERTS
from storage.unit_of_work import UnitOfWork

SAMPLES = 5
"""An audit entry names so many of the things it counts."""


@dataclass(slots=True, eq=False)
class _Incident:
    """An unresolved incident that firing alerts are put into; without an id until it is opened."""

    group_key: str
    first: Alert
    id: int | None = None
    opened: bool = False


@dataclass(slots=True, eq=False)
class _Stored:
    """An alert as it will be stored when the transaction commits."""

    status: AlertStatus
    starts_at: datetime
    alert: Alert | None = None
    """The latest signal about it, when one said something new."""
    ends_at: datetime | None = None
    """When it ended, once it has."""
    severity: str = ""
    """As it was said last."""
    id: int | None = None
    incident: _Incident | None = None
    old_incident_id: int | None = None
    """Where it belonged before this transaction."""
    was: AlertStatus | None = None
    """Its status in the database; None when it is not there yet."""

    @property
    def is_changed(self) -> bool:
        """Whether its row must be written."""
        return self.status is not self.was or self.alert is not None

    @property
    def incident_id(self) -> int | None:
        return self.old_incident_id if self.incident is None else self.incident.id


@dataclass(slots=True)
class _News:
    """What is new about one incident (or about alerts without one) from one source."""

    firing: int = 0
    resolved: int = 0
    fingerprints: list[str] = field(default_factory=list)

    def note(self, alert: Alert) -> None:
        if alert.status is AlertStatus.FIRING:
            self.firing += 1
        else:
            self.resolved += 1
        if len(self.fingerprints) < SAMPLES:
            self.fingerprints.append(alert.facts.fingerprint)


class AlertStore:
    """Stores deliveries in one transaction."""

    def __init__(self, work: UnitOfWork, policy: Policy, now: datetime) -> None:
        self._work = work
        self._session = work.session
        self._policy = policy
        self._now = now
        self._known: dict[Key, _Stored] = {}
        self._firing: dict[Identity, _Stored] = {}
        """The present episode of each alert that fires."""
        self._recounted: set[int] = set()
        """Incidents whose number of alerts left out has changed, or whose alert went on in another incident."""
        self._worse: set[int] = set()
        """Incidents with an alert that may be worse than all before it."""
        self._incidents: dict[str, _Incident] = {}
        self._news: list[tuple[_Stored, Alert]] = []
        self._reasons: dict[str, list[str]] = {}
        """Of quarantined alerts, by source."""
        self.assessments_deferred = False
        """Whether ``queue.consider_deferred`` has something to do once this has committed."""

    async def store(self, deliveries: Sequence[Delivery]) -> list[IntakeResult]:
        """One result per delivery, true once the transaction has committed."""
        arrived = [[(key_of(alert), alert) for alert in delivery.alerts] for delivery in deliveries]
        await self._recognise({key for alerts in arrived for key, _ in alerts})
        outcomes = [[self._receive(key, alert) for key, alert in alerts] for alerts in arrived]
        await self._find_or_open_incidents()
        await self._write_alerts()
        await self._note_truncation(deliveries, outcomes)
        await self._quarantine([rejected for delivery in deliveries for rejected in delivery.rejected])
        await self._record()
        await self._queue_assessments()
        return [_result(delivery, received) for delivery, received in zip(deliveries, outcomes, strict=True)]

    async def _recognise(self, keys: Set[Key]) -> None:
        """Load what is stored of these alerts: these very episodes, and whichever of each fires."""
        if not keys:
            return
        # A range, not a list of starts: a list would be tried in every combination with the fingerprints.
        first, last = min(key[2] for key in keys), max(key[2] for key in keys)
        by_source: dict[str, set[str]] = {}
        for source, fingerprint, _ in keys:
            by_source.setdefault(source, set()).add(fingerprint)
        for source, fingerprints in by_source.items():
            for some in chunks(sorted(fingerprints)):
                rows = await self._session.execute(
                    select(
                        ALERTS.c.id,
                        ALERTS.c.fingerprint,
                        ALERTS.c.starts_at,
                        ALERTS.c.status,
                        ALERTS.c.severity,
                        ALERTS.c.incident_id,
                    )
                    .where(
                        ALERTS.c.source == source,
                        ALERTS.c.fingerprint.in_(some),
                        ALERTS.c.starts_at.between(first, last) | (ALERTS.c.status == AlertStatus.FIRING),
                    )
                    .order_by(ALERTS.c.starts_at)
                )
                for row in rows:
                    self._remember(source, row)

    def _remember(self, source: str, row: Any) -> None:
        status, of = AlertStatus(row.status), row.incident_id
        stored = _Stored(status, row.starts_at, severity=row.severity, id=row.id, old_incident_id=of, was=status)
        self._known[(source, row.fingerprint, row.starts_at)] = stored
        if stored.status is AlertStatus.FIRING:
            self._succeed(self._firing.get((source, row.fingerprint)), stored.starts_at)
            self._firing[(source, row.fingerprint)] = stored

    def _succeed(self, episode: _Stored | None, starts_at: datetime) -> None:
        """The end of this episode was never said: that a later one began says it."""
        if episode is None:
            return
        episode.status, episode.ends_at = AlertStatus.RESOLVED, starts_at
        if episode.old_incident_id is not None:
            self._recounted.add(episode.old_incident_id)

    def _receive(self, key: Key, alert: Alert) -> tuple[_Stored, bool]:
        """Apply one signal to what is known; what it is about, and whether it said something new."""
        if alert.status is AlertStatus.FIRING:
            return self._fires(key, alert)
        return self._ends(key, alert)

    def _fires(self, key: Key, alert: Alert) -> tuple[_Stored, bool]:
        present = self._firing.get(key[:2])
        if present is not None and (alert.start_untold or present.starts_at >= alert.facts.starts_at):
            # It fires already; an older start is a late delivery, or a monitor that restarted.
            is_it = alert.start_untold or present.starts_at == alert.facts.starts_at
            return present, is_it and self._revises(present, alert)
        self._succeed(present, alert.facts.starts_at)
        stored = self._known.setdefault(key, _Stored(alert.status, alert.facts.starts_at))
        stored.alert, stored.status, stored.severity, stored.ends_at = alert, alert.status, alert.facts.severity, None
        group = group_key(alert, self._policy.group_by)
        stored.incident = self._incidents.setdefault(group, _Incident(group, alert))
        self._firing[key[:2]] = stored
        self._news.append((stored, alert))
        return stored, True

    def _revises(self, present: _Stored, alert: Alert) -> bool:
        """Whether a monitor that repeats an alert says another severity: that is news about the same episode."""
        if nul_free(alert.facts.severity) == present.severity:
            return False
        present.severity, present.alert = nul_free(alert.facts.severity), alert
        self._news.append((present, alert))
        return True

    def _ends(self, key: Key, alert: Alert) -> tuple[_Stored, bool]:
        """A resolve ends whichever episode fires, unless what it ends was over before that one began."""
        present = self._firing.get(key[:2])
        if present is None or _is_over_before(alert, present):
            known = key in self._known
            stored = self._known.setdefault(key, _Stored(alert.status, alert.facts.starts_at))
            if known:
                return stored, False
            stored.alert, stored.ends_at = alert, alert.ends_at
        else:
            stored = present
            del self._firing[key[:2]]
            stored.status, stored.ends_at = AlertStatus.RESOLVED, alert.ends_at or self._now
        self._news.append((stored, alert))
        return stored, True

    async def _find_or_open_incidents(self) -> None:
        for some in chunks(list(self._incidents)):
            rows = await self._session.execute(
                select(INCIDENTS.c.id, INCIDENTS.c.group_key).where(
                    INCIDENTS.c.group_key.in_(some), INCIDENTS.c.state != IncidentState.RESOLVED
                )
            )
            for row in rows:
                self._incidents[row.group_key].id = row.id
        missing = [incident for incident in self._incidents.values() if incident.id is None]
        if not missing:
            return
        rows = await self._session.execute(
            insert(INCIDENTS).returning(INCIDENTS.c.id, INCIDENTS.c.group_key),
            [
                {
                    "handle": secrets.token_urlsafe(16),
                    "group_key": incident.group_key,
                    "service": incident.first.facts.service,
                    "alert_name": incident.first.facts.name,
                    "severity": incident.first.facts.severity,
                    "state": IncidentState.OPEN,
                    "opened_at": self._now,
                }
                for incident in missing
            ],
        )
        for row in rows:
            incident = self._incidents[row.group_key]
            incident.id, incident.opened = row.id, True

    async def _write_alerts(self) -> None:
        new, changed, revised = [], [], []
        for stored in self._known.values():
            if stored.id is None and stored.alert is not None:
                columns = alert_columns(stored.alert, stored.incident_id)
                new.append(columns | {"status": stored.status, "ends_at": stored.ends_at})
            elif stored.id is not None and stored.is_changed:
                changed.append(
                    {
                        "alert_id": stored.id,
                        "status": stored.status,
                        "ends_at": stored.ends_at,
                        "incident_id": stored.incident_id,
                    }
                )
                if stored.old_incident_id is not None and stored.old_incident_id != stored.incident_id:
                    self._recounted.add(stored.old_incident_id)
                if stored.alert is not None and stored.status is AlertStatus.FIRING:
                    revised.append({"alert_id": stored.id, **_said_anew(stored.alert)})
        if new:
            await self._session.execute(insert(ALERTS), new)
        if changed:
            await self._session.execute(update(ALERTS).where(ALERTS.c.id == bindparam("alert_id")), changed)
        if revised:
            await self._session.execute(update(ALERTS).where(ALERTS.c.id == bindparam("alert_id")), revised)

    async def _note_truncation(
        self, deliveries: Sequence[Delivery], outcomes: Sequence[Sequence[tuple[_Stored, bool]]]
    ) -> None:
        """Keep, per incident, how many alerts the monitor left out of its last delivery: people see the true count.

        Those left out may be some that we know and that were not delivered this time: they are not counted twice.
        """
        told = dict[int, tuple[int, set[_Stored]]]()
        for delivery, received in zip(deliveries, outcomes, strict=True):
            for incident_id in {stored.incident_id for stored, _ in received if stored.incident_id is not None}:
                alerts = {stored for stored, _ in received if stored.incident_id == incident_id}
                told[incident_id] = (delivery.truncated, alerts)
        for some in chunks(list(told)):
            before = await self._session.execute(
                select(INCIDENTS.c.id, INCIDENTS.c.truncated).where(INCIDENTS.c.id.in_(some))
            )
            for row in before.all():
                left_out, alerts = told[row.id]
                unknown = max(0, left_out - await self._firing_besides(row.id, alerts)) if left_out else 0
                if unknown != row.truncated:
                    await self._session.execute(
                        update(INCIDENTS).where(INCIDENTS.c.id == row.id).values(truncated=unknown)
                    )
                    self._recounted.add(row.id)

    async def _firing_besides(self, incident_id: int, alerts: Set[_Stored]) -> int:
        """How many alerts of the incident fire as far as we know, besides these."""
        firing = await self._work.incidents.firing(incident_id)
        return firing - sum(stored.status is AlertStatus.FIRING for stored in alerts)

    async def _quarantine(self, rejected: Sequence[RejectedAlert]) -> None:
        if not rejected:
            return
        for rejection in rejected:
            self._reasons.setdefault(rejection.source, []).append(rejection.reason)
        await self._session.execute(
            insert(QUARANTINED_ALERTS),
            [
                {"source": r.source, "reason": r.reason, "payload": r.payload, "received_at": r.received_at}
                for r in rejected
            ],
        )

    async def _record(self) -> None:
        """One audit entry per incident and source, not per alert: a storm must stay lean."""
        entries = [
            NewEntry(
                kind=AuditKind.INCIDENT_OPENED,
                actor=incident.first.facts.source,
                at=self._now,
                incident_id=incident.id,
                body={
                    "service": incident.first.facts.service,
                    "alert_name": incident.first.facts.name,
                    "severity": incident.first.facts.severity,
                    "group": incident.group_key,
                },
            )
            for incident in self._incidents.values()
            if incident.opened
        ]
        news: dict[tuple[int | None, str], _News] = {}
        for stored, alert in self._news:
            news.setdefault((stored.incident_id, alert.facts.source), _News()).note(alert)
        entries += [
            NewEntry(
                kind=AuditKind.ALERT_RECEIVED,
                actor=source,
                at=self._now,
                incident_id=incident_id,
                body={"firing": new.firing, "resolved": new.resolved, "fingerprints": new.fingerprints},
            )
            for (incident_id, source), new in news.items()
        ]
        entries += [
            NewEntry(
                kind=AuditKind.ALERT_QUARANTINED,
                actor=source,
                at=self._now,
                body={"count": len(reasons), "reasons": list(dict.fromkeys(reasons))[:SAMPLES]},
            )
            for source, reasons in self._reasons.items()
        ]
        if entries:
            await self._work.audit.append_all(entries)

    async def _queue_assessments(self) -> None:
        """One for each unresolved incident about which something is new: an alert fires, or ends, or is left out."""
        looks = self._recounted | {stored.incident_id for stored, _ in self._news if stored.incident_id is not None}
        present = list[int]()
        for some in chunks(sorted(looks)):
            rows = await self._session.execute(
                select(INCIDENTS.c.id, INCIDENTS.c.severity).where(
                    INCIDENTS.c.id.in_(some), INCIDENTS.c.state != IncidentState.RESOLVED
                )
            )
            severities = {row.id: row.severity for row in rows}
            present += sorted(severities)
            self._note_worse(severities)
        if present:
            self.assessments_deferred = await self._work.queue.consider_all(present, self._now, self._worse)

    def _note_worse(self, severities: Mapping[int, str]) -> None:
        for stored, alert in self._news:
            before = severities.get(stored.incident_id or 0)
            fires = alert.status is AlertStatus.FIRING
            if fires and before is not None and rank_of(alert.facts.severity) > rank_of(before):
                self._worse.add(int(stored.incident_id or 0))


def _said_anew(alert: Alert) -> dict[str, Any]:
    """What a monitor may say otherwise of an alert that it has sent before."""
    columns = alert_columns(alert, None)
    return {name: columns[name] for name in ("severity", "labels", "annotations", "received_at")}


def _is_over_before(alert: Alert, present: _Stored) -> bool:
    """Whether the episode that ``alert`` ends was over before the present one began."""
    return alert.ends_at is not None and alert.ends_at < present.starts_at


def _result(delivery: Delivery, received: Sequence[tuple[_Stored, bool]]) -> IntakeResult:
    accepted = sum(new for _, new in received)
    names = dict.fromkeys(f"INC-{stored.incident_id}" for stored, _ in received if stored.incident_id is not None)
    return IntakeResult(
        accepted=accepted,
        duplicates=len(received) - accepted,
        quarantined=len(delivery.rejected),
        incidents=tuple(names),
    )
