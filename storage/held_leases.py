"""Every lease in the database: who holds any, and how those of dead processes are freed.

A lease runs out by itself. People need not wait for that when its holder is known to be dead: whoever proves the death
(``bot.response.engine.liveness``) frees the rows. Must not know: who is dead, what is delivered and how.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import union

from storage.candidacies import CANDIDACY_LEASES
from storage.database import Database
from storage.incident_channels import STEP_LEASES
from storage.outbox import OUTBOX_LEASES
from storage.second_notices import SECOND_NOTICE_LEASES

SETTLE = timedelta(seconds=3)
"""What a dead process had sent may still be under way: whoever checks whether it got through checks after that."""

_LEASES = (OUTBOX_LEASES, STEP_LEASES, SECOND_NOTICE_LEASES, CANDIDACY_LEASES)
"""Those that name their holder."""


class HeldLeases:
    """Implements ``bot.response.engine.needs.HeldLeases``."""

    def __init__(self, database: Database, now: Callable[[], datetime], settle: timedelta = SETTLE) -> None:
        self._database = database
        self._now = now
        self._settle = settle

    async def holders(self) -> frozenset[str]:
        """Everybody who holds a lease, alive or not."""
        async with self._database.read() as work:
            return frozenset(await work.session.scalars(union(*(leases.holders() for leases in _LEASES))))

    async def free(self, holder: str) -> int:
        """End every lease of this process; others may claim the rows from ``settle`` on. How many rows."""
        free_from = self._now() + self._settle
        async with self._database.begin() as work:
            return sum([await leases.release_all(work.session, holder, free_from=free_from) for leases in _LEASES])
