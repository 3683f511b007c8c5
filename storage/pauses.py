"""Pauses: who stopped automation where, why, and until when."""

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.policy.situation import Pause, Scope, ScopeKind
from storage.tables import PAUSES


class Pauses:
    """Implements ``bot.response.ports.Pauses``."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def active(self, now: datetime) -> tuple[Pause, ...]:
        """Oldest first."""
        rows = await self._session.execute(
            select(PAUSES)
            .where(
                PAUSES.c.ended_at.is_(None),
                PAUSES.c.since <= now,
                PAUSES.c.until.is_(None) | (PAUSES.c.until > now),
            )
            .order_by(PAUSES.c.since, PAUSES.c.id)
        )
        return tuple(_pause(row) for row in rows)

    async def add(self, scope: Scope, by: str, reason: str, now: datetime, until: datetime | None) -> Pause:
        row = (
            await self._session.execute(
                insert(PAUSES)
                .values(
                    id=secrets.token_urlsafe(16),
                    scope_kind=scope.kind,
                    scope_name=scope.name,
                    by=by,
                    reason=reason,
                    since=now,
                    until=until,
                )
                .returning(PAUSES)
            )
        ).one()
        return _pause(row)

    async def end(self, scope: Scope, by: str, now: datetime) -> tuple[Pause, ...]:
        """End the pauses of exactly this scope that are still active; those that were ended."""
        rows = await self._session.execute(
            update(PAUSES)
            .where(
                PAUSES.c.scope_kind == scope.kind,
                PAUSES.c.scope_name == scope.name,
                PAUSES.c.ended_at.is_(None),
                PAUSES.c.until.is_(None) | (PAUSES.c.until > now),
            )
            .values(ended_at=now, ended_by=by)
            .returning(PAUSES)
        )
        return tuple(sorted((_pause(row) for row in rows), key=lambda pause: (pause.since, pause.pause_id)))


def _pause(row: Row[Any]) -> Pause:
    return Pause(
        pause_id=row.id,
        scope=Scope(kind=ScopeKind(row.scope_kind), name=row.scope_name),
        by=row.by,
        reason=row.reason,
        since=row.since,
        until=row.until,
    )
