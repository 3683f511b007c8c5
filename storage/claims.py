"""What processes have in hand: rows that one of them has claimed to deliver, so that nobody else touches them.

A claim runs out by itself. People need not wait for that when its holder is known to be dead: whoever proves the death
(``bot.response.engine.liveness``) sets the rows free. Must not know: who is dead, what is delivered and how.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select, union, update

from storage.database import Database
from storage.outbox import OutboxState
from storage.second_notices import SecondNoticeState
from storage.tables import INCIDENT_CHANNELS, OUTBOX, SECOND_NOTICES

SETTLE = timedelta(seconds=3)
"""What the dead had sent may still be under way: whoever looks whether it got through looks after that."""

_IN_HAND = (
    (OUTBOX, (OUTBOX.c.state == OutboxState.QUEUED) & OUTBOX.c.claimed_by.is_not(None)),
    (INCIDENT_CHANNELS, INCIDENT_CHANNELS.c.due_at.is_not(None) & INCIDENT_CHANNELS.c.claimed_by.is_not(None)),
    (SECOND_NOTICES, (SECOND_NOTICES.c.state == SecondNoticeState.QUEUED) & SECOND_NOTICES.c.claimed_by.is_not(None)),
)
"""Each kind of row that is claimed, and which of them are."""


class Claims:
    """Implements ``bot.response.engine.dbos.Claims``."""

    def __init__(self, database: Database, now: Callable[[], datetime], settle: timedelta = SETTLE) -> None:
        self._database = database
        self._now = now
        self._settle = settle

    async def holders(self) -> frozenset[str]:
        """Everybody who has anything in hand, alive or not."""
        names = union(*(select(table.c.claimed_by).where(in_hand) for table, in_hand in _IN_HAND))
        async with self._database.read() as work:
            return frozenset(await work.session.scalars(names))

    async def free(self, holder: str) -> int:
        """Take everything out of this process's hands, for others from ``settle`` on; how many rows."""
        freed = 0
        async with self._database.begin() as work:
            for table, in_hand in _IN_HAND:
                rows = await work.session.execute(
                    update(table)
                    .where(in_hand, table.c.claimed_by == holder)
                    .values(claimed_by=None, claimed_until=self._now() + self._settle)
                    .returning(table.c.claimed_by)
                )
                freed += len(rows.all())
        return freed
