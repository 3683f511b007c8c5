"""Reviews: asked for once per action and occasion, whose they are, and counted until they are done."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, exists, func, null, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.response.model.records import Occasion, Review, ReviewLoad
from storage.once import insert_once
from storage.tables import DEMOTIONS, REVIEWS


class Reviews:
    """Implements ``bot.response.ports.rows.Reviews``."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def ask(
        self,
        action_id: str,
        due_at: datetime,
        *,
        occasion: Occasion = Occasion.ACTED,
        assigned_to: str | None = None,
        remind_at: datetime | None = None,
    ) -> None:
        """Ask for a review; of one that is open only the occasion changes, and one that is done is opened again."""
        asked = {"due_at": due_at, "assigned_to": assigned_to, "remind_at": remind_at, "occasion": occasion}
        if await insert_once(self._session, REVIEWS, action_id=action_id, **asked):
            return
        this = REVIEWS.c.action_id == action_id
        row = (await self._session.execute(select(REVIEWS).where(this).with_for_update())).one()
        if row.done_at is None:
            await self._session.execute(update(REVIEWS).where(this).values(occasion=occasion))
            return
        said = {**(row.answers or {}), "by": row.done_by, "at": row.done_at.isoformat(), "occasion": row.occasion}
        await self._session.execute(
            update(REVIEWS)
            .where(this)
            .values(
                **asked,
                done_at=None,
                done_by=None,
                answers=null(),
                earlier=[*(row.earlier or ()), said],
            )
        )

    async def assign(self, action_id: str, to: str) -> bool:
        """It is this person's from now on; False when it is done already or was never asked for."""
        given = await self._session.execute(
            update(REVIEWS)
            .where(REVIEWS.c.action_id == action_id, REVIEWS.c.done_at.is_(None))
            .values(assigned_to=to)
            .returning(REVIEWS.c.action_id)
        )
        return given.first() is not None

    async def reminded(self, review: Review) -> bool:
        """Note that somebody is reminded of it, once; False where they were, or it has changed since."""
        noted = await self._session.execute(
            update(REVIEWS)
            .where(
                REVIEWS.c.action_id == review.action_id,
                REVIEWS.c.done_at.is_(None),
                REVIEWS.c.remind_at == review.remind_at,
            )
            .values(remind_at=None)
            .returning(REVIEWS.c.action_id)
        )
        return noted.first() is not None

    async def to_remind(self, now: datetime, limit: int = 100) -> Sequence[Review]:
        """Those of which somebody is to be reminded by now, and that are not due yet, most urgent first."""
        rows = await self._session.execute(
            select(REVIEWS)
            .where(REVIEWS.c.done_at.is_(None), REVIEWS.c.remind_at <= now, REVIEWS.c.due_at > now)
            .order_by(REVIEWS.c.due_at, REVIEWS.c.action_id)
            .limit(limit)
        )
        return [_review(row) for row in rows]

    async def loads(self, people: Collection[str]) -> Mapping[str, ReviewLoad]:
        """What each of these people, who has any, has to review and had to."""
        still_open = func.count().filter(REVIEWS.c.done_at.is_(None))
        rows = await self._session.execute(
            select(REVIEWS.c.assigned_to, still_open, func.max(REVIEWS.c.due_at))
            .where(REVIEWS.c.assigned_to.in_(list(people)))
            .group_by(REVIEWS.c.assigned_to)
        )
        return {person: ReviewLoad(count, latest) for person, count, latest in rows}

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
        """Those that are late and are not the reason for a demotion in force yet, longest overdue first."""
        rows = await self._session.execute(
            select(REVIEWS)
            .where(
                REVIEWS.c.done_at.is_(None),
                REVIEWS.c.due_at <= now,
                ~exists().where(DEMOTIONS.c.review_of == REVIEWS.c.action_id, DEMOTIONS.c.lifted_at.is_(None)),
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
        occasion=Occasion(row.occasion),
        assigned_to=row.assigned_to,
        remind_at=row.remind_at,
        earlier=tuple(row.earlier or ()),
    )
