"""Attempts: the rows that make an external effect begin at most once, whatever crashes in between."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.remediation import Snapshot
from bot.response.model.records import Attempt, AttemptState
from storage.once import insert_once
from storage.tables import ACTION_STEPS, ATTEMPTS


class Attempts:
    """Implements ``bot.response.ports.effects.Attempts``."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def claim(self, key: str, snapshot: Snapshot | None) -> Attempt:
        """Create the row in state claimed, or return what is there (after a crash)."""
        document = None if snapshot is None else json.loads(snapshot.model_dump_json())
        await insert_once(
            self._session, ATTEMPTS, key=key, state=AttemptState.CLAIMED, snapshot=document, report="", in_steps=True
        )
        attempt = await self.get(key)
        if attempt is None:
            raise LookupError(
                f"attempt {key!r} vanished while it was being claimed; rows of attempts are never deleted"
            )
        return attempt

    async def start_once(self, key: str) -> bool:
        """Move it from claimed to started; True for exactly one caller, ever."""
        started = await self._session.execute(
            update(ATTEMPTS)
            .where(ATTEMPTS.c.key == key, ATTEMPTS.c.state == AttemptState.CLAIMED)
            .values(state=AttemptState.STARTED)
            .returning(ATTEMPTS.c.key)
        )
        return started.first() is not None

    async def give_back(self, key: str) -> bool:
        """Move it from started to claimed, where no step of it was ever begun; True when this call did."""
        step = select(ACTION_STEPS.c.number).where(ACTION_STEPS.c.attempt == key)
        returned = await self._session.execute(
            update(ATTEMPTS)
            .where(ATTEMPTS.c.key == key, ATTEMPTS.c.state == AttemptState.STARTED, ~step.exists())
            .values(state=AttemptState.CLAIMED)
            .returning(ATTEMPTS.c.key)
        )
        return returned.first() is not None

    async def finish(
        self, key: str, state: AttemptState, report: str, details: Mapping[str, Any] | None = None
    ) -> None:
        """Record the end of an attempt that has not ended yet; an earlier end stands."""
        await self._session.execute(
            update(ATTEMPTS)
            .where(ATTEMPTS.c.key == key, ATTEMPTS.c.state.in_([AttemptState.CLAIMED, AttemptState.STARTED]))
            .values(state=state, report=report, details=None if details is None else dict(details))
        )

    async def left_behind(self, key: str, after: Snapshot) -> None:
        """Record the state right after the effect; the first record stands."""
        await self._session.execute(
            update(ATTEMPTS)
            .where(ATTEMPTS.c.key == key, ATTEMPTS.c.after.is_(None))
            .values(after=json.loads(after.model_dump_json()))
        )

    async def get(self, key: str) -> Attempt | None:
        """The attempt, however far it got; None when it was never claimed."""
        row = (await self._session.execute(select(ATTEMPTS).where(ATTEMPTS.c.key == key))).one_or_none()
        if row is None:
            return None
        return Attempt(
            key=row.key,
            state=AttemptState(row.state),
            snapshot=None if row.snapshot is None else Snapshot.model_validate(row.snapshot),
            report=row.report,
            after=None if row.after is None else Snapshot.model_validate(row.after),
            details=row.details or {},
            in_steps=row.in_steps,
        )
