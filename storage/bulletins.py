"""Bulletins: how far people were told of what belongs to no incident, and what monitors sent that nobody can read."""

import re
from collections import Counter
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.response.model.bulletins import Bulletin
from bot.response.ports.bulletins import Told, Unreadable
from storage.once import insert_once
from storage.tables import BULLETINS, QUARANTINED_ALERTS

REASONS_MAX = 8
"""So many different ones are told of."""
REASONS_READ = 2000
"""So many are read to find what they have in common; the commonest first."""
_WHICH = re.compile(r"^alerts\[\d+\]")
"""Which one of its request it was says nothing to people."""


class Bulletins:
    """Implements ``bot.response.ports.bulletins.Bulletins``."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def last(self, about: Bulletin) -> Told | None:
        """What the last one told of; None before the first."""
        row = (await self._session.execute(select(BULLETINS).where(BULLETINS.c.subject == about))).one_or_none()
        return None if row is None else Told(row.at, row.up_to)

    async def tell(self, about: Bulletin, seen: Told | None, up_to: int, now: datetime) -> bool:
        """People are about to be told up to there; False when somebody else has just told them."""
        if seen is None:
            return await insert_once(self._session, BULLETINS, subject=about.value, at=now, up_to=up_to)
        told = await self._session.execute(
            update(BULLETINS)
            .where(BULLETINS.c.subject == about, BULLETINS.c.at == seen.at, BULLETINS.c.up_to == seen.up_to)
            .values(at=now, up_to=up_to)
            .returning(BULLETINS.c.subject)
        )
        return told.first() is not None

    async def unreadable(self, after: int) -> Unreadable:
        """What could not be read and has a higher number."""
        rows, newer = QUARANTINED_ALERTS.c, QUARANTINED_ALERTS.c.id > after
        counted = (await self._session.execute(select(func.count(), func.max(rows.id)).where(newer))).one()
        often = func.count()
        reasons = await self._session.execute(
            select(rows.source, rows.reason, often)
            .where(newer)
            .group_by(rows.source, rows.reason)
            .order_by(often.desc(), rows.source, rows.reason)
            .limit(REASONS_READ)
        )
        kinds = Counter[tuple[str, str]]()
        for row in reasons:
            kinds[row[0], _WHICH.sub("an alert", row[1])] += row[2]
        told = sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0]))[:REASONS_MAX]
        return Unreadable(counted[0], counted[1] or after, [(*kind, times) for kind, times in told])
