"""Other hands at work: what others have reported to be changing."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.policy.rules.changes import JUST_NOW
from bot.policy.situation import Change
from storage.once import insert_once
from storage.tables import CHANGES


class Changes:
    """Implements ``bot.response.ports.effects.Changes``."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, change_id: str) -> Change | None:
        """The change that was reported under this id, for as long as it is known."""
        row = (await self._session.execute(select(CHANGES).where(CHANGES.c.id == change_id))).one_or_none()
        return None if row is None else _change(row)

    async def known(self, now: datetime) -> tuple[Change, ...]:
        """What is to come, what stands, and what was over a moment ago; in the order in which they begin."""
        rows = await self._session.execute(
            select(CHANGES).where(~_over(now - JUST_NOW)).order_by(CHANGES.c.begins, CHANGES.c.id)
        )
        return tuple(_change(row) for row in rows)

    async def add(self, change: Change) -> bool:
        """Store one that was reported; False when its id is known already, and nothing is changed."""
        return await insert_once(
            self._session,
            CHANGES,
            id=change.change_id,
            what=change.what,
            by=change.by,
            begins=change.begins,
            ends=change.ends,
            expires=change.expires,
            services=list(change.services),
            targets=list(change.targets),
        )

    async def end(self, change_id: str, now: datetime) -> bool:
        """It is over; False when it was over already, or nobody knows it."""
        ended = await self._session.execute(
            update(CHANGES)
            .where(CHANGES.c.id == change_id, CHANGES.c.ends.is_(None), CHANGES.c.expires > now)
            .values(ends=now)
            .returning(CHANGES.c.id)
        )
        return ended.first() is not None

    async def forget(self, now: datetime) -> int:
        """Remove what nothing asks about any more; how many. The record keeps what was reported."""
        gone = await self._session.execute(delete(CHANGES).where(_over(now - JUST_NOW)).returning(CHANGES.c.id))
        return len(gone.all())


def _over(by: datetime) -> ColumnElement[bool]:
    return or_(CHANGES.c.expires <= by, and_(CHANGES.c.ends.is_not(None), CHANGES.c.ends <= by))


def _change(row: Row[Any]) -> Change:
    return Change(
        change_id=row.id,
        what=row.what,
        by=row.by,
        begins=row.begins,
        ends=row.ends,
        expires=row.expires,
        services=tuple(row.services),
        targets=tuple(row.targets),
    )
