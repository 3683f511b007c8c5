"""Post-action reviews: asked for once per action that changed something, and counted until they are done."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.response.model.records import Review
from storage.once import insert_once
from storage.tables import DEMOTIONS, REVIEWS


class Reviews:
    """Implements ``bot.response.ports.rows.Reviews``."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def ask(self, action_id: str, due_at: datetime) -> None:
        """Ask for a review; asking again changes nothing."""
        await insert_once(self._session, REVIEWS, action_id=action_id, due_at=due_at)

    async def complete(self, action_id: str, by: str, answers: Mapping[str, Any], now: datetime) -> bool:
        """Record the answers of an open review; False when it is done already or was never asked for."""
        done = await self._session.execute(
            update(REVIEWS)
            .where(REVIEWS.c.action_id == action_id, REVIEWS.c.done_at.is_(None))
            .values(done_at=now, done_by=by, answers=dict(answers))
            .returning(REVIEWS.c.action_id)
        )
        return done.first() is not None

    async def get(self, action_id: str) -> Review | None:
        """The action's review, done or not; None when none was ever asked for."""
        row = (await self._session.execute(select(REVIEWS).where(REVIEWS.c.action_id == action_id))).one_or_none()
        return None if row is None else _review(row)

    async def open(self, limit: int = 100) -> Sequence[Review]:
        """Reviews that are not done, most urgent first."""
        rows = await self._session.execute(
            select(REVIEWS)
            .where(REVIEWS.c.done_at.is_(None))
            .order_by(REVIEWS.c.due_at, REVIEWS.c.action_id)
            .limit(limit)
        )
        return [_review(row) for row in rows]

    async def overdue(self, now: datetime, limit: int = 100) -> Sequence[Review]:
        """Those that are late and have not been the reason for a demotion yet, longest overdue first."""
        rows = await self._session.execute(
            select(REVIEWS)
            .where(
                REVIEWS.c.done_at.is_(None),
                REVIEWS.c.due_at <= now,
                ~exists().where(DEMOTIONS.c.review_of == REVIEWS.c.action_id),
            )
            .order_by(REVIEWS.c.due_at, REVIEWS.c.action_id)
            .limit(limit)
        )
        return [_review(row) for row in rows]

    async def open_count(self) -> int:
        """How many reviews are still to be done."""
        count = await self._session.scalar(select(func.count()).select_from(REVIEWS).where(REVIEWS.c.done_at.is_(None)))
        return count or 0


def _review(row: Row[Any]) -> Review:
    return Review(
        action_id=row.action_id,
        due_at=row.due_at,
        done_at=row.done_at,
        done_by=row.done_by,
        answers=row.answers,
    )
