"""Licences: gates passed with what, what they saw, cases on staging and in production, and demotions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.policy.levels import Level
from bot.policy.rules.demotion import Cause, Due
from bot.policy.rules.seal import digest_of_seal
from bot.policy.situation import Demotion, Evidenced, Gate, GatePass
from bot.policy.track_record import Ending, PastCase, Seal
from storage.cases import cases_in_production
from storage.once import insert_once, put
from storage.tables import DEMOTIONS, GATE_REPORTS, LICENCES, REVIEWS, SEALS, STAGING_CASES

STAGING_CASES_MAX = 100
"""The newest that count."""


class Licences:
    """Implements ``bot.response.ports.licences.Licences``."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def of(self, runbook: str) -> Evidenced:
        """Everything on record about the runbook."""
        gates = await self._gates(runbook)
        cases = (*await cases_in_production(self._session, runbook), *await self._staging_cases(runbook))
        return Evidenced(
            gates=gates,
            seals=await self._seals({row.seal for row in gates} - {""}),
            demotions=await self._demotions(runbook),
            lifted=await self._lifted(runbook),
            cases=tuple(sorted(cases, key=lambda case: case.at, reverse=True)),
        )

    async def pass_gate(self, runbook: str, passed: GatePass, seal: Seal) -> None:
        """Record a passed gate with everything it was passed with.

        Raises:
            ValueError: the pass names another seal.
        """
        if passed.seal != digest_of_seal(seal):
            raise ValueError(f"the pass of {passed.gate} by {runbook!r} names another seal than it comes with")
        await insert_once(self._session, SEALS, digest=passed.seal, document=seal.model_dump(mode="json"))
        await put(
            self._session,
            LICENCES,
            runbook=runbook,
            runbook_digest=passed.digest,
            gate=passed.gate,
            passed_by=passed.by,
            passed_at=passed.passed_at,
            until=passed.until,
            seal=passed.seal,
        )

    async def fail_gate(self, runbook: str, digest: str, gate: Gate) -> None:
        """Delete the pass that there is."""
        await self._session.execute(
            delete(LICENCES).where(
                LICENCES.c.runbook == runbook, LICENCES.c.runbook_digest == digest, LICENCES.c.gate == gate
            )
        )

    async def add_cases(self, runbook: str, cases: Sequence[PastCase]) -> None:
        """Record cases on staging, once each.

        Raises:
            ValueError: a case is none of staging; those of production are drawn from its actions.
        """
        for case in cases:
            if not case.staging:
                raise ValueError(f"the case {case.key!r} is none of staging")
            await insert_once(
                self._session,
                STAGING_CASES,
                runbook=runbook,
                key=case.key,
                runbook_digest=case.digest,
                alert=case.alert,
                ending=case.ending,
                at=case.at,
            )

    async def keep_report(self, runbook: str, digest: str, report: Mapping[str, Any], at: datetime) -> None:
        """Keep what the gates saw of this version, in place of what they saw before."""
        await put(self._session, GATE_REPORTS, runbook=runbook, runbook_digest=digest, at=at, report=dict(report))

    async def report_of(self, runbook: str, digest: str) -> Mapping[str, Any] | None:
        """What the gates saw last of this version."""
        report: Mapping[str, Any] | None = await self._session.scalar(
            select(GATE_REPORTS.c.report).where(
                GATE_REPORTS.c.runbook == runbook, GATE_REPORTS.c.runbook_digest == digest
            )
        )
        return report

    async def demote(self, runbook: str, due: Due, now: datetime, *, action_id: str | None = None) -> bool:
        """Cap the runbook, once per cause; a review that was asked for anew may be overdue anew.

        What expired caps by itself: its row is over as soon as it is there.
        """
        over = due.cause is Cause.EXPIRED
        written = await insert_once(
            self._session,
            DEMOTIONS,
            runbook=runbook,
            level=int(due.level),
            reason=due.reason,
            at=now,
            cause=due.key,
            review_of=action_id if due.cause is Cause.OVERDUE else None,
            lifted_at=now if over else None,
        )
        return written or (due.cause is Cause.OVERDUE and await self._again(runbook, due, now))

    async def _again(self, runbook: str, due: Due, now: datetime) -> bool:
        """Put a demotion that was lifted into force once more; False where it is in force."""
        again = await self._session.execute(
            update(DEMOTIONS)
            .where(DEMOTIONS.c.runbook == runbook, DEMOTIONS.c.cause == due.key, DEMOTIONS.c.lifted_at.is_not(None))
            .values(lifted_at=None, lifted_by=None, at=now, level=int(due.level), reason=due.reason)
            .returning(DEMOTIONS.c.id)
        )
        return again.first() is not None

    async def promote(self, runbook: str, by: str, now: datetime) -> tuple[str, ...]:
        """Lift what people can lift."""
        still_open = exists().where(REVIEWS.c.action_id == DEMOTIONS.c.review_of, REVIEWS.c.done_at.is_(None))
        return await self._lift(by, now, DEMOTIONS.c.runbook == runbook, ~still_open)

    async def reviewed(self, action_id: str, by: str, now: datetime) -> bool:
        """Lift what the overdue review of this action took away; True when it had taken something."""
        return bool(await self._lift(by, now, DEMOTIONS.c.review_of == action_id))

    async def _lift(self, by: str, now: datetime, *which: ColumnElement[bool]) -> tuple[str, ...]:
        lifted = await self._session.execute(
            update(DEMOTIONS)
            .where(DEMOTIONS.c.lifted_at.is_(None), *which)
            .values(lifted_at=now, lifted_by=by)
            .returning(DEMOTIONS.c.cause)
        )
        return tuple(sorted(row.cause or "" for row in lifted))

    async def _gates(self, runbook: str) -> tuple[GatePass, ...]:
        rows = await self._session.execute(
            select(LICENCES).where(LICENCES.c.runbook == runbook).order_by(LICENCES.c.passed_at, LICENCES.c.gate)
        )
        return tuple(
            GatePass(
                gate=Gate(row.gate),
                digest=row.runbook_digest,
                passed_at=row.passed_at,
                until=row.until,
                seal=row.seal or "",
                by=row.passed_by if row.seal else "",
            )
            for row in rows
            if row.gate in tuple(Gate)  # one that only a newer release knows counts for nothing here
        )

    async def _seals(self, digests: set[str]) -> dict[str, Seal]:
        rows = await self._session.execute(select(SEALS).where(SEALS.c.digest.in_(digests)))
        return {row.digest: Seal.model_validate(row.document) for row in rows}

    async def _demotions(self, runbook: str) -> tuple[Demotion, ...]:
        rows = await self._session.execute(
            select(DEMOTIONS)
            .where(DEMOTIONS.c.runbook == runbook, DEMOTIONS.c.lifted_at.is_(None))
            .order_by(DEMOTIONS.c.level, DEMOTIONS.c.id.desc())
        )
        return tuple(
            Demotion(level=Level(row.level), reason=row.reason, at=row.at, cause=row.cause or "") for row in rows
        )

    async def _lifted(self, runbook: str) -> tuple[str, ...]:
        """Keys of what people lifted; an overdue review is none of it, it ends with the review."""
        rows = await self._session.execute(
            select(DEMOTIONS.c.cause)
            .where(
                DEMOTIONS.c.runbook == runbook,
                DEMOTIONS.c.lifted_at.is_not(None),
                DEMOTIONS.c.cause.is_not(None),
                DEMOTIONS.c.review_of.is_(None),
            )
            .order_by(DEMOTIONS.c.id)
        )
        return tuple(row.cause for row in rows)

    async def _staging_cases(self, runbook: str) -> tuple[PastCase, ...]:
        rows = await self._session.execute(
            select(STAGING_CASES)
            .where(STAGING_CASES.c.runbook == runbook)
            .order_by(STAGING_CASES.c.at.desc(), STAGING_CASES.c.key)
            .limit(STAGING_CASES_MAX)
        )
        return tuple(
            PastCase(
                key=row.key,
                alert=row.alert,
                ending=Ending(row.ending),
                at=row.at,
                digest=row.runbook_digest,
                staging=True,
            )
            for row in rows
        )
