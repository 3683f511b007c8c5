"""Bundles: which incidents are asked about on one card, and where that card is.

A member lives where its bundle's card is: ``incidents.channel`` and ``thread_ts`` change in the same statements.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.response.model.bundle import MEMBERS_MAX, Bundle, Member
from storage.actions import Actions
from storage.incidents import Incidents
from storage.once import insert_once
from storage.tables import BUNDLES, INCIDENTS, QUESTIONS


class Bundles:
    """Implements ``bot.response.model.bundle.Bundles``, and the delivery's side of it."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def asked_since(self, runbook: str, since: datetime) -> int:
        """How many incidents of this runbook have become a question since then."""
        asked = select(func.count()).where(QUESTIONS.c.asked_at > since, QUESTIONS.c.runbook == runbook)
        return await self._session.scalar(asked) or 0

    async def ask(self, incident_id: int, runbook: str, headline: str, now: datetime) -> None:
        """Count the incident's first question; once."""
        await insert_once(
            self._session,
            QUESTIONS,
            incident_id=incident_id,
            runbook=runbook,
            headline=headline,
            asked_at=now,
            joined_revision=0,
        )

    async def get(self, handle: str) -> Bundle | None:
        """The bundle whose buttons carry this handle; None for a handle that we did not give out."""
        return await self._one(BUNDLES.c.handle == handle)

    async def of(self, incident_id: int) -> Bundle | None:
        """The bundle that the incident is asked about in; None while it has a card of its own."""
        return await self._one(
            BUNDLES.c.id.in_(select(QUESTIONS.c.bundle_id).where(QUESTIONS.c.incident_id == incident_id))
        )

    async def by_thread(self, channel: str, thread_ts: str) -> Bundle | None:
        """The bundle whose card, or thread, this is."""
        return await self._one((BUNDLES.c.channel == channel) & (BUNDLES.c.thread_ts == thread_ts))

    async def with_room(self, runbook: str, since: datetime) -> Bundle | None:
        """The newest bundle of the runbook that was opened since then and is not full."""
        members = select(func.count()).where(QUESTIONS.c.bundle_id == BUNDLES.c.id).scalar_subquery()
        return await self._one((BUNDLES.c.opened_at > since) & (BUNDLES.c.runbook == runbook) & (members < MEMBERS_MAX))

    async def open(self, handle: str, runbook: str, founder_id: int, now: datetime) -> Bundle:
        """Begin a bundle that nobody has joined yet; ``founder_id`` is the incident whose question begins it."""
        row = await self._session.execute(
            insert(BUNDLES)
            .values(handle=handle, runbook=runbook, founder_id=founder_id, revision=0, opened_at=now, said=[])
            .returning(BUNDLES)
        )
        return _bundle(row.one())

    async def join(self, bundle: Bundle, incident_id: int) -> None:
        """The incident is asked about there from here on, under a new revision."""
        await self._stand(bundle, incident_id, bundle_id=bundle.id)
        place = select(BUNDLES.c.channel, BUNDLES.c.thread_ts).where(BUNDLES.c.id == bundle.id)
        row = (await self._session.execute(place)).one()
        await self._live([incident_id], row.channel, row.thread_ts)

    async def renew(self, bundle: Bundle, incident_id: int, headline: str) -> None:
        """The member's question is another one now: cards with an older revision do not speak for it."""
        await self._stand(bundle, incident_id, headline=headline)

    async def leave(self, incident_id: int) -> bool:
        """The incident gets a card of its own, and lives in its thread once it is delivered; False when it has one."""
        left = await self._session.execute(
            update(QUESTIONS)
            .where(QUESTIONS.c.incident_id == incident_id, QUESTIONS.c.bundle_id.is_not(None))
            .values(bundle_id=None)
            .returning(QUESTIONS.c.incident_id)
        )
        return left.first() is not None

    async def members(self, bundle: Bundle) -> Sequence[Member]:
        """In the order in which they joined."""
        rows = (
            await self._session.execute(
                select(QUESTIONS)
                .where(QUESTIONS.c.bundle_id == bundle.id)
                .order_by(QUESTIONS.c.asked_at, QUESTIONS.c.incident_id)
            )
        ).all()
        numbers = [row.incident_id for row in rows]
        incidents = {one.id: one for one in await Incidents(self._session).of_ids(numbers)}
        actions = {one.incident_id: one for one in await Actions(self._session).current_of(numbers)}
        return [
            Member(incidents[row.incident_id], actions.get(row.incident_id), row.joined_revision, row.headline)
            for row in rows
        ]

    async def say_once(self, bundle: Bundle, what: str) -> bool:
        """Whether ``what`` was not said to people about this bundle yet; from here on it was."""
        row = await self._session.execute(select(BUNDLES.c.said).where(BUNDLES.c.id == bundle.id).with_for_update())
        said = list(row.scalar_one())
        if what in said:
            return False
        await self._session.execute(update(BUNDLES).where(BUNDLES.c.id == bundle.id).values(said=[*said, what]))
        return True

    # -- delivery ------------------------------------------------------------------------------------------------------

    async def delivered(self, handle: str, channel: str, ts: str) -> None:
        """Its card's message is the thread of every member: also when it was posted anew."""
        row = await self._session.execute(
            update(BUNDLES)
            .where(BUNDLES.c.handle == handle)
            .values(channel=channel, thread_ts=ts)
            .returning(BUNDLES.c.id)
        )
        members = select(QUESTIONS.c.incident_id).where(QUESTIONS.c.bundle_id == row.scalar_one())
        await self._live(members.scalar_subquery(), channel, ts)

    async def place(self, handle: str) -> tuple[str | None, str | None]:
        """Channel and message of its card; None before the first delivery."""
        row = await self._session.execute(
            select(BUNDLES.c.channel, BUNDLES.c.thread_ts).where(BUNDLES.c.handle == handle)
        )
        found = row.one()
        return found.channel, found.thread_ts

    async def _stand(self, bundle: Bundle, incident_id: int, **values: Any) -> None:
        revision = await self._session.scalar(
            update(BUNDLES)
            .where(BUNDLES.c.id == bundle.id)
            .values(revision=BUNDLES.c.revision + 1)
            .returning(BUNDLES.c.revision)
        )
        await self._session.execute(
            update(QUESTIONS).where(QUESTIONS.c.incident_id == incident_id).values(joined_revision=revision, **values)
        )

    async def _live(self, incidents: Any, channel: str | None, thread_ts: str | None) -> None:
        await self._session.execute(
            update(INCIDENTS).where(INCIDENTS.c.id.in_(incidents)).values(channel=channel, thread_ts=thread_ts)
        )

    async def _one(self, condition: Any) -> Bundle | None:
        found = await self._session.execute(select(BUNDLES).where(condition).order_by(BUNDLES.c.id.desc()).limit(1))
        row = found.one_or_none()
        return None if row is None else _bundle(row)


def _bundle(row: Row[Any]) -> Bundle:
    return Bundle(
        id=row.id,
        handle=row.handle,
        runbook=row.runbook,
        founder_id=row.founder_id,
        revision=row.revision,
        opened_at=row.opened_at,
    )
