"""Who has opened the Home tab, and which view of it Slack has taken last."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.leases import Leases
from storage.once import insert_once
from storage.tables import HOME_TABS

HOME_TAB_LEASES = Leases(HOME_TABS)
"""They keep no names: what is drawn late is drawn from the rows as they are, and the view's hash is the fence."""


@dataclass(frozen=True, slots=True)
class HomeTab:
    """One row of ``home_tabs``."""

    person: str
    digest: str
    """Of the view that Slack has taken last; empty when it must be drawn anew."""
    hash: str
    """Slack's own mark of that view; empty when it is not known."""


class HomeTabs:
    """Live views of people."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def opened(self, person: str, now: datetime) -> None:
        """Somebody has opened it: it is drawn anew, and kept up to date from here on."""
        if not await insert_once(self._session, HOME_TABS, person=person, opened_at=now, digest="", hash=""):
            await HOME_TAB_LEASES.release(self._session, person, opened_at=now, digest="")

    async def watched(self, since: datetime, limit: int = 1000) -> Sequence[HomeTab]:
        """The tabs of those who have opened theirs since then, whoever did so last first."""
        rows = await self._session.execute(
            select(HOME_TABS)
            .where(HOME_TABS.c.opened_at >= since)
            .order_by(HOME_TABS.c.opened_at.desc(), HOME_TABS.c.person)
            .limit(limit)
        )
        return [HomeTab(person=row.person, digest=row.digest, hash=row.hash) for row in rows]

    async def claim(self, person: str, now: datetime, until: datetime) -> HomeTab | None:
        """Make drawing it the caller's business until ``until``; None when somebody else has it in hand."""
        row = await HOME_TAB_LEASES.claim(self._session, person, now=now, until=until)
        return None if row is None else HomeTab(person=row.person, digest=row.digest, hash=row.hash)

    async def drawn(self, person: str, digest: str, hash_: str) -> None:
        """Slack has taken the view."""
        await HOME_TAB_LEASES.release(self._session, person, digest=digest, hash=hash_)

    async def put_down(self, person: str, until: datetime | None) -> None:
        """Give it back undrawn, not to be tried before ``until``."""
        await HOME_TAB_LEASES.release(self._session, person, claimed_until=until)
