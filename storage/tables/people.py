"""What goes to people and comes from them: notices, questions, channels, clicks and links."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint, text
from sqlmodel import Field

from storage.columns import Number, PlainText, Row, UtcTime, table


class HomeTabRow(Row, table=True):
    """A person who has opened the Home tab, and what they see there."""

    __tablename__ = "home_tabs"
    __table_args__ = (Index("ix_home_tabs_opened_at", "opened_at"),)

    person: str = Field(primary_key=True)
    opened_at: datetime = Field(sa_type=UtcTime)
    digest: str = ""
    """Of the view that Slack has taken last; empty when it must be drawn anew."""
    hash: str = ""
    """Slack's own mark of that view."""
    claimed_until: datetime | None = Field(default=None, sa_type=UtcTime)
    """End of the lease for drawing it; until then nobody else does."""


class OutboxRow(Row, table=True):
    """A notice on its way to Slack, written in the transaction whose news it is."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index(
            "ix_outbox_undelivered",
            "stream",
            "id",
            sqlite_where=text("state = 'queued'"),
            postgresql_where=text("state = 'queued'"),
        ),
        Index(
            "ix_outbox_given_up",
            "created_at",
            sqlite_where=text("state = 'failed'"),
            postgresql_where=text("state = 'failed'"),
        ),
        Index("ix_outbox_incident_id", "incident_id"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=Number)
    incident_id: int | None = Field(default=None, foreign_key="incidents.id", sa_type=Number)
    """None: it is about a candidacy, or a bulletin."""
    stream: int = Field(sa_type=Number)
    """What is delivered in its order: the incident's own news, or that of all who share a card (its founder's id).

    Of a candidacy its id, below zero; of bulletins and ends of direct messages far below that (``storage.outbox``)."""
    kind: str
    notice: dict[str, Any] = Field(sa_type=JSON)
    state: str
    created_at: datetime = Field(sa_type=UtcTime)
    due_at: datetime = Field(sa_type=UtcTime)
    """Not to be tried before."""
    attempts: int = 0
    claimed_by: str | None = None
    claimed_until: datetime | None = Field(default=None, sa_type=UtcTime)
    delivered_at: datetime | None = Field(default=None, sa_type=UtcTime)
    channel: str | None = None
    ts: str | None = None
    error: str = Field(default="", sa_type=PlainText)


class IncidentChannelRow(Row, table=True):
    """An incident's channel of its own, and the next step to do with it."""

    __tablename__ = "incident_channels"
    __table_args__ = (
        Index(
            "ix_incident_channels_due_at",
            "due_at",
            sqlite_where=text("due_at IS NOT NULL"),
            postgresql_where=text("due_at IS NOT NULL"),
        ),
    )

    incident_id: int = Field(primary_key=True, foreign_key="incidents.id", sa_type=Number)
    step: str
    brief: dict[str, Any] = Field(sa_type=JSON)
    announced_channel: str
    announced_ts: str
    """The message that was the first card; it points to the channel once there is one."""
    channel: str | None = Field(default=None, index=True)
    name_attempt: int = 0
    hold_until: datetime | None = Field(default=None, sa_type=UtcTime)
    """The incident's news waits for the channel, but not longer."""
    due_at: datetime | None = Field(default=None, sa_type=UtcTime)
    """When the step is to be done; None when nothing is to be done any more, or not yet."""
    attempts: int = 0
    claimed_by: str | None = None
    claimed_until: datetime | None = Field(default=None, sa_type=UtcTime)
    created_at: datetime = Field(sa_type=UtcTime)
    archive_at: datetime | None = Field(default=None, sa_type=UtcTime)
    error: str = Field(default="", sa_type=PlainText)


class ArrivalRow(Row, table=True):
    """A raw envelope (click, command, modal, event), saved before it is acknowledged."""

    __tablename__ = "arrivals"
    __table_args__ = (
        Index(
            "ix_arrivals_unfinished",
            "tried_at",
            sqlite_where=text("done_at IS NULL"),
            postgresql_where=text("done_at IS NULL"),
        ),
    )

    dedupe_key: str = Field(primary_key=True)
    kind: str
    envelope: dict[str, Any] = Field(sa_type=JSON)
    received_at: datetime = Field(sa_type=UtcTime)
    tried_at: datetime = Field(sa_type=UtcTime)
    """When somebody last began to handle it."""
    attempts: int = 1
    done_at: datetime | None = Field(default=None, sa_type=UtcTime)


class SecondNoticeRow(Row, table=True):
    """A notice on its way to one recipient of the second channel, because Slack has not taken it."""

    __tablename__ = "second_notices"
    __table_args__ = (
        UniqueConstraint("incident_id", "kind", "subject", "route"),
        Index(
            "ix_second_notices_queued",
            "route",
            "id",
            sqlite_where=text("state = 'queued'"),
            postgresql_where=text("state = 'queued'"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=Number)
    key: str = Field(unique=True)
    """Unguessable; the message and its links are made from it, so that sending it again says the very same."""
    incident_id: int = Field(foreign_key="incidents.id", sa_type=Number)
    kind: str
    subject: str
    """What it is about: an action, or the incident's handle; empty for the incident as a whole."""
    route: str
    outbox_id: int | None = Field(default=None, foreign_key="outbox.id", sa_type=Number)
    """The notice that Slack has not taken; None for what is only said here."""
    notice: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    state: str
    created_at: datetime = Field(sa_type=UtcTime)
    due_at: datetime = Field(sa_type=UtcTime)
    attempts: int = 0
    claimed_by: str | None = None
    claimed_until: datetime | None = Field(default=None, sa_type=UtcTime)
    delivered_at: datetime | None = Field(default=None, sa_type=UtcTime)
    error: str = Field(default="", sa_type=PlainText)


class UsedLinkRow(Row, table=True):
    """A signed link that has taken effect; it never does again."""

    __tablename__ = "used_links"

    nonce: str = Field(primary_key=True)
    incident_id: int = Field(foreign_key="incidents.id", sa_type=Number)
    deed: str
    recipient: str = Field(sa_type=PlainText)
    used_at: datetime = Field(sa_type=UtcTime)


class QuestionRow(Row, table=True):
    """An incident that people were asked about, and with which others it is asked about together."""

    __tablename__ = "questions"
    __table_args__ = (Index("ix_questions_asked_at", "asked_at"), Index("ix_questions_bundle_id", "bundle_id"))

    incident_id: int = Field(primary_key=True, foreign_key="incidents.id", sa_type=Number)
    runbook: str = Field(default="", sa_type=PlainText)
    """Empty when none covers the incident."""
    headline: str = Field(default="", sa_type=PlainText)
    asked_at: datetime = Field(sa_type=UtcTime)
    bundle_id: int | None = Field(default=None, foreign_key="bundles.id", sa_type=Number)
    """None for an incident with a card of its own."""
    joined_revision: int = 0
    """The bundle's revision that first showed the present question."""


class CallRow(Row, table=True):
    """An incident that a person must check: who was called, and when the next are, until somebody takes it."""

    __tablename__ = "calls"
    __table_args__ = (
        Index("ix_calls_remind_at", "remind_at", sqlite_where=text("ended = 0"), postgresql_where=text("NOT ended")),
        Index("ix_calls_due_at", "due_at", sqlite_where=text("ended = 0"), postgresql_where=text("NOT ended")),
    )

    incident_id: int = Field(
        primary_key=True, foreign_key="incidents.id", sa_type=Number, sa_column_kwargs={"autoincrement": False}
    )
    revision: int
    runbook: str = Field(sa_type=PlainText)
    """Whose chain is followed; empty: that of the defaults."""
    asked: list[dict[str, Any]] = Field(sa_type=JSON)
    began_at: datetime = Field(sa_type=UtcTime)
    remind_at: datetime | None = Field(default=None, sa_type=UtcTime)
    due_at: datetime | None = Field(default=None, sa_type=UtcTime)
    ended: bool


class BulletinRow(Row, table=True):
    """What is told now and then and belongs to no incident: how far it was told, and when."""

    __tablename__ = "bulletins"

    subject: str = Field(primary_key=True)
    at: datetime = Field(sa_type=UtcTime)
    up_to: int = Field(sa_type=Number)
    """Number of the last row that was told of."""


class BundleRow(Row, table=True):
    """One card about many incidents."""

    __tablename__ = "bundles"
    __table_args__ = (Index("ix_bundles_thread", "channel", "thread_ts"), Index("ix_bundles_opened_at", "opened_at"))

    id: int | None = Field(default=None, primary_key=True, sa_type=Number)
    handle: str = Field(unique=True)
    runbook: str = Field(default="", sa_type=PlainText)
    founder_id: int = Field(foreign_key="incidents.id", sa_type=Number)
    revision: int = 0
    opened_at: datetime = Field(sa_type=UtcTime)
    channel: str | None = None
    thread_ts: str | None = None
    said: list[str] = Field(sa_type=JSON)
    """What people were told once and are not told again."""


CALLS = table(CallRow)
BULLETINS = table(BulletinRow)
HOME_TABS = table(HomeTabRow)
OUTBOX = table(OutboxRow)
INCIDENT_CHANNELS = table(IncidentChannelRow)
ARRIVALS = table(ArrivalRow)
SECOND_NOTICES = table(SecondNoticeRow)
USED_LINKS = table(UsedLinkRow)
QUESTIONS = table(QuestionRow)
BUNDLES = table(BundleRow)
