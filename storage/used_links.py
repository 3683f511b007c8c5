"""Signed links that have taken effect: each does so once, in the transaction of what it does."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.once import insert_once
from storage.tables import USED_LINKS


@dataclass(frozen=True, slots=True)
class UsedLink:
    """Who used it, and when."""

    recipient: str
    used_at: datetime


class UsedLinks:
    """Kept for good: they are few, and say who stopped what from outside Slack."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, nonce: str) -> UsedLink | None:
        """The use of this link, if it was used."""
        row = (await self._session.execute(select(USED_LINKS).where(USED_LINKS.c.nonce == nonce))).one_or_none()
        return None if row is None else UsedLink(row.recipient, row.used_at)

    async def use(self, nonce: str, *, incident_id: int, deed: str, recipient: str, now: datetime) -> bool:
        """Spend it; False when it was spent before."""
        return await insert_once(
            self._session,
            USED_LINKS,
            nonce=nonce,
            incident_id=incident_id,
            deed=deed,
            recipient=recipient,
            used_at=now,
        )
