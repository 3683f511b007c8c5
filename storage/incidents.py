"""Incidents and the alerts that belong to them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, exists, func, insert, select, text, union, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.policy.situation import AlertFacts, Beginning, Refusal, RefusalKind
from bot.response.model.actions import ActionState
from bot.response.model.incidents import (
    INCIDENT_LIFECYCLE,
    Alert,
    AlertStatus,
    Incident,
    IncidentEvent,
    IncidentState,
)
from bot.response.model.records import PERSON
from storage.tables import ACTIONS, ALERTS, BUNDLES, INCIDENT_CHANNELS, INCIDENTS


class Incidents:
    """Implements ``bot.response.ports.rows.Incidents``."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, incident_id: int) -> Incident | None:
        """The incident of this number; None when there is none."""
        return await self._one(INCIDENTS.c.id == incident_id)

    async def by_handle(self, handle: str) -> Incident | None:
        """The incident whose buttons carry this handle; None for a handle that we did not give out."""
        return await self._one(INCIDENTS.c.handle == handle)

    async def of_ids(self, incidents: Collection[int]) -> Sequence[Incident]:
        """Those of these numbers, in no order."""
        rows = await self._session.execute(select(INCIDENTS).where(INCIDENTS.c.id.in_(incidents)))
        return [_incident(row) for row in rows]

    async def by_thread(self, channel: str, thread_ts: str) -> Incident | None:
        """The incident that owns this Slack thread, or this channel, or that its pointer (``thread_ts``) is about.

        None for a thread that many incidents share.
        """
        owned = select(INCIDENT_CHANNELS.c.incident_id).where(
            (INCIDENT_CHANNELS.c.channel == channel)
            | ((INCIDENT_CHANNELS.c.announced_channel == channel) & (INCIDENT_CHANNELS.c.announced_ts == thread_ts))
        )
        shared = exists().where(BUNDLES.c.channel == channel, BUNDLES.c.thread_ts == thread_ts)
        thread = (INCIDENTS.c.channel == channel) & (INCIDENTS.c.thread_ts == thread_ts) & ~shared
        return await self._one(thread | INCIDENTS.c.id.in_(owned))

    async def unresolved(self, limit: int = 50) -> Sequence[Incident]:
        """Newest first."""
        rows = await self._session.execute(
            select(INCIDENTS)
            .where(INCIDENTS.c.state != IncidentState.RESOLVED)
            .order_by(INCIDENTS.c.id.desc())
            .limit(limit)
        )
        return [_incident(row) for row in rows]

    async def latest(self, limit: int = 50) -> Sequence[Incident]:
        """Whatever their state, newest first."""
        rows = await self._session.execute(select(INCIDENTS).order_by(INCIDENTS.c.id.desc()).limit(limit))
        return [_incident(row) for row in rows]

    async def alerts(self, incident_id: int, limit: int = 1000) -> Sequence[Alert]:
        """Newest first, the firing before the resolved."""
        rows = await self._session.execute(
            select(ALERTS)
            .where(ALERTS.c.incident_id == incident_id)
            .order_by((ALERTS.c.status == AlertStatus.RESOLVED), ALERTS.c.starts_at.desc(), ALERTS.c.id.desc())
            .limit(limit)
        )
        return [_alert(row) for row in rows]

    async def hit_since(self, since: datetime) -> Sequence[tuple[int, str]]:
        """Where an alert fires that was received after ``since``: unresolved incidents by number, and its service."""
        unresolved = select(INCIDENTS.c.id).where(INCIDENTS.c.state != IncidentState.RESOLVED)
        found = await self._session.execute(
            select(ALERTS.c.incident_id, ALERTS.c.service)
            .where(
                ALERTS.c.incident_id.in_(unresolved),
                ALERTS.c.status == AlertStatus.FIRING,
                ALERTS.c.received_at > since,
            )
            .distinct()
            .order_by(ALERTS.c.incident_id, ALERTS.c.service)
        )
        return [(row.incident_id, row.service) for row in found]

    async def beginnings(self, alerts: Collection[AlertFacts], since: datetime) -> tuple[Beginning, ...]:
        """Each time since then that one of these alerts began, whatever incident it was in; oldest first."""
        keys = {(alert.source, alert.fingerprint): alert.key for alert in alerts}
        rows = await self._session.execute(
            select(ALERTS.c.source, ALERTS.c.fingerprint, ALERTS.c.starts_at)
            .where(
                ALERTS.c.source.in_({source for source, _ in keys}),
                ALERTS.c.fingerprint.in_({fingerprint for _, fingerprint in keys}),
                ALERTS.c.starts_at >= since,
            )
            .order_by(ALERTS.c.starts_at, ALERTS.c.id)
        )
        found = ((keys.get((row.source, row.fingerprint)), row.starts_at) for row in rows)
        return tuple(Beginning(alert=key, at=at) for key, at in found if key is not None)

    async def open_requested(self, alert: Alert, handle: str, now: datetime) -> int:
        """Open an incident of its own for what a person asks; its number."""
        facts = alert.facts
        incident_id = await self._session.scalar(
            insert(INCIDENTS)
            .values(
                handle=handle,
                group_key=f"request {handle}",
                service=facts.service,
                alert_name=facts.name,
                severity=facts.severity,
                state=IncidentState.OPEN,
                opened_at=now,
            )
            .returning(INCIDENTS.c.id)
        )
        if incident_id is None:
            raise LookupError(f"the database gave no number to the incident of {facts.name!r}")
        await self._session.execute(insert(ALERTS).values(**alert_columns(alert, int(incident_id))))
        return int(incident_id)

    async def requested(self, limit: int = 100) -> Sequence[Incident]:
        """Unresolved incidents that a person's request opened, and that nobody has ended yet; oldest first."""
        asked = select(ALERTS.c.incident_id).where(ALERTS.c.source == PERSON, ALERTS.c.status == AlertStatus.FIRING)
        rows = await self._session.execute(
            select(INCIDENTS)
            .where(INCIDENTS.c.state != IncidentState.RESOLVED, INCIDENTS.c.id.in_(asked))
            .order_by(INCIDENTS.c.id)
            .limit(limit)
        )
        return [_incident(row) for row in rows]

    async def end_requested(self, incident_id: int, now: datetime) -> bool:
        """What the person asked for is settled; True when this call ended it."""
        ended = await self._session.execute(
            update(ALERTS)
            .where(
                ALERTS.c.incident_id == incident_id,
                ALERTS.c.source == PERSON,
                ALERTS.c.status == AlertStatus.FIRING,
            )
            .values(status=AlertStatus.RESOLVED, ends_at=now)
            .returning(ALERTS.c.id)
        )
        return bool(ended.all())

    async def firing(self, incident_id: int) -> int:
        """How many of its alerts are firing."""
        count = await self._session.scalar(
            select(func.count())
            .select_from(ALERTS)
            .where(ALERTS.c.incident_id == incident_id, ALERTS.c.status == AlertStatus.FIRING)
        )
        return count or 0

    async def still_firing(
        self, states: Collection[ActionState], since: datetime, limit: int = 100
    ) -> Sequence[Incident]:
        """Open incidents whose question ended in one of the states by ``since`` while a monitor's alert goes on firing.

        Not those of which people were told after ``since``; longest over first.
        """
        fires = exists().where(
            ALERTS.c.incident_id == INCIDENTS.c.id, ALERTS.c.status == AlertStatus.FIRING, ALERTS.c.source != PERSON
        )
        rows = await self._session.execute(
            select(INCIDENTS)
            .join(ACTIONS, (ACTIONS.c.incident_id == INCIDENTS.c.id) & (ACTIONS.c.revision == INCIDENTS.c.revision))
            .where(
                text("incidents.state != 'resolved'"),  # spelled as the index of unresolved incidents has it
                INCIDENTS.c.state == IncidentState.OPEN,
                ACTIONS.c.state.in_(states),
                ACTIONS.c.finished_at <= since,
                INCIDENTS.c.told_firing_at.is_(None) | (INCIDENTS.c.told_firing_at <= since),
                fires,
            )
            .order_by(ACTIONS.c.finished_at, INCIDENTS.c.id)
            .limit(limit)
        )
        return [_incident(row) for row in rows]

    async def tell_firing(self, incident: Incident, now: datetime) -> bool:
        """People are about to be told that it goes on firing; False when somebody else has just told them."""
        told = await self._session.execute(
            update(INCIDENTS)
            .where(
                INCIDENTS.c.id == incident.id,
                INCIDENTS.c.state == IncidentState.OPEN,
                INCIDENTS.c.revision == incident.revision,
                INCIDENTS.c.told_firing_at.is_not_distinct_from(incident.told_firing_at),
            )
            .values(told_firing_at=now)
            .returning(INCIDENTS.c.id)
        )
        return told.first() is not None

    async def wanted(self, limit: int = 1000) -> Sequence[int]:
        """Numbers of the unresolved incidents whose assessment is said to be queued."""
        rows = await self._session.scalars(
            select(INCIDENTS.c.id)
            .where(
                text("incidents.state != 'resolved'"),
                INCIDENTS.c.consideration_wanted,
            )
            .order_by(INCIDENTS.c.id)
            .limit(limit)
        )
        return [int(incident_id) for incident_id in rows]

    async def move(self, incident_id: int, event: IncidentEvent, *, now: datetime, by: str | None = None) -> bool:
        """Apply ``event`` where the lifecycle allows it; True when this call did."""
        changes: dict[str, Any] = {"state": INCIDENT_LIFECYCLE.target(event)}
        if event is IncidentEvent.TAKE:
            changes |= {"taken_by": by, "taken_at": now}
        if INCIDENT_LIFECYCLE.target(event) is IncidentState.RESOLVED:
            changes["resolved_at"] = now
        moved = await self._session.execute(
            update(INCIDENTS)
            .where(INCIDENTS.c.id == incident_id, INCIDENTS.c.state.in_(INCIDENT_LIFECYCLE.sources(event)))
            .values(**changes)
            .returning(INCIDENTS.c.id)
        )
        return moved.first() is not None

    async def begin_consideration(self, incident_id: int, now: datetime) -> None:
        """Clear the "wants consideration" mark: what arrives from here on asks for another assessment."""
        await self._session.execute(
            update(INCIDENTS)
            .where(INCIDENTS.c.id == incident_id)
            .values(consideration_wanted=False, consideration_deferred=False, wanted_at=None, assessed_at=now)
        )

    async def services(self) -> frozenset[str]:
        """Every service that an alert or an incident ever named."""
        named = union(select(INCIDENTS.c.service), select(ALERTS.c.service))
        return frozenset(await self._session.scalars(named)) - {""}

    async def refuse(self, incident_id: int, refusal: Refusal) -> None:
        """Remember a person's no, whatever becomes of the incident's actions."""
        await self._session.execute(
            update(INCIDENTS)
            .where(INCIDENTS.c.id == incident_id)
            .values(refused_how=refusal.kind, refused_by=refusal.by, refused_at=refusal.at)
        )

    async def raise_severity(self, incident_id: int, severity: str) -> None:
        """An alert that joined is worse than all before it: the incident is as bad from here on."""
        await self._session.execute(update(INCIDENTS).where(INCIDENTS.c.id == incident_id).values(severity=severity))

    async def next_revision(self, incident_id: int) -> int:
        """Raise the revision by one and return it: cards with the old one are stale from this commit on.

        Raises:
            LookupError: there is no such incident.
        """
        revision = await self._session.scalar(
            update(INCIDENTS)
            .where(INCIDENTS.c.id == incident_id)
            .values(revision=INCIDENTS.c.revision + 1)
            .returning(INCIDENTS.c.revision)
        )
        if revision is None:
            raise LookupError(f"there is no incident INC-{incident_id}")
        return int(revision)

    async def _one(self, condition: Any) -> Incident | None:
        row = (await self._session.execute(select(INCIDENTS).where(condition))).one_or_none()
        return None if row is None else _incident(row)


def alert_columns(alert: Alert, incident_id: int | None) -> dict[str, Any]:
    """An alert as its row."""
    facts = alert.facts
    return {
        "incident_id": incident_id,
        "source": facts.source,
        "fingerprint": facts.fingerprint,
        "starts_at": facts.starts_at,
        "ends_at": alert.ends_at,
        "status": alert.status,
        "name": facts.name,
        "severity": facts.severity,
        "service": facts.service,
        "labels": facts.labels,
        "annotations": facts.annotations,
        "generator_url": alert.generator_url,
        "received_at": alert.received_at,
    }


def _incident(row: Row[Any]) -> Incident:
    return Incident(
        id=row.id,
        handle=row.handle,
        group_key=row.group_key,
        service=row.service,
        alert_name=row.alert_name,
        severity=row.severity,
        state=IncidentState(row.state),
        revision=row.revision,
        opened_at=row.opened_at,
        resolved_at=row.resolved_at,
        taken_by=row.taken_by,
        channel=row.channel,
        thread_ts=row.thread_ts,
        taken_at=row.taken_at,
        refusal=_refusal(row),
        told_firing_at=row.told_firing_at,
        truncated=row.truncated,
    )


def _refusal(row: Row[Any]) -> Refusal | None:
    if row.refused_at is None:
        return None
    return Refusal(kind=RefusalKind(row.refused_how), by=row.refused_by or "", at=row.refused_at)


def _alert(row: Row[Any]) -> Alert:
    return Alert(
        facts=AlertFacts(
            source=row.source,
            fingerprint=row.fingerprint,
            name=row.name,
            severity=row.severity,
            service=row.service,
            labels=row.labels,
            annotations=row.annotations,
            starts_at=row.starts_at,
        ),
        status=AlertStatus(row.status),
        ends_at=row.ends_at,
        generator_url=row.generator_url,
        received_at=row.received_at,
    )
