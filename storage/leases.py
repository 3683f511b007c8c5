"""Leases: of many processes one works on a row, for a bounded time, and whoever finds it free is the next.

A process claims a row, and holds its lease until ``claimed_until``. It releases the row when it is done, or with a
later ``due_at`` to back off. A lease that nobody releases runs out; one whose holder is known to be dead ends sooner
(``storage.held_leases``). ``claimed_by`` is the fence: no two processes ever share a name, so what only the holder may
do changes nothing once somebody else has claimed the row.

Every change is one conditional UPDATE, the same on SQLite and PostgreSQL: whoever comes second finds no row.
Must not know: what a row is about, or how long a lease should last.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Table, and_, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession


class Leases:
    """The leases of one table.

    The table has ``claimed_until``. Where it also has them, ``claimed_by`` names the holder, ``attempts`` counts how
    often a row was claimed, and ``due_at`` is the back-off: a row is not free before.
    """

    def __init__(self, table: Table, unfinished: ColumnElement[bool] | None = None) -> None:
        """``unfinished``: the rows that there is anything left to do about; None means all of them."""
        self._table = table
        (self._key,) = table.primary_key.columns
        self._unfinished = true() if unfinished is None else unfinished

    def free(self, now: datetime) -> ColumnElement[bool]:
        """Rows that can be claimed now: unfinished, due, and under nobody's lease."""
        columns = self._table.c
        due = columns.due_at <= now if "due_at" in columns else true()
        return and_(self._unfinished, due, or_(columns.claimed_until.is_(None), columns.claimed_until <= now))

    def holders(self) -> Select[tuple[str]]:
        """The names of all who hold a lease, alive or not."""
        return select(self._table.c.claimed_by).where(self._unfinished, self._table.c.claimed_by.is_not(None))

    async def claim(
        self,
        session: AsyncSession,
        key: int | str,
        *conditions: ColumnElement[bool],
        now: datetime,
        until: datetime,
        by: str | None = None,
    ) -> Row[Any] | None:
        """Take the lease of a free row.

        Args:
            session: the transaction.
            key: the row's primary key.
            conditions: what else must be true of the row.
            now: the row is free at this moment.
            until: when the lease runs out.
            by: the holder; None where the table keeps no names.

        Returns:
            The claimed row; None when somebody else was first.
        """
        values: dict[str, Any] = {"claimed_until": until}
        if by is not None:
            values |= {"claimed_by": by, "attempts": self._table.c.attempts + 1}
        return await self._update(session, key, self.free(now), *conditions, **values)

    async def release(
        self,
        session: AsyncSession,
        key: int | str,
        *conditions: ColumnElement[bool],
        by: str | None = None,
        **changes: Any,
    ) -> Row[Any] | None:
        """End the lease of a row, and change the row with it.

        Args:
            session: the transaction.
            key: the row's primary key.
            conditions: what must be true of the row.
            by: who must hold the lease, be it run out as long as nobody else has claimed the row; None: whoever does.
            changes: columns and their new values.

        Returns:
            The changed row; None, and nothing is changed, when the lease was lost or a condition does not hold.
        """
        if by is not None:
            conditions = (self._held(by), *conditions)
        ended: dict[str, Any] = {name: None for name in ("claimed_by", "claimed_until") if name in self._table.c}
        return await self._update(session, key, *conditions, **ended | changes)

    async def release_all(self, session: AsyncSession, by: str, *, free_from: datetime) -> int:
        """End every lease that this process holds; others may claim the rows from ``free_from`` on. How many rows."""
        rows = await session.execute(
            update(self._table)
            .where(self._held(by))
            .values(claimed_by=None, claimed_until=free_from)
            .returning(self._key)
        )
        return len(rows.all())

    def _held(self, by: str) -> ColumnElement[bool]:
        return and_(self._unfinished, self._table.c.claimed_by == by)

    async def _update(
        self, session: AsyncSession, key: int | str, *conditions: ColumnElement[bool], **values: Any
    ) -> Row[Any] | None:
        rows = await session.execute(
            update(self._table).where(self._key == key, *conditions).values(**values).returning(self._table)
        )
        row: Row[Any] | None = rows.one_or_none()
        return row
