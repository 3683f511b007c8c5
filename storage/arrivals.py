"""Arrivals: the raw envelopes of clicks, commands and events, saved before they are acknowledged.

What was acknowledged is handled, also when the process dies in between: whoever starts next finds it unfinished.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.once import insert_once
from storage.tables import ARRIVALS


@dataclass(frozen=True, slots=True)
class Arrival:
    """One row of ``arrivals``."""

    dedupe_key: str
    kind: str
    envelope: Mapping[str, Any]
    received_at: datetime
    attempts: int
    """How often somebody has begun to handle it, this time included."""


class Arrivals:
    """The inbox."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def save(self, kind: str, dedupe_key: str, envelope: Mapping[str, Any], now: datetime) -> bool:
        """Save an envelope that the caller will handle; False when one with this key was saved before."""
        return await insert_once(
            self._session,
            ARRIVALS,
            dedupe_key=dedupe_key,
            kind=kind,
            envelope=dict(envelope),
            received_at=now,
            tried_at=now,
            attempts=1,
        )

    async def done(self, dedupe_key: str, now: datetime) -> bool:
        """It has been handled; False when it was done already."""
        done = await self._session.execute(
            update(ARRIVALS)
            .where(ARRIVALS.c.dedupe_key == dedupe_key, ARRIVALS.c.done_at.is_(None))
            .values(done_at=now)
            .returning(ARRIVALS.c.dedupe_key)
        )
        return done.first() is not None

    async def put_off(self, dedupe_key: str, until: datetime) -> None:
        """It cannot be finished now: nobody is to try again before ``until``, and what was tried does not count."""
        await self._session.execute(
            update(ARRIVALS)
            .where(ARRIVALS.c.dedupe_key == dedupe_key, ARRIVALS.c.done_at.is_(None))
            .values(tried_at=until, attempts=0)
        )

    async def unfinished(self, older_than: datetime, now: datetime, limit: int = 100) -> Sequence[Arrival]:
        """Hand the caller what nobody has tried since ``older_than``, oldest first.

        Being handed out counts as a try at ``now`` (the lease begins), so two processes never get the same envelope.
        """
        stale = (
            select(ARRIVALS.c.dedupe_key)
            .where(ARRIVALS.c.done_at.is_(None), ARRIVALS.c.tried_at < older_than)
            .order_by(ARRIVALS.c.tried_at)
            .limit(limit)
        )
        rows = await self._session.execute(
            update(ARRIVALS)
            .where(ARRIVALS.c.dedupe_key.in_(stale), ARRIVALS.c.done_at.is_(None), ARRIVALS.c.tried_at < older_than)
            .values(tried_at=now, attempts=ARRIVALS.c.attempts + 1)
            .returning(ARRIVALS)
        )
        arrivals = [
            Arrival(
                dedupe_key=row.dedupe_key,
                kind=row.kind,
                envelope=row.envelope,
                received_at=row.received_at,
                attempts=row.attempts,
            )
            for row in rows
        ]
        return sorted(arrivals, key=lambda arrival: (arrival.received_at, arrival.dedupe_key))
