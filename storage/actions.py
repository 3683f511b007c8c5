"""Actions: every change of state is a conditional update whose sources come from the lifecycle's table."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.policy.decision import Verdict
from bot.policy.plan import Plan
from bot.policy.situation import History, PastAction, Trigger
from bot.response.actions import ACTION_LIFECYCLE, Action, ActionEvent, ActionState
from storage.tables import ACTIONS

_FIXED = frozenset({"id", "incident_id", "state"})
CHANGEABLE = frozenset(field.name for field in fields(Action)) - _FIXED
"""Fields that may change together with the state."""


class Actions:
    """Implements ``bot.response.ports.Actions``."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, action: Action) -> None:
        await self._session.execute(
            insert(ACTIONS).values(**_columns({field.name: getattr(action, field.name) for field in fields(Action)}))
        )

    async def get(self, action_id: str) -> Action | None:
        row = (await self._session.execute(select(ACTIONS).where(ACTIONS.c.id == action_id))).one_or_none()
        return None if row is None else _action(row)

    async def of_incident(self, incident_id: int) -> Sequence[Action]:
        """Oldest first."""
        return await self._all(
            select(ACTIONS)
            .where(ACTIONS.c.incident_id == incident_id)
            .order_by(ACTIONS.c.created_at, ACTIONS.c.revision, ACTIONS.c.id)
        )

    async def move(self, action_id: str, event: ActionEvent, **changes: Any) -> Action | None:
        """Apply ``event`` where the lifecycle allows it, with field changes; the new row, or None if too late.

        Raises:
            TypeError: a change names no field of an action, or one that never changes.
        """
        if unknown := changes.keys() - CHANGEABLE:
            raise TypeError(f"cannot change {sorted(unknown)} of an action; changeable are {sorted(CHANGEABLE)}")
        row = (
            await self._session.execute(
                update(ACTIONS)
                .where(ACTIONS.c.id == action_id, ACTIONS.c.state.in_(ACTION_LIFECYCLE.sources(event)))
                .values(state=ACTION_LIFECYCLE.target(event), **_columns(changes))
                .returning(ACTIONS)
            )
        ).one_or_none()
        return None if row is None else _action(row)

    async def due(self, state: ActionState, now: datetime, limit: int = 100) -> Sequence[Action]:
        """Actions in ``state`` whose ``due_at`` has passed, longest overdue first."""
        return await self._all(
            select(ACTIONS)
            .where(ACTIONS.c.state == state, ACTIONS.c.due_at <= now)
            .order_by(ACTIONS.c.due_at, ACTIONS.c.id)
            .limit(limit)
        )

    async def in_states(self, states: frozenset[ActionState], limit: int = 1000) -> Sequence[Action]:
        """Oldest first."""
        return await self._all(
            select(ACTIONS).where(ACTIONS.c.state.in_(states)).order_by(ACTIONS.c.created_at, ACTIONS.c.id).limit(limit)
        )

    async def history(self, runbook: str, service: str, since: datetime, limit: int = 20) -> History:
        """Finished actions of the runbook or on the service, newest first; each outcome is its final state."""
        rows = await self._session.execute(
            select(ACTIONS.c.id, ACTIONS.c.runbook, ACTIONS.c.service, ACTIONS.c.state, ACTIONS.c.finished_at)
            .where(
                ACTIONS.c.finished_at >= since,
                (ACTIONS.c.runbook == runbook) | (ACTIONS.c.service == service),
            )
            .order_by(ACTIONS.c.finished_at.desc(), ACTIONS.c.id)
            .limit(limit)
        )
        return History(
            actions=tuple(
                PastAction(
                    action_id=row.id, runbook=row.runbook, service=row.service, outcome=row.state, at=row.finished_at
                )
                for row in rows
            )
        )

    async def _all(self, statement: Any) -> list[Action]:
        return [_action(row) for row in await self._session.execute(statement)]


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    columns = dict(values)
    plan = columns.get("plan")
    if isinstance(plan, Plan):
        columns["plan"] = plan.model_dump(mode="json")
        columns["service"] = plan.service
    for name in ("approvers", "decided_by"):
        if name in columns:
            columns[name] = list(columns[name])
    return columns


def _action(row: Row[Any]) -> Action:
    return Action(
        id=row.id,
        incident_id=row.incident_id,
        revision=row.revision,
        runbook=row.runbook,
        trigger=Trigger(row.trigger),
        requested_by=row.requested_by,
        verdict=Verdict(row.verdict),
        state=ActionState(row.state),
        plan=Plan.model_validate(row.plan),
        plan_digest=row.plan_digest,
        approvals_needed=row.approvals_needed,
        approvers=tuple(row.approvers),
        veto_window_seconds=row.veto_window_seconds,
        execute_within_seconds=row.execute_within_seconds,
        due_at=row.due_at,
        created_at=row.created_at,
        decided_at=row.decided_at,
        decided_by=tuple(row.decided_by),
        finished_at=row.finished_at,
        outcome=row.outcome,
        by_hand=row.by_hand,
    )
