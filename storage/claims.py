"""Leases of dead processes: rows that a process had leased for delivery are released before the lease ends.

A lease expires by itself. People need not wait for that when its holder's liveness lock is free
(``bot.response.engine.liveness``). Must not know: which process is dead, what is delivered and how.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select, union, update

from storage.database import Database
from storage.outbox import OutboxState
from storage.second_notices import SecondNoticeState
from storage.tables import INCIDENT_CHANNELS, OUTBOX, SECOND_NOTICES

SETTLE = timedelta(seconds=3)
"""A dead process's last request may still be under way: the next holder checks whether it got through after that."""

_LEASED = (
    (OUTBOX, (OUTBOX.c.state == OutboxState.QUEUED) & OUTBOX.c.claimed_by.is_not(None)),
    (INCIDENT_CHANNELS, INCIDENT_CHANNELS.c.due_at.is_not(None) & INCIDENT_CHANNELS.c.claimed_by.is_not(None)),
    (SECOND_NOTICES, (SECOND_NOTICES.c.state == SecondNoticeState.QUEUED) & SECOND_NOTICES.c.claimed_by.is_not(None)),
)
"""Each kind of row that is leased, and which of them are."""


class Claims:
    """Implements ``bot.response.engine.dbos.Claims``."""

    def __init__(self, database: Database, now: Callable[[], datetime], settle: timedelta = SETTLE) -> None:
        self._database = database
        self._now = now
        self._settle = settle

    async def holders(self) -> frozenset[str]:
        """Every process that holds a lease, alive or dead."""
        names = union(*(select(table.c.claimed_by).where(leased) for table, leased in _LEASED))
        async with self._database.read() as work:
            return frozenset(await work.session.scalars(names))

    async def free(self, holder: str) -> int:
        """End every lease of this process; others may take the rows after ``settle``. How many rows."""
        freed = 0
        async with self._database.begin() as work:
            for table, leased in _LEASED:
                rows = await work.session.execute(
                    update(table)
                    .where(leased, table.c.claimed_by == holder)
                    .values(claimed_by=None, claimed_until=self._now() + self._settle)
                    .returning(table.c.claimed_by)
                )
                freed += len(rows.all())
        return freed
