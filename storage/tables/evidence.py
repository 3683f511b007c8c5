"""What a runbook has earned and lost: gates with what they were passed with and what they saw, cases, demotions."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index
from sqlmodel import Field

from storage.columns import Number, PlainText, Row, UtcTime, table


class LicenceRow(Row, table=True):
    """One gate passed by one version of a runbook."""

    __tablename__ = "licences"

    runbook: str = Field(primary_key=True, sa_type=PlainText)
    runbook_digest: str = Field(primary_key=True)
    gate: str = Field(primary_key=True)
    passed_by: str
    passed_at: datetime = Field(sa_type=UtcTime)
    until: datetime = Field(sa_type=UtcTime)
    seal: str | None = None
    """Digest of everything it was passed with; None in rows of older releases, sealed by the runbook alone."""


class SealRow(Row, table=True):
    """What gates were passed with, once for all rows that name it."""

    __tablename__ = "seals"

    digest: str = Field(primary_key=True)
    document: dict[str, Any] = Field(sa_type=JSON)


class StagingCaseRow(Row, table=True):
    """One gate that carried a runbook out on staging, and what came of it."""

    __tablename__ = "staging_cases"

    runbook: str = Field(primary_key=True, sa_type=PlainText)
    key: str = Field(primary_key=True)
    runbook_digest: str
    alert: str = Field(sa_type=PlainText)
    ending: str
    at: datetime = Field(sa_type=UtcTime)


class GateReportRow(Row, table=True):
    """What the last run of the gates has seen of one version of a runbook."""

    __tablename__ = "gate_reports"

    runbook: str = Field(primary_key=True, sa_type=PlainText)
    runbook_digest: str = Field(primary_key=True)
    at: datetime = Field(sa_type=UtcTime)
    report: dict[str, Any] = Field(sa_type=JSON)


class DemotionRow(Row, table=True):
    """A cap on a runbook's level, after harm or an overdue review, until it is lifted."""

    __tablename__ = "demotions"
    __table_args__ = (
        Index("uq_demotions_review_of", "review_of", unique=True),
        Index("uq_demotions_cause", "runbook", "cause", unique=True),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=Number)
    runbook: str = Field(sa_type=PlainText)
    level: int
    reason: str = Field(sa_type=PlainText)
    at: datetime = Field(sa_type=UtcTime)
    lifted_at: datetime | None = Field(default=None, sa_type=UtcTime)
    lifted_by: str | None = None
    review_of: str | None = None
    """The action whose overdue review is the reason; its review lifts the demotion. Once per action."""
    cause: str | None = None
    """Key of what it is for, once per runbook; None in rows of older releases that were for no review."""


LICENCES = table(LicenceRow)
SEALS = table(SealRow)
STAGING_CASES = table(StagingCaseRow)
GATE_REPORTS = table(GateReportRow)
DEMOTIONS = table(DemotionRow)
