"""Candidacies: runbooks that stand for a higher level, one run of gates at a time per runbook and over all replicas."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.policy.file.canonical import digest_of
from bot.response.model.candidacies import (
    CANDIDACY_LIFECYCLE,
    Candidacy,
    CandidacyEvent,
    CandidacyKind,
    CandidacyState,
    Findings,
)
from storage.leases import Leases
from storage.once import insert_once
from storage.tables import CANDIDACIES

CANDIDACY_LEASES = Leases(CANDIDACIES, CANDIDACIES.c.state == CandidacyState.RUNNING)


class Candidacies:
    """Implements ``bot.response.ports.candidacies.Candidacies``."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def begin(
        self,
        handle: str,
        runbook: str,
        kind: CandidacyKind,
        *,
        by: str,
        findings: Findings,
        now: datetime,
        key: str = "",
    ) -> Candidacy | None:
        """Add one; see the port."""
        asks_for_gates = kind is CandidacyKind.GATES and not key
        added = await insert_once(
            self._session,
            CANDIDACIES,
            handle=handle,
            kind=kind,
            runbook=runbook,
            state=CandidacyState.RUNNING if asks_for_gates else CandidacyState.WAITING,
            proposal=digest_of({"runbook": runbook, "state": key}) if key else None,
            begun_by=by,
            begun_at=now,
            findings=findings.model_dump(mode="json"),
            revision=1,
            ended_at=None if asks_for_gates else now,
            episodes=[],
            attempts=0,
        )
        return await self.get(handle) if added else None

    async def get(self, handle: str) -> Candidacy | None:
        """By what its buttons carry."""
        row = (await self._session.execute(select(CANDIDACIES).where(CANDIDACIES.c.handle == handle))).one_or_none()
        return None if row is None else _candidacy(row)

    async def of(self, runbook: str, *states: CandidacyState) -> Sequence[Candidacy]:
        """The runbook's in these states, oldest first."""
        rows = await self._session.execute(
            select(CANDIDACIES)
            .where(CANDIDACIES.c.runbook == runbook, CANDIDACIES.c.state.in_(states))
            .order_by(CANDIDACIES.c.id)
        )
        return [_candidacy(row) for row in rows]

    async def due(self, now: datetime) -> Sequence[Candidacy]:
        """Those whose gates are to be run and that nobody holds."""
        rows = await self._session.execute(
            select(CANDIDACIES).where(CANDIDACY_LEASES.free(now)).order_by(CANDIDACIES.c.id)
        )
        return [_candidacy(row) for row in rows]

    async def claim(self, candidacy_id: int, *, by: str, now: datetime, until: datetime) -> Candidacy | None:
        """Take the lease; None when somebody else was first."""
        row = await CANDIDACY_LEASES.claim(self._session, candidacy_id, by=by, now=now, until=until)
        return None if row is None else _candidacy(row)

    async def hold(self, candidacy_id: int, *, by: str, until: datetime) -> bool:
        """Keep the lease until ``until``; False when it was lost."""
        return await self._held(candidacy_id, by, claimed_until=until) is not None

    async def note(self, candidacy_id: int, findings: Findings, *, by: str) -> Candidacy | None:
        """What was seen so far, from whoever holds the lease; None when it was lost."""
        return await self._held(candidacy_id, by, findings=findings.model_dump(mode="json"))

    async def move(
        self,
        candidacy_id: int,
        event: CandidacyEvent,
        *,
        findings: Findings,
        now: datetime,
        by: str | None = None,
        holder: str | None = None,
    ) -> Candidacy | None:
        """Go on to another state; see the port."""
        row = await CANDIDACY_LEASES.release(
            self._session,
            candidacy_id,
            CANDIDACIES.c.state.in_(CANDIDACY_LIFECYCLE.sources(event)),
            by=holder,
            state=CANDIDACY_LIFECYCLE.target(event),
            findings=findings.model_dump(mode="json"),
            revision=CANDIDACIES.c.revision + 1,
            decided_by=by,
            ended_at=now,
        )
        return None if row is None else _candidacy(row)

    async def _held(self, candidacy_id: int, by: str, **changes: Any) -> Candidacy | None:
        row = (
            await self._session.execute(
                update(CANDIDACIES)
                .where(
                    CANDIDACIES.c.id == candidacy_id,
                    CANDIDACIES.c.state == CandidacyState.RUNNING,
                    CANDIDACIES.c.claimed_by == by,
                )
                .values(**changes)
                .returning(CANDIDACIES)
            )
        ).one_or_none()
        return None if row is None else _candidacy(row)


def _candidacy(row: Row[Any]) -> Candidacy:
    return Candidacy(
        id=row.id,
        handle=row.handle,
        kind=CandidacyKind(row.kind),
        runbook=row.runbook,
        state=CandidacyState(row.state),
        by=row.begun_by,
        began=row.begun_at,
        findings=Findings.model_validate(row.findings, extra="ignore"),
        revision=row.revision,
        decided_by=row.decided_by,
        ended=row.ended_at,
        tries=row.attempts,
    )
