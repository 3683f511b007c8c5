"""Effects that end by themselves: when it is checked whether they have."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.response.model.records import WearOff
from storage.once import insert_once
from storage.tables import WEAR_OFFS


class WearOffs:
    """Implements ``bot.response.ports.effects.WearOffs``."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def expect(self, action_id: str, due_at: datetime) -> None:
        """The effect is to have ended by then; asking again changes nothing."""
        await insert_once(self._session, WEAR_OFFS, action_id=action_id, due_at=due_at, checks=0)

    async def due(self, now: datetime, limit: int = 20) -> Sequence[WearOff]:
        """Those to check now, longest overdue first."""
        rows = await self._session.execute(
            select(WEAR_OFFS)
            .where(WEAR_OFFS.c.seen_at.is_(None), WEAR_OFFS.c.due_at <= now)
            .order_by(WEAR_OFFS.c.due_at, WEAR_OFFS.c.action_id)
            .limit(limit)
        )
        return [WearOff(row.action_id, row.due_at, row.checks, row.ended) for row in rows]

    async def check_again(self, seen: WearOff, due_at: datetime) -> bool:
        """Put the next check off; False when somebody else has checked since."""
        return await self._changed(seen, checks=seen.checks + 1, due_at=due_at)

    async def settle(self, seen: WearOff, ended: bool, now: datetime) -> bool:
        """What was found; False when somebody else has settled it since."""
        return await self._changed(seen, checks=seen.checks + 1, seen_at=now, ended=ended)

    async def of(self, action_id: str) -> WearOff | None:
        """None where its effect was not to end by itself."""
        row = (await self._session.execute(select(WEAR_OFFS).where(WEAR_OFFS.c.action_id == action_id))).one_or_none()
        return None if row is None else WearOff(row.action_id, row.due_at, row.checks, row.ended)

    async def _changed(self, seen: WearOff, **values: object) -> bool:
        changed = await self._session.execute(
            update(WEAR_OFFS)
            .where(
                WEAR_OFFS.c.action_id == seen.action_id,
                WEAR_OFFS.c.checks == seen.checks,
                WEAR_OFFS.c.seen_at.is_(None),
            )
            .values(**values)
            .returning(WEAR_OFFS.c.action_id)
        )
        return changed.first() is not None
