"""Starting durable work when, and only when, the transaction commits."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from bot.policy.situation import Request
from bot.response.model.actions import Action
from bot.response.ports.flow import FlowName, QueueName
from bot.response.ports.work import Enqueuer
from storage.tables import INCIDENTS

ASSESSMENTS_PER_TRANSACTION = 50
"""Queueing one takes the durable engine a millisecond or two, for which every other writer waits."""
ASSESSED_AT_MOST_EVERY = timedelta(seconds=1)
"""What monitors say about one incident within so long is assessed together."""


class Queue:
    """Implements ``bot.response.ports.work.Queue``."""

    def __init__(self, session: AsyncSession, enqueuer: Enqueuer) -> None:
        self._session = session
        self._enqueuer = enqueuer

    async def consider(self, incident_id: int, request: Request | None = None) -> None:
        """Queue an assessment of the incident. While one is queued, another adds nothing, unless a person asks."""
        if request is None:
            await self._want([incident_id], ~INCIDENTS.c.consideration_wanted | INCIDENTS.c.wanted_at.is_not(None))
            return
        number = await self._session.scalar(
            update(INCIDENTS)
            .where(INCIDENTS.c.id == incident_id)
            .values(considerations=INCIDENTS.c.considerations + 1)
            .returning(INCIDENTS.c.considerations)
        )
        if number is None:
            raise LookupError(f"there is no incident INC-{incident_id}")
        await self._enqueue_assessments([(incident_id, number)], request.model_dump(mode="json"))

    async def consider_all(
        self, incident_ids: Sequence[int], now: datetime | None = None, urgent: Collection[int] = ()
    ) -> bool:
        """As ``consider`` for each of them; True when some are left to ``consider_deferred``, because they are many.

        Args:
            incident_ids: incidents about which a monitor has said something new.
            now: the moment; an incident assessed just before it is assessed again a little later. None: all at once.
            urgent: those of them that do not wait, because they have become worse.
        """
        soon = incident_ids[:ASSESSMENTS_PER_TRANSACTION]
        for incident_id in [each for each in soon if each in urgent]:
            await self.consider(incident_id)
        await self._want([each for each in soon if each not in urgent], ~INCIDENTS.c.consideration_wanted, now)
        deferred = incident_ids[ASSESSMENTS_PER_TRANSACTION:]
        if deferred:
            await self._session.execute(
                update(INCIDENTS)
                .where(INCIDENTS.c.id.in_(deferred), ~INCIDENTS.c.consideration_wanted)
                .values(consideration_deferred=True)
            )
        return bool(deferred)

    async def consider_at(self, incident_id: int, at: datetime, now: datetime) -> None:
        """Queue an assessment of the incident for then; news that is worse than all before hurries it."""
        await self._want([incident_id], ~INCIDENTS.c.consideration_wanted, now, at=at)

    async def consider_deferred(self) -> bool:
        """Queue some of the deferred assessments; True when more may be left for the next transaction."""
        rows = await self._session.scalars(
            select(INCIDENTS.c.id)
            .where(INCIDENTS.c.consideration_deferred)
            .order_by(INCIDENTS.c.id)
            .limit(ASSESSMENTS_PER_TRANSACTION)
        )
        incident_ids = list(rows)
        if not incident_ids:
            return False
        await self._want(incident_ids, ~INCIDENTS.c.consideration_wanted)
        return len(incident_ids) == ASSESSMENTS_PER_TRANSACTION

    async def consider_anew(self, incident_ids: Sequence[int]) -> Sequence[int]:
        """Queue an assessment of those that are still marked as if one were queued; which these were."""
        return await self._want(incident_ids[:ASSESSMENTS_PER_TRANSACTION], INCIDENTS.c.consideration_wanted)

    async def _want(
        self,
        incident_ids: Sequence[int],
        condition: ColumnElement[bool],
        now: datetime | None = None,
        at: datetime | None = None,
    ) -> Sequence[int]:
        """Mark those of them for which ``condition`` holds, and queue their assessments; which these were.

        ``at``: when, where ``now`` is given; else a little later for those that are busy.
        """
        if not incident_ids:
            return ()
        wanted = await self._session.execute(
            update(INCIDENTS)
            .where(INCIDENTS.c.id.in_(incident_ids), condition)
            .values(
                consideration_wanted=True,
                consideration_deferred=False,
                considerations=INCIDENTS.c.considerations + 1,
                wanted_at=None,
            )
            .returning(INCIDENTS.c.id, INCIDENTS.c.considerations, INCIDENTS.c.assessed_at)
        )
        numbered, delays = [], {}
        for row in wanted.all():
            numbered.append((row.id, row.considerations))
            if now is not None and (until := at or _busy_until(row.assessed_at, now)) is not None:
                delays[row.id] = (until - now).total_seconds()
                await self._session.execute(update(INCIDENTS).where(INCIDENTS.c.id == row.id).values(wanted_at=until))
        await self._enqueue_assessments(sorted(numbered), delays=delays)
        return sorted(incident_id for incident_id, _ in numbered)

    async def act(self, action: Action, *, delay_seconds: float = 0, attempt: int = 0) -> None:
        """Run the approved action, after those before it on the same target."""
        await self._enqueue(
            FlowName.ACT,
            action.id,
            workflow_id=f"act:{action.id}:{attempt}",
            partition=partition_of(action),
            delay_seconds=delay_seconds,
        )

    async def roll_back(self, action: Action, by: str, reason: str) -> None:
        """Roll the action back, after those before it on the same target."""
        await self._enqueue(
            FlowName.ROLL_BACK,
            action.id,
            by,
            reason,
            workflow_id=f"roll_back:{action.id}" + (f":{action.rollbacks}" if action.rollbacks > 1 else ""),
            partition=partition_of(action),
            delay_seconds=0,
        )

    async def _enqueue(
        self, flow: FlowName, *arguments: str, workflow_id: str, partition: str, delay_seconds: float
    ) -> None:
        def enqueue(session: Session) -> None:
            self._enqueuer.enqueue(
                session,
                flow,
                *arguments,
                workflow_id=workflow_id,
                queue=QueueName.TARGETS,
                partition=partition,
                delay_seconds=delay_seconds,
            )

        await self._session.run_sync(enqueue)

    async def _enqueue_assessments(
        self, numbered: Sequence[tuple[int, int]], *more: Any, delays: Mapping[int, float] | None = None
    ) -> None:
        def enqueue(session: Session) -> None:
            for incident_id, number in numbered:
                self._enqueuer.enqueue(
                    session,
                    FlowName.CONSIDER,
                    incident_id,
                    *more,
                    workflow_id=f"consider:{incident_id}:{number}",
                    queue=QueueName.INCIDENTS,
                    partition=str(incident_id),
                    delay_seconds=(delays or {}).get(incident_id, 0),
                )

        await self._session.run_sync(enqueue)


def _busy_until(assessed_at: datetime | None, now: datetime) -> datetime | None:
    """Until when an incident assessed just before ``now`` is left alone; None when it is not busy."""
    if assessed_at is None or not assessed_at <= now < assessed_at + ASSESSED_AT_MOST_EVERY:
        return None
    return assessed_at + ASSESSED_AT_MOST_EVERY


def partition_of(action: Action) -> str:
    """What the action waits in line for: its first target. The locks see to the others."""
    return min((target.key for target in action.plan.targets), default=action.id)
