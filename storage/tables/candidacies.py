"""Runbooks that stand for a higher level."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint, text
from sqlmodel import Field

from storage.columns import Number, PlainText, Row, UtcTime, table


class CandidacyRow(Row, table=True):
    """One attempt at a higher level: who runs its gates, what was seen, and where people find it."""

    __tablename__ = "candidacies"
    __table_args__ = (
        UniqueConstraint("proposal"),
        Index(
            "uq_candidacies_running",
            "runbook",
            unique=True,
            sqlite_where=text("state = 'running'"),
            postgresql_where=text("state = 'running'"),
        ),
        Index("ix_candidacies_ended_at", "ended_at"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=Number)
    handle: str = Field(unique=True)
    kind: str
    runbook: str = Field(sa_type=PlainText)
    state: str
    proposal: str | None = None
    """Digest of the runbook and of everything a proposal rests on; None where a person asked."""
    begun_by: str
    begun_at: datetime = Field(sa_type=UtcTime)
    findings: dict[str, Any] = Field(sa_type=JSON)
    revision: int = 0
    decided_by: str | None = None
    ended_at: datetime | None = Field(default=None, sa_type=UtcTime)
    episodes: list[str] = Field(sa_type=JSON)
    """Alerts about the twin that came while its gates were run: they are the run's for good."""
    attempts: int = 0
    claimed_by: str | None = None
    claimed_until: datetime | None = Field(default=None, sa_type=UtcTime)
    channel: str | None = None
    thread_ts: str | None = None


CANDIDACIES = table(CandidacyRow)
