"""Which incident has its cause at another, where people are asked about both."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.response.model.incidents import Incident, IncidentState
from storage.incidents import Incidents
from storage.tables import CAUSES, INCIDENTS


class Causes:
    """Implements ``bot.response.ports.effects.Causes``."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._incidents = Incidents(session)

    async def of(self, incident_id: int) -> Incident | None:
        """The unresolved incident at the end of the way: the cause may have one itself. None: it is asked here."""
        found, seen = None, {incident_id}
        while (incident := await self._next(incident_id)) is not None:
            if incident.id in seen:
                return None
            seen.add(incident.id)
            found, incident_id = incident, incident.id
        return found

    async def elsewhere(self) -> frozenset[int]:
        """The incidents that are not asked about themselves, as their cause is unresolved."""
        rows = await self._session.scalars(
            select(CAUSES.c.incident_id)
            .join(INCIDENTS, INCIDENTS.c.id == CAUSES.c.cause_id)
            .where(INCIDENTS.c.state != IncidentState.RESOLVED)
        )
        return frozenset(rows)

    async def behind(self, incident_id: int) -> Sequence[Incident]:
        """The unresolved incidents that have their cause here, oldest first."""
        pointing = select(CAUSES.c.incident_id).where(CAUSES.c.cause_id == incident_id)
        rows = await self._session.scalars(
            select(INCIDENTS.c.id)
            .where(INCIDENTS.c.id.in_(pointing), INCIDENTS.c.state != IncidentState.RESOLVED)
            .order_by(INCIDENTS.c.id)
        )
        found = await self._incidents.of_ids(list(rows))
        return sorted(found, key=lambda incident: incident.id)

    async def point(self, incident_id: int, cause_id: int | None) -> None:
        """From now on its cause is there; None: here."""
        same = CAUSES.c.incident_id == incident_id
        kept = await self._session.scalar(select(CAUSES.c.cause_id).where(same))
        if kept == cause_id:
            return
        await self._session.execute(delete(CAUSES).where(same))
        if cause_id is not None:
            await self._session.execute(insert(CAUSES).values(incident_id=incident_id, cause_id=cause_id))

    async def call_once(self, cause_id: int, now: datetime) -> bool:
        """Whether people are called there now for those behind it; False when they were, or nothing is behind it."""
        called = exists().where(CAUSES.c.cause_id == cause_id, CAUSES.c.called_at.is_not(None))
        if await self._session.scalar(select(called)):
            return False
        marked = await self._session.execute(
            update(CAUSES).where(CAUSES.c.cause_id == cause_id).values(called_at=now).returning(CAUSES.c.incident_id)
        )
        return bool(marked.all())

    async def _next(self, incident_id: int) -> Incident | None:
        cause_id = await self._session.scalar(select(CAUSES.c.cause_id).where(CAUSES.c.incident_id == incident_id))
        incident = None if cause_id is None else await self._incidents.get(cause_id)
        return None if incident is None or incident.state is IncidentState.RESOLVED else incident
