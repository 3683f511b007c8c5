"""What is done to real systems: effects, their steps, when one ends, what is locked meanwhile; and what others do."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, false, text
from sqlmodel import Field

from storage.columns import Number, PlainText, Row, UtcTime, table


class AttemptRow(Row, table=True):
    """One external effect, and the snapshot taken before it; the fence that lets it begin at most once."""

    __tablename__ = "attempts"

    key: str = Field(primary_key=True)
    state: str
    snapshot: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    after: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    """The same right after the effect: what we left behind; a rollback never overwrites what came later."""
    report: str = Field(default="", sa_type=PlainText)
    details: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    """The remediation's own, beside the report; None until it is done."""
    in_steps: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """Whether its changes are rows of ``action_steps``; those of older releases have none."""


class ActionStepRow(Row, table=True):
    """One change of an attempt: stored before it begins, and again when it has ended."""

    __tablename__ = "action_steps"

    attempt: str = Field(primary_key=True, foreign_key="attempts.key")
    number: int = Field(primary_key=True)
    """From 1, in the order in which they began."""
    words: str = Field(sa_type=PlainText)
    target: str = Field(default="", sa_type=PlainText)
    begun_at: datetime = Field(sa_type=UtcTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcTime)
    """None: it is under way, or nobody lived to tell."""
    problem: str = Field(default="", sa_type=PlainText)
    """Why it failed; empty when it did not."""
    details: dict[str, Any] | None = Field(default=None, sa_type=JSON)


class WearOffRow(Row, table=True):
    """An effect that ends by itself: when it is checked whether it has."""

    __tablename__ = "wear_offs"
    __table_args__ = (
        Index(
            "ix_wear_offs_due_at",
            "due_at",
            sqlite_where=text("seen_at IS NULL"),
            postgresql_where=text("seen_at IS NULL"),
        ),
    )

    action_id: str = Field(primary_key=True, foreign_key="actions.id")
    due_at: datetime = Field(sa_type=UtcTime)
    checks: int = 0
    """How often it was checked."""
    seen_at: datetime | None = Field(default=None, sa_type=UtcTime)
    """When that was settled."""
    ended: bool | None = None
    """What was found then."""


class BurnWatchRow(Row, table=True):
    """An autonomous act whose error budgets are watched for a while."""

    __tablename__ = "burn_watches"
    __table_args__ = (
        Index(
            "ix_burn_watches_due_at",
            "due_at",
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    action_id: str = Field(primary_key=True, foreign_key="actions.id")
    began_at: datetime = Field(sa_type=UtcTime)
    until: datetime = Field(sa_type=UtcTime)
    due_at: datetime = Field(sa_type=UtcTime)
    looks: int = 0
    """How often monitoring was asked."""
    watched: list[dict[str, Any]] = Field(sa_type=JSON)
    """Each query with the services whose it is, and its answer right before the act."""
    readings: list[dict[str, Any]] = Field(sa_type=JSON)
    """What was measured each time, by query."""
    ended_at: datetime | None = Field(default=None, sa_type=UtcTime)
    burn: str | None = None
    """What came of it; None while it is watched, and where the act did not stand any more."""


class TargetLockRow(Row, table=True):
    """A target that one action has to itself until it ends."""

    __tablename__ = "target_locks"

    target: str = Field(primary_key=True, sa_type=PlainText)
    action_id: str = Field(foreign_key="actions.id", index=True)


class CauseRow(Row, table=True):
    """An incident whose cause is at another, where people are asked about it."""

    __tablename__ = "causes"

    incident_id: int = Field(
        primary_key=True, foreign_key="incidents.id", sa_type=Number, sa_column_kwargs={"autoincrement": False}
    )
    cause_id: int = Field(foreign_key="incidents.id", index=True, sa_type=Number)
    called_at: datetime | None = Field(default=None, sa_type=UtcTime)
    """When people were called there for this one; None where another was the reason, or nobody had to be called."""


class ChangeRow(Row, table=True):
    """Other hands at work: a deploy, a drain, maintenance, as it was reported."""

    __tablename__ = "changes"

    id: str = Field(primary_key=True, sa_type=PlainText)
    what: str = Field(sa_type=PlainText)
    by: str = Field(sa_type=PlainText)
    begins: datetime = Field(sa_type=UtcTime)
    ends: datetime | None = Field(default=None, sa_type=UtcTime)
    expires: datetime = Field(sa_type=UtcTime)
    services: list[str] = Field(sa_type=JSON)
    targets: list[str] = Field(sa_type=JSON)


ATTEMPTS = table(AttemptRow)
ACTION_STEPS = table(ActionStepRow)
WEAR_OFFS = table(WearOffRow)
BURN_WATCHES = table(BurnWatchRow)
TARGET_LOCKS = table(TargetLockRow)
CAUSES = table(CauseRow)
CHANGES = table(ChangeRow)
