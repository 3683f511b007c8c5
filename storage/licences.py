"""Licences: the gates each version of a runbook has passed, and the demotions in force."""

from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.policy.levels import Level
from bot.policy.situation import Demotion, Evidenced, Gate, GatePass
from storage.once import insert_once
from storage.tables import DEMOTIONS, LICENCES


class Licences:
    """Implements ``bot.response.ports.rows.Licences``."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def of(self, runbook: str) -> Evidenced:
        """Every gate row of the runbook, whatever version passed it and when, and every demotion in force."""
        gates = await self._session.execute(
            select(LICENCES).where(LICENCES.c.runbook == runbook).order_by(LICENCES.c.passed_at, LICENCES.c.gate)
        )
        demotions = await self._session.execute(
            select(DEMOTIONS)
            .where(DEMOTIONS.c.runbook == runbook, DEMOTIONS.c.lifted_at.is_(None))
            .order_by(DEMOTIONS.c.level, DEMOTIONS.c.id.desc())
        )
        return Evidenced(
            gates=tuple(
                GatePass(gate=Gate(row.gate), digest=row.runbook_digest, passed_at=row.passed_at, until=row.until)
                for row in gates
                if row.gate in tuple(Gate)  # one that only a newer release knows counts for nothing here
            ),
            demotions=tuple(Demotion(level=Level(row.level), reason=row.reason, at=row.at) for row in demotions),
        )

    async def pass_gate(
        self, runbook: str, runbook_digest: str, gate: Gate, *, by: str, now: datetime, until: datetime
    ) -> None:
        """Record a passed gate; passing it again replaces when and until when."""
        await self._session.execute(
            delete(LICENCES).where(
                LICENCES.c.runbook == runbook, LICENCES.c.runbook_digest == runbook_digest, LICENCES.c.gate == gate
            )
        )
        await self._session.execute(
            insert(LICENCES).values(
                runbook=runbook, runbook_digest=runbook_digest, gate=gate, passed_by=by, passed_at=now, until=until
            )
        )

    async def demote(
        self, runbook: str, level: Level, reason: str, now: datetime, *, review_of: str | None = None
    ) -> bool:
        """Cap the runbook at ``level`` until ``reinstate``, or ``reviewed`` where an overdue review is the reason.

        False: the review of that action has been the reason for one already.
        """
        return await insert_once(
            self._session,
            DEMOTIONS,
            runbook=runbook,
            level=int(level),
            reason=reason,
            at=now,
            review_of=review_of,
        )

    async def reviewed(self, action_id: str, by: str, now: datetime) -> bool:
        """Lift what the overdue review of this action took away; True when it had taken something."""
        lifted = await self._session.execute(
            update(DEMOTIONS)
            .where(DEMOTIONS.c.review_of == action_id, DEMOTIONS.c.lifted_at.is_(None))
            .values(lifted_at=now, lifted_by=by)
            .returning(DEMOTIONS.c.id)
        )
        return lifted.first() is not None

    async def reinstate(self, runbook: str, by: str, now: datetime) -> bool:
        """Lift every demotion of the runbook; True when there was one."""
        lifted = await self._session.execute(
            update(DEMOTIONS)
            .where(DEMOTIONS.c.runbook == runbook, DEMOTIONS.c.lifted_at.is_(None))
            .values(lifted_at=now, lifted_by=by)
            .returning(DEMOTIONS.c.id)
        )
        return bool(lifted.all())
