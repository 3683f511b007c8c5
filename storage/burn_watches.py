"""Acts whose error budgets are watched: what was measured before and since, and when monitoring is asked next."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.policy.burning import Burn, Reading, Watched
from bot.response.model.records import BurnWatch
from storage.once import insert_once
from storage.tables import BURN_WATCHES


class BurnWatches:
    """Implements ``bot.response.ports.effects.BurnWatches``."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def begin(self, watch: BurnWatch) -> None:
        """Watch the act; asking again changes nothing."""
        await insert_once(
            self._session,
            BURN_WATCHES,
            action_id=watch.action_id,
            began_at=watch.began_at,
            until=watch.until,
            due_at=watch.due_at,
            looks=0,
            watched=[asdict(one) for one in watch.watched],
            readings=[],
        )

    async def due(self, now: datetime, limit: int = 20) -> Sequence[BurnWatch]:
        """Those to ask about now, longest overdue first."""
        rows = await self._session.execute(
            select(BURN_WATCHES)
            .where(BURN_WATCHES.c.ended_at.is_(None), BURN_WATCHES.c.due_at <= now)
            .order_by(BURN_WATCHES.c.due_at, BURN_WATCHES.c.action_id)
            .limit(limit)
        )
        return [_watch(row) for row in rows]

    async def note(self, seen: BurnWatch, rates: Mapping[str, Reading], due_at: datetime) -> BurnWatch | None:
        """Keep what was measured; None when somebody else has asked since."""
        measured = {query: {"at": one.at.isoformat(), "rate": one.rate} for query, one in rates.items()}
        readings = await self._session.scalar(
            select(BURN_WATCHES.c.readings).where(BURN_WATCHES.c.action_id == seen.action_id)
        )
        return await self._changed(seen, looks=seen.looks + 1, due_at=due_at, readings=[*(readings or ()), measured])

    async def end(self, seen: BurnWatch, burn: Burn | None, now: datetime) -> bool:
        """What came of it; False when somebody else has ended it, or asked, since."""
        return await self._changed(seen, ended_at=now, burn=burn) is not None

    async def _changed(self, seen: BurnWatch, **values: object) -> BurnWatch | None:
        changed = await self._session.execute(
            update(BURN_WATCHES)
            .where(
                BURN_WATCHES.c.action_id == seen.action_id,
                BURN_WATCHES.c.looks == seen.looks,
                BURN_WATCHES.c.ended_at.is_(None),
            )
            .values(**values)
            .returning(BURN_WATCHES)
        )
        row = changed.one_or_none()
        return None if row is None else _watch(row)


def _watch(row: Row[Any]) -> BurnWatch:
    readings: dict[str, tuple[Reading, ...]] = {}
    for measured in row.readings:
        for query, one in measured.items():
            reading = Reading(datetime.fromisoformat(one["at"]), one["rate"])
            readings[query] = (*readings.get(query, ()), reading)
    return BurnWatch(
        action_id=row.action_id,
        began_at=row.began_at,
        until=row.until,
        due_at=row.due_at,
        watched=tuple(Watched(one["query"], tuple(one["services"]), one["before"]) for one in row.watched),
        looks=row.looks,
        readings=readings,
    )
