"""Pauses: who stopped automation where, why, and until when. A pause file counts like a row."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.policy.situation import Pause, Scope, ScopeKind
from storage.pause_file import PauseFile
from storage.tables import PAUSES


class Pauses:
    """Implements ``bot.response.ports.rows.Pauses``."""

    def __init__(self, session: AsyncSession, file: PauseFile | None = None) -> None:
        self._session = session
        self._file = file
        self._seen: list[Pause] | None = None
        """The file's pause as this transaction sees it: at most one, None before the first read."""

    async def active(self, now: datetime) -> tuple[Pause, ...]:
        """What is paused now: by the file of this machine first, then oldest first.

        The row of our own file only tells others about it; for us the file itself counts.
        """
        rows = await self._active(now)
        if self._file is None:
            return rows
        present, own = await self._by_file(self._file), self._own(rows)
        others = tuple(pause for pause in rows if pause not in own)
        return (*(own if _same(own, present) else present), *others)

    async def follow_file(self, now: datetime) -> tuple[bool, Pause] | None:
        """Bring the row of our own file up to date, for other machines and for good; what changed, None for nothing.

        True with a pause: the file is there and says something new. False: it is gone.
        """
        if self._file is None:
            return None
        rows, present = self._own(await self._active(now)), await self._by_file(self._file)
        if _same(rows, present):
            return None
        for pause in rows:
            await self._session.execute(
                update(PAUSES).where(PAUSES.c.id == pause.pause_id).values(ended_at=now, ended_by=self._file.by)
            )
        if present:
            (pause,) = present
            return True, await self.add(pause.scope, pause.by, pause.reason, pause.since, None)
        return False, rows[0]

    async def add(self, scope: Scope, by: str, reason: str, now: datetime, until: datetime | None) -> Pause:
        """Pause the scope from this commit on, on every replica; without ``until`` it lasts until somebody resumes."""
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
        """End the pauses of exactly this scope, but for that of our file, which only ends with it; what was ended."""
        rows = await self._session.execute(
            update(PAUSES)
            .where(
                PAUSES.c.scope_kind == scope.kind,
                PAUSES.c.scope_name == scope.name,
                PAUSES.c.by != (self._file.by if self._file else ""),
                PAUSES.c.ended_at.is_(None),
                PAUSES.c.until.is_(None) | (PAUSES.c.until > now),
            )
            .values(ended_at=now, ended_by=by)
            .returning(PAUSES)
        )
        return tuple(sorted((_pause(row) for row in rows), key=lambda pause: (pause.since, pause.pause_id)))

    def _own(self, rows: Sequence[Pause]) -> list[Pause]:
        return [pause for pause in rows if self._file is not None and pause.by == self._file.by]

    async def _by_file(self, file: PauseFile) -> list[Pause]:
        if self._seen is None:
            present = await file.present()
            self._seen = [] if present is None else [present]
        return self._seen

    async def _active(self, now: datetime) -> tuple[Pause, ...]:
        rows = await self._session.execute(
            select(PAUSES)
            .where(
                PAUSES.c.ended_at.is_(None),
                PAUSES.c.until.is_(None) | (PAUSES.c.until > now),
            )
            .order_by(PAUSES.c.since, PAUSES.c.id)
        )
        return tuple(_pause(row) for row in rows)


def _same(noted: Sequence[Pause], present: Sequence[Pause]) -> bool:
    """Whether the rows say what the file says: one that was written anew is another pause."""
    return [(pause.reason, pause.since) for pause in noted] == [(pause.reason, pause.since) for pause in present]


def _pause(row: Row[Any]) -> Pause:
    return Pause(
        pause_id=row.id,
        scope=Scope(kind=ScopeKind(row.scope_kind), name=row.scope_name),
        by=row.by,
        reason=row.reason,
        since=row.since,
        until=row.until,
    )
