"""Actions: every change of state is a conditional update whose sources come from the lifecycle's table."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Update, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.policy.decision import Verdict
from bot.policy.plan import Plan
from bot.policy.situation import History, PastAction, Trigger
from bot.policy.track_record import Ending
from bot.response.model.actions import (
    ACTION_LIFECYCLE,
    ENDED_AFTER_AN_EFFECT,
    IN_STEPS,
    Action,
    ActionEvent,
    ActionState,
    Result,
)
from storage.asked_groups import asked_document, asked_groups
from storage.tables import ACTIONS, INCIDENTS

_FIXED = frozenset({"id", "incident_id", "state"})
CHANGEABLE = frozenset(field.name for field in fields(Action)) - _FIXED
"""Fields that may change together with the state."""


class Actions:
    """Implements ``bot.response.ports.rows.Actions``."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, action: Action) -> None:
        """Store a new action with its plan's service, by which its history is found later."""
        await self._session.execute(
            insert(ACTIONS).values(**_columns({field.name: getattr(action, field.name) for field in fields(Action)}))
        )

    async def get(self, action_id: str) -> Action | None:
        """The action as it stands now; None for an id that we did not give out."""
        row = (await self._session.execute(select(ACTIONS).where(ACTIONS.c.id == action_id))).one_or_none()
        return None if row is None else action_of(row)

    async def of_incident(self, incident_id: int) -> Sequence[Action]:
        """Oldest first."""
        return await self._all(
            select(ACTIONS)
            .where(ACTIONS.c.incident_id == incident_id)
            .order_by(ACTIONS.c.created_at, ACTIONS.c.revision, ACTIONS.c.id)
        )

    async def current_of(self, incidents: Collection[int]) -> Sequence[Action]:
        """The action of each incident's present question, where it has one."""
        return await self._all(
            select(ACTIONS)
            .join(INCIDENTS, INCIDENTS.c.id == ACTIONS.c.incident_id)
            .where(ACTIONS.c.incident_id.in_(incidents), ACTIONS.c.revision == INCIDENTS.c.revision)
        )

    async def move(self, action_id: str, event: ActionEvent, **changes: Any) -> Action | None:
        """Apply ``event`` where the lifecycle allows it, with field changes; the new row, or None if too late.

        Raises:
            TypeError: a change names no field of an action, or one that never changes.
        """
        _refuse_unknown(changes)
        return await self._updated(
            update(ACTIONS).where(ACTIONS.c.id == action_id, ACTIONS.c.state.in_(ACTION_LIFECYCLE.sources(event))),
            {"state": ACTION_LIFECYCLE.target(event), **changes},
        )

    async def amend(self, action: Action, **changes: Any) -> Action | None:
        """Change fields of a row whose state and waits are still those of ``action``; the new row, or None.

        Raises:
            TypeError: a change names no field of an action, or one that never changes.
        """
        _refuse_unknown(changes)
        return await self._updated(
            update(ACTIONS).where(
                ACTIONS.c.id == action.id,
                ACTIONS.c.state == action.state,
                ACTIONS.c.due_at.is_not_distinct_from(action.due_at),
                ACTIONS.c.remind_at.is_not_distinct_from(action.remind_at),
            ),
            changes,
        )

    async def halt(self, action_id: str, by: str, why: str, now: datetime) -> bool:
        """Keep every further step from beginning, where it runs; False where it does not, or was halted before."""
        halted = await self._session.execute(
            update(ACTIONS)
            .where(ACTIONS.c.id == action_id, ACTIONS.c.state.in_(IN_STEPS), ACTIONS.c.halted_at.is_(None))
            .values(halted_by=by, halted_at=now, halted_why=why)
            .returning(ACTIONS.c.id)
        )
        return halted.first() is not None

    async def harmed(self, action_id: str) -> bool:
        """It has done harm, whatever else came of it; False when that is on record already."""
        found = await self._session.execute(
            update(ACTIONS)
            .where(ACTIONS.c.id == action_id, ACTIONS.c.ending.is_distinct_from(Ending.HARMED))
            .values(ending=Ending.HARMED)
            .returning(ACTIONS.c.id)
        )
        return found.first() is not None

    async def unanswered(self, now: datetime, limit: int = 100) -> Sequence[Action]:
        """Questions whose time is over or whose people are to be reminded, longest overdue first."""
        return await self._all(
            select(ACTIONS)
            .where(ACTIONS.c.state == ActionState.WAITING, (ACTIONS.c.due_at <= now) | (ACTIONS.c.remind_at <= now))
            .order_by(ACTIONS.c.due_at, ACTIONS.c.id)
            .limit(limit)
        )

    async def due(self, state: ActionState, now: datetime, limit: int = 100) -> Sequence[Action]:
        """Actions in ``state`` whose ``due_at`` has passed, longest overdue first."""
        return await self.due_in({state}, now, limit)

    async def due_in(self, states: Collection[ActionState], now: datetime, limit: int = 300) -> Sequence[Action]:
        """The same for several states together."""
        return await self._all(
            select(ACTIONS)
            .where(ACTIONS.c.state.in_(states), ACTIONS.c.due_at <= now)
            .order_by(ACTIONS.c.due_at, ACTIONS.c.id)
            .limit(limit)
        )

    async def in_states(self, states: frozenset[ActionState], limit: int = 1000) -> Sequence[Action]:
        """Oldest first."""
        return await self._all(
            select(ACTIONS).where(ACTIONS.c.state.in_(states)).order_by(ACTIONS.c.created_at, ACTIONS.c.id).limit(limit)
        )

    async def finished(self, since: datetime, limit: int = 20) -> Sequence[Action]:
        """What ended since then, newest first; a question that only made room for a newer one is no end."""
        return await self._all(
            select(ACTIONS)
            .where(ACTIONS.c.finished_at >= since, ACTIONS.c.state != ActionState.SUPERSEDED)
            .order_by(ACTIONS.c.finished_at.desc(), ACTIONS.c.id)
            .limit(limit)
        )

    async def runbooks_and_targets(self, limit: int = 1000) -> tuple[frozenset[str], frozenset[str]]:
        """What the newest actions were about: runbooks by name; targets by key and by the name people see."""
        rows = await self._session.execute(
            select(ACTIONS.c.runbook, ACTIONS.c.plan).order_by(ACTIONS.c.created_at.desc()).limit(limit)
        )
        runbooks, targets = set[str](), set[str]()
        for row in rows:
            runbooks.add(row.runbook)
            for target in Plan.model_validate(row.plan).targets:
                targets |= {target.key, target.label}
        return frozenset(runbooks), frozenset(targets)

    async def history(
        self, runbooks: Collection[str], services: Collection[str], since: datetime, limit: int = 20
    ) -> History:
        """Finished actions of the runbooks or on the services, newest first; each outcome is its final state.

        Questions that ended without anything being done are no history: however many, they hide no act.
        """
        actions = await self._all(
            select(ACTIONS)
            .where(
                ACTIONS.c.finished_at >= since,
                ACTIONS.c.state.in_(ENDED_AFTER_AN_EFFECT),
                ACTIONS.c.runbook.in_(runbooks) | ACTIONS.c.service.in_(services),
            )
            .order_by(ACTIONS.c.finished_at.desc(), ACTIONS.c.id)
            .limit(limit)
        )
        return History(
            actions=tuple(
                PastAction(
                    action_id=action.id,
                    runbook=action.runbook,
                    service=action.plan.service,
                    outcome=action.state,
                    at=action.finished_at,
                    result=action.result or "",
                    by=action.by,
                )
                for action in actions
                if action.finished_at is not None
            )
        )

    async def acts_since(self, since: datetime) -> Sequence[Action]:
        """Every action whose effect began, or that ended after one, since then; oldest first."""
        return await self._all(
            select(ACTIONS)
            .where(
                (ACTIONS.c.begun_at >= since)
                | (ACTIONS.c.finished_at >= since) & ACTIONS.c.state.in_(ENDED_AFTER_AN_EFFECT)
            )
            .order_by(ACTIONS.c.created_at, ACTIONS.c.id)
        )

    async def _updated(self, statement: Update, changes: Mapping[str, Any]) -> Action | None:
        row = (await self._session.execute(statement.values(**_columns(changes)).returning(ACTIONS))).one_or_none()
        return None if row is None else action_of(row)

    async def _all(self, statement: Any) -> list[Action]:
        return [action_of(row) for row in await self._session.execute(statement)]


def _refuse_unknown(changes: Mapping[str, Any]) -> None:
    if unknown := changes.keys() - CHANGEABLE:
        raise TypeError(f"cannot change {sorted(unknown)} of an action; changeable are {sorted(CHANGEABLE)}")


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    columns = dict(values)
    plan = columns.get("plan")
    if isinstance(plan, Plan):
        columns["plan"] = plan.model_dump(mode="json")
        columns["service"] = plan.service
    if "decided_by" in columns:
        columns["decided_by"] = list(columns["decided_by"])
    for name in ("overridden", "services"):
        if name in columns:
            columns[name] = list(columns[name])
    if "asked" in columns:
        columns["asked"] = asked_document(columns["asked"])
    return columns


def action_of(row: Row[Any]) -> Action:
    """The row as a value, whichever release wrote it."""
    return Action(
        id=row.id,
        incident_id=row.incident_id,
        revision=row.revision,
        runbook=row.runbook,
        trigger=Trigger(row.trigger) if row.trigger in tuple(Trigger) else Trigger.ALERT,
        requested_by=row.requested_by,
        verdict=Verdict(row.verdict),
        state=_state(row),
        plan=Plan.model_validate(row.plan),
        plan_digest=row.plan_digest,
        approvals_needed=row.approvals_needed,
        asked=asked_groups(row.asked),
        veto_window_seconds=row.veto_window_seconds,
        execute_within_seconds=row.execute_within_seconds,
        due_at=row.due_at,
        created_at=row.created_at,
        decided_at=row.decided_at,
        decided_by=tuple(row.decided_by),
        finished_at=row.finished_at,
        outcome=row.outcome,
        by_hand=row.by_hand,
        remind_at=row.remind_at,
        overridden=tuple(row.overridden or ()),
        services=tuple(row.services) if row.services is not None else (row.service,),
        begun_at=row.begun_at,
        result=None if row.result is None else Result(row.result),
        rollbacks=row.rollbacks,
        halted_by=row.halted_by,
        halted_at=row.halted_at,
        halted_why=row.halted_why or "",
        runbook_digest=row.runbook_digest or "",
        ending=None if row.ending is None else Ending(row.ending),
    )


def _state(row: Row[Any]) -> ActionState:
    """The state, also of a row that a newer release has moved to one we do not know: it is under way there, or over."""
    if row.state in tuple(ActionState):
        return ActionState(row.state)
    return ActionState.VERIFYING if row.finished_at is None else ActionState.FAILED
