"""Votes: one per person and question, and who had opened the evidence before answering."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.response.model.records import Ballot, Vote
from storage.once import insert_once
from storage.tables import EVIDENCE_VIEWS, VOTES


class Votes:
    """Implements ``bot.response.ports.rows.Votes``."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def cast(self, action_id: str, vote: Vote) -> bool:
        """Store a vote; False when this person has already answered this question."""
        return await insert_once(
            self._session,
            VOTES,
            action_id=action_id,
            person=vote.person,
            ballot=vote.ballot,
            at=vote.at,
            opened_evidence=vote.opened_evidence,
        )

    async def withdraw(self, action_id: str, person: str) -> Vote | None:
        """Withdraw a person's approval, as if it had never been cast; the vote that was, None when there was none."""
        row = (
            await self._session.execute(
                delete(VOTES)
                .where(VOTES.c.action_id == action_id, VOTES.c.person == person, VOTES.c.ballot == Ballot.APPROVE)
                .returning(VOTES)
            )
        ).one_or_none()
        return None if row is None else _vote(row)

    async def of(self, action_id: str) -> Sequence[Vote]:
        """Oldest first."""
        rows = await self._session.execute(
            select(VOTES).where(VOTES.c.action_id == action_id).order_by(VOTES.c.at, VOTES.c.person)
        )
        return [_vote(row) for row in rows]

    async def of_all(self, action_ids: Collection[str]) -> Mapping[str, frozenset[str]]:
        """Who has answered each of these questions so far."""
        people: dict[str, set[str]] = {}
        for row in await self._session.execute(
            select(VOTES.c.action_id, VOTES.c.person).where(VOTES.c.action_id.in_(action_ids))
        ):
            people.setdefault(row.action_id, set()).add(row.person)
        return {action_id: frozenset(found) for action_id, found in people.items()}

    async def opened(self, incident_id: int, revision: int, person: str, at: datetime) -> None:
        """Remember that a person has opened the evidence; the first time counts."""
        await insert_once(
            self._session, EVIDENCE_VIEWS, incident_id=incident_id, revision=revision, person=person, at=at
        )

    async def has_opened(self, incident_id: int, revision: int, person: str) -> bool:
        """Whether the person opened the evidence while this revision stood."""
        rows = await self._session.execute(
            select(EVIDENCE_VIEWS.c.person).where(
                EVIDENCE_VIEWS.c.incident_id == incident_id,
                EVIDENCE_VIEWS.c.revision == revision,
                EVIDENCE_VIEWS.c.person == person,
            )
        )
        return rows.first() is not None


def _vote(row: Row[Any]) -> Vote:
    return Vote(person=row.person, ballot=Ballot(row.ballot), at=row.at, opened_evidence=row.opened_evidence)
