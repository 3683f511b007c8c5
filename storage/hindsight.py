"""What was judged beside what came of it. Of a stored judgement only the few words that are asked for are read."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.policy.decision import Verdict
from bot.policy.shadow import People, Shadow
from bot.response.model.actions import ENDED_AFTER_AN_EFFECT, ActionState
from bot.response.model.answers import what_people_did
from bot.response.model.records import Stated
from bot.response.ports.hindsight import READ_AT_MOST
from storage.tables import ACTIONS, CLAIM_JUDGEMENTS, DECISIONS, INCIDENTS

_OF_ITS_DECISION: ColumnElement[bool] = (DECISIONS.c.incident_id == ACTIONS.c.incident_id) & (
    DECISIONS.c.revision == ACTIONS.c.revision
)


class Hindsight:
    """Implements ``bot.response.ports.hindsight.Hindsight``."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def shadows(
        self, runbooks: Collection[str], since: datetime, limit: int = READ_AT_MOST
    ) -> Mapping[str, Sequence[Shadow]]:
        """Questions that ended since then while their runbook ran in shadow, by runbook, newest first."""
        verdict = DECISIONS.c.decision["shadow"].as_string()
        answered: Select[Any] = (
            select(
                ACTIONS.c.runbook,
                ACTIONS.c.incident_id,
                ACTIONS.c.state,
                ACTIONS.c.decided_by,
                ACTIONS.c.halted_by,
                INCIDENTS.c.taken_by,
                verdict.label("verdict"),
            )
            .join(DECISIONS, _OF_ITS_DECISION)
            .join(INCIDENTS, INCIDENTS.c.id == ACTIONS.c.incident_id)
            .where(ACTIONS.c.runbook.in_(runbooks), ACTIONS.c.finished_at >= since, verdict.is_not(None))
            .order_by(ACTIONS.c.finished_at.desc(), ACTIONS.c.revision.desc())
            .limit(limit)
        )
        found: dict[str, list[Shadow]] = {}
        answered_later = set[tuple[str, int]]()
        for row in await self._session.execute(answered):
            key = (row.runbook, row.incident_id)
            if row.state == ActionState.SUPERSEDED and key in answered_later:
                continue
            answered_later.add(key)
            found.setdefault(row.runbook, []).append(Shadow(Verdict(row.verdict), _people(row)))
        return found

    async def stated(self, since: datetime, limit: int = READ_AT_MOST) -> Mapping[str, Stated]:
        """How sure we were when we began, of each action that may have changed something and ended since then."""
        last = select(func.max(CLAIM_JUDGEMENTS.c.id)).where(CLAIM_JUDGEMENTS.c.action_id == ACTIONS.c.id)
        confidence = CLAIM_JUDGEMENTS.c.decision["confidence"].as_float()
        rows = await self._session.execute(
            select(ACTIONS.c.id, ACTIONS.c.runbook, confidence.label("confidence"))
            .join(CLAIM_JUDGEMENTS, CLAIM_JUDGEMENTS.c.id == last.correlate(ACTIONS).scalar_subquery())
            .where(ACTIONS.c.finished_at >= since, ACTIONS.c.state.in_(ENDED_AFTER_AN_EFFECT), confidence.is_not(None))
            .order_by(ACTIONS.c.finished_at.desc(), ACTIONS.c.id)
            .limit(limit)
        )
        return {row.id: Stated(row.runbook, row.confidence) for row in rows}


def _people(row: Any) -> People:
    state = ActionState(row.state) if row.state in tuple(ActionState) else ActionState.FAILED
    return what_people_did(state, row.decided_by, halted=row.halted_by is not None, taken_over=row.taken_by is not None)
