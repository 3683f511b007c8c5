"""Target locks: one action at a time per target.

A lock never expires by itself. Its holder is an action, and the durable engine brings every unfinished action to an
end; a lock that timed out under a slow remediation would let two act on one target.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.once import insert_once
from storage.tables import TARGET_LOCKS


class Locks:
    """Implements ``bot.response.ports.rows.Locks``."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def take(self, targets: Sequence[str], action_id: str) -> str | None:
        """Take all or none; None when taken (or already ours), else the action id that holds one of them."""
        taken: list[str] = []
        for target in sorted(set(targets)):
            if await insert_once(self._session, TARGET_LOCKS, target=target, action_id=action_id):
                taken.append(target)
                continue
            holder = await self._session.scalar(select(TARGET_LOCKS.c.action_id).where(TARGET_LOCKS.c.target == target))
            if holder != action_id:
                await self._session.execute(delete(TARGET_LOCKS).where(TARGET_LOCKS.c.target.in_(taken)))
                return str(holder)
        return None

    async def release(self, action_id: str) -> None:
        """Give back every target the action holds."""
        await self._session.execute(delete(TARGET_LOCKS).where(TARGET_LOCKS.c.action_id == action_id))

    async def held(self) -> Mapping[str, str]:
        """Every locked target with the action that holds it."""
        rows = await self._session.execute(select(TARGET_LOCKS).order_by(TARGET_LOCKS.c.target))
        return {row.target: row.action_id for row in rows}
