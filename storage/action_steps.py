"""Steps of effects: one row for each change, written before it begins and again when it has ended."""

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.remediation import Step
from storage.tables import ACTION_STEPS


class ActionSteps:
    """Implements ``bot.response.ports.effects.Steps``."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def begin(self, attempt: str, number: int, words: str, target: str, at: datetime) -> None:
        """Store that the step begins with this commit."""
        await self._session.execute(
            insert(ACTION_STEPS).values(
                attempt=attempt, number=number, words=words, target=target, begun_at=at, problem=""
            )
        )

    async def end(self, attempt: str, number: int, step: Step, at: datetime) -> None:
        """Store how it ended: its problem and its details."""
        details = json.loads(step.model_dump_json())["details"]
        await self._session.execute(
            update(ACTION_STEPS)
            .where(ACTION_STEPS.c.attempt == attempt, ACTION_STEPS.c.number == number)
            .values(ended_at=at, problem=step.problem, details=details)
        )

    async def of(self, attempt: str) -> Sequence[Step]:
        """Every step of the attempt that was begun, in order."""
        rows = await self._session.execute(
            select(ACTION_STEPS).where(ACTION_STEPS.c.attempt == attempt).order_by(ACTION_STEPS.c.number)
        )
        return [
            Step(
                words=row.words,
                target=row.target,
                ended=row.ended_at is not None and not row.problem,
                problem=row.problem,
                details=row.details or {},
            )
            for row in rows
        ]
