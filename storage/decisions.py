"""Decisions with the situation each of them rests on."""

import json
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.policy.decision import Decision
from bot.policy.situation import Situation
from bot.response.model.records import StoredDecision
from storage.tables import DECISIONS


class Decisions:
    """Implements ``bot.response.ports.rows.Decisions``."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, stored: StoredDecision) -> None:
        """Store a decision with the situation it rests on, under its incident and revision."""
        # Through JSON text, because only there a measurement that is not a number becomes null.
        await self._session.execute(
            insert(DECISIONS).values(
                incident_id=stored.incident_id,
                revision=stored.revision,
                situation=json.loads(stored.situation.model_dump_json()),
                decision=json.loads(stored.decision.model_dump_json()),
                policy_digest=stored.policy_digest,
                audit_entry=stored.audit_entry,
                at=stored.at,
            )
        )

    async def latest(self, incident_id: int) -> StoredDecision | None:
        """The decision of the incident's highest revision; None before the first."""
        return await self._one(DECISIONS.c.incident_id == incident_id)

    async def at_revision(self, incident_id: int, revision: int) -> StoredDecision | None:
        """The decision that a card of this revision showed; None when there was none."""
        return await self._one((DECISIONS.c.incident_id == incident_id) & (DECISIONS.c.revision == revision))

    async def _one(self, condition: Any) -> StoredDecision | None:
        row = (
            await self._session.execute(
                select(DECISIONS).where(condition).order_by(DECISIONS.c.revision.desc()).limit(1)
            )
        ).one_or_none()
        if row is None:
            return None
        return StoredDecision(
            incident_id=row.incident_id,
            revision=row.revision,
            situation=Situation.model_validate(row.situation),
            decision=Decision.model_validate(row.decision),
            policy_digest=row.policy_digest,
            audit_entry=row.audit_entry,
            at=row.at,
        )
