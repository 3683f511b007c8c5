"""Calls: which incidents wait for somebody to take them, who was called, and when the next are."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.response.model.calls import Call
from bot.response.model.incidents import Incident, IncidentState
from storage.asked_groups import asked_document, asked_groups
from storage.once import put
from storage.tables import CALLS, INCIDENTS

_STANDS = and_(
    CALLS.c.ended.is_(False),
    CALLS.c.incident_id == INCIDENTS.c.id,
    CALLS.c.revision == INCIDENTS.c.revision,
    INCIDENTS.c.state == IncidentState.OPEN,
)


class Calls:
    """Implements ``bot.response.ports.calls.Calls``."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def open(self, call: Call) -> None:
        """People are called from this commit on; a call of the same incident that was there is replaced."""
        await put(
            self._session,
            CALLS,
            incident_id=call.incident_id,
            revision=call.revision,
            runbook=call.runbook,
            asked=asked_document(call.asked),
            began_at=call.began_at,
            remind_at=call.remind_at,
            due_at=call.due_at,
            ended=False,
        )

    async def of(self, incident: Incident) -> Call | None:
        """The call that stands about the incident's present question."""
        return await self._one(select(CALLS).join(INCIDENTS, _STANDS).where(CALLS.c.incident_id == incident.id))

    async def last(self, incident_id: int) -> Call | None:
        """The incident's call that nobody has ended, be it about an earlier question."""
        return await self._one(select(CALLS).where(CALLS.c.incident_id == incident_id, CALLS.c.ended.is_(False)))

    async def standing(self, limit: int = 1000) -> Sequence[Call]:
        """Those that stand, oldest first."""
        rows = await self._session.execute(
            select(CALLS).join(INCIDENTS, _STANDS).order_by(CALLS.c.began_at, CALLS.c.incident_id).limit(limit)
        )
        return [_call(row) for row in rows]

    async def due(self, now: datetime, limit: int = 100) -> Sequence[Call]:
        """Those not ended of which somebody is to be reminded or called by ``now``, longest overdue first."""
        rows = await self._session.execute(
            select(CALLS)
            .where(CALLS.c.ended.is_(False), (CALLS.c.remind_at <= now) | (CALLS.c.due_at <= now))
            .order_by(CALLS.c.began_at, CALLS.c.incident_id)
            .limit(limit)
        )
        return [_call(row) for row in rows]

    async def amend(self, call: Call, **changes: Any) -> Call | None:
        """Change it where it is still as it was read; None when somebody else was faster."""
        if "asked" in changes:
            changes["asked"] = asked_document(changes["asked"])
        amended = await self._session.execute(
            update(CALLS)
            .where(
                CALLS.c.incident_id == call.incident_id,
                CALLS.c.revision == call.revision,
                CALLS.c.ended.is_(False),
                CALLS.c.remind_at.is_not_distinct_from(call.remind_at),
                CALLS.c.due_at.is_not_distinct_from(call.due_at),
            )
            .values(**changes)
            .returning(CALLS)
        )
        row = amended.one_or_none()
        return None if row is None else _call(row)

    async def end(self, incident_id: int) -> None:
        """Nobody is called about this incident any more."""
        still = update(CALLS).where(CALLS.c.incident_id == incident_id, CALLS.c.ended.is_(False))
        await self._session.execute(still.values(ended=True))

    async def _one(self, statement: Any) -> Call | None:
        row = (await self._session.execute(statement)).one_or_none()
        return None if row is None else _call(row)


def _call(row: Row[Any]) -> Call:
    return Call(
        incident_id=row.incident_id,
        revision=row.revision,
        runbook=row.runbook,
        asked=asked_groups(row.asked),
        began_at=row.began_at,
        remind_at=row.remind_at,
        due_at=row.due_at,
    )
