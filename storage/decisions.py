"""Decisions with the situation each of them rests on, as the exact text that was sealed."""

import json
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Row, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.policy.file.document import Policy
from bot.policy.stored import read_decision, read_policy, read_situation, sealed
from bot.response.model.records import AssessmentResult, ClaimJudgement, StoredDecision
from storage.once import insert_once
from storage.tables import ASSESSMENTS, CLAIM_JUDGEMENTS, DECISIONS, POLICIES

log = logging.getLogger(__name__)


class Decisions:
    """Implements ``bot.response.ports.rows.Decisions``."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, stored: StoredDecision) -> None:
        """Store a decision with the text of its situation; nothing is ever changed in such a row."""
        text, seal = sealed(stored.situation)
        await self._session.execute(
            insert(DECISIONS).values(
                incident_id=stored.incident_id,
                revision=stored.revision,
                situation={},
                text=text,
                seal=seal,
                decision=json.loads(stored.decision.model_dump_json()),
                policy_digest=stored.policy_digest,
                audit_entry=stored.audit_entry,
                at=stored.at,
            )
        )

    async def latest(self, incident_id: int) -> StoredDecision | None:
        """The decision about the incident's present question; None also when only a newer release can read it."""
        return await self._one(DECISIONS.c.incident_id == incident_id)

    async def at_revision(self, incident_id: int, revision: int) -> StoredDecision | None:
        """The decision that led to this revision of the incident's card."""
        return await self._one((DECISIONS.c.incident_id == incident_id) & (DECISIONS.c.revision == revision))

    async def add_claim(self, judged: ClaimJudgement) -> None:
        """Store the judgement made when an action claimed its targets."""
        text, seal = sealed(judged.situation)
        await self._session.execute(
            insert(CLAIM_JUDGEMENTS).values(
                action_id=judged.action_id,
                text=text,
                seal=seal,
                decision=json.loads(judged.decision.model_dump_json()),
                policy_digest=judged.decision.policy_digest,
                audit_entry=judged.audit_entry,
                at=judged.at,
            )
        )

    async def claims_of(self, action_id: str) -> Sequence[ClaimJudgement]:
        """Every judgement made for the action at a claim, oldest first."""
        rows = await self._session.execute(
            select(CLAIM_JUDGEMENTS).where(CLAIM_JUDGEMENTS.c.action_id == action_id).order_by(CLAIM_JUDGEMENTS.c.id)
        )
        return [
            ClaimJudgement(
                action_id=row.action_id,
                situation=read_situation(row.text, row.seal),
                decision=read_decision(row.decision, json.loads(row.text)),
                audit_entry=row.audit_entry,
                at=row.at,
            )
            for row in rows
        ]

    async def note(
        self, incident_id: int, result: AssessmentResult, detail: str, policy: Policy, now: datetime
    ) -> None:
        """Leave a small row about an assessment that decided nothing new."""
        await self._session.execute(
            insert(ASSESSMENTS).values(
                incident_id=incident_id, at=now, result=result, detail=detail, policy_digest=policy.digest
            )
        )

    async def last_note(self, incident_id: int) -> str:
        """The detail of the last assessment that decided nothing new; empty when there was none."""
        detail = await self._session.scalar(
            select(ASSESSMENTS.c.detail)
            .where(ASSESSMENTS.c.incident_id == incident_id, ASSESSMENTS.c.result != AssessmentResult.MUTED)
            .order_by(ASSESSMENTS.c.id.desc())
            .limit(1)
        )
        return detail or ""

    async def keep(self, policy: Policy, now: datetime) -> None:
        """Store the whole policy under its digest, once."""
        document = json.dumps(policy.as_written(), ensure_ascii=False)
        await insert_once(self._session, POLICIES, digest=policy.digest, document=document, first_used_at=now)

    async def policy(self, digest: str) -> Policy | None:
        """The policy of this digest, as it decided; None when it was never used here, or this release cannot read it.

        Raises:
            AlteredError: what is stored is not that policy.
        """
        document = await self._session.scalar(select(POLICIES.c.document).where(POLICIES.c.digest == digest))
        return None if document is None else read_policy(document, digest)

    async def _one(self, condition: Any) -> StoredDecision | None:
        row = (
            await self._session.execute(
                select(DECISIONS).where(condition).order_by(DECISIONS.c.revision.desc()).limit(1)
            )
        ).one_or_none()
        return None if row is None else _decision(row)


def _decision(row: Row[Any]) -> StoredDecision | None:
    """The row as a decision; None for one that a newer release wrote in a shape which this one cannot read.

    Raises:
        AlteredError: the stored situation is not what was sealed.
    """
    text = row.text if row.text is not None else json.dumps(row.situation)  # written by an older release meanwhile
    try:
        situation = read_situation(text, row.seal)
        decision = read_decision(row.decision, json.loads(text))
    except (ValidationError, KeyError) as error:
        log.warning(
            "the decision %d of INC-%d cannot be read here, as if it were of a newer release: %s",
            row.revision,
            row.incident_id,
            error,
        )
        return None
    return StoredDecision(
        incident_id=row.incident_id,
        revision=row.revision,
        situation=situation,
        decision=decision,
        policy_digest=row.policy_digest,
        audit_entry=row.audit_entry,
        at=row.at,
    )
