"""Starting durable work when, and only when, the transaction commits."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from bot.policy.situation import Request
from bot.response.model.actions import Action
from bot.response.ports.flow import FlowName, QueueName
from bot.response.ports.work import Enqueuer
from storage.tables import INCIDENTS

ASSESSMENTS_PER_TRANSACTION = 50
"""Queueing one takes the durable engine a millisecond or two, for which every other writer waits."""


class Queue:
    """Implements ``bot.response.ports.work.Queue``."""

    def __init__(self, session: AsyncSession, enqueuer: Enqueuer) -> None:
        self._session = session
        self._enqueuer = enqueuer

    async def consider(self, incident_id: int, request: Request | None = None) -> None:
        """Queue an assessment of the incident. While one is queued, another adds nothing, unless a person asks."""
        if request is None:
            await self._want([incident_id])
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

    async def consider_all(self, incident_ids: Sequence[int]) -> bool:
        """As ``consider`` for each of them; True when some are left to ``consider_deferred``, because they are many."""
        await self._want(incident_ids[:ASSESSMENTS_PER_TRANSACTION])
        deferred = incident_ids[ASSESSMENTS_PER_TRANSACTION:]
        if deferred:
            await self._session.execute(
                update(INCIDENTS)
                .where(INCIDENTS.c.id.in_(deferred), ~INCIDENTS.c.consideration_wanted)
                .values(consideration_deferred=True)
            )
        return bool(deferred)

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
        await self._want(incident_ids)
        return len(incident_ids) == ASSESSMENTS_PER_TRANSACTION

    async def _want(self, incident_ids: Sequence[int]) -> None:
        wanted = await self._session.execute(
            update(INCIDENTS)
            .where(INCIDENTS.c.id.in_(incident_ids), ~INCIDENTS.c.consideration_wanted)
            .values(
                consideration_wanted=True,
                consideration_deferred=False,
                considerations=INCIDENTS.c.considerations + 1,
            )
            .returning(INCIDENTS.c.id, INCIDENTS.c.considerations)
        )
        await self._enqueue_assessments(sorted((row.id, row.considerations) for row in wanted))

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

    async def _enqueue_assessments(self, numbered: Sequence[tuple[int, int]], *more: Any) -> None:
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
                )

        await self._session.run_sync(enqueue)


def partition_of(action: Action) -> str:
    """What the action waits in line for: its first target. The locks see to the others."""
    return min((target.key for target in action.plan.targets), default=action.id)
