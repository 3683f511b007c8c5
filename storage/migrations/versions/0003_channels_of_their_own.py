"""Incidents that have a channel of their own, and what is still to be done to it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DUE = sa.text("due_at IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "incident_channels",
        sa.Column("incident_id", NUMBER, nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("brief", sa.JSON(), nullable=False),
        sa.Column("announced_channel", sa.String(), nullable=False),
        sa.Column("announced_ts", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=True),
        sa.Column("name_attempt", sa.Integer(), nullable=False),
        sa.Column("hold_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claimed_by", sa.String(), nullable=True),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archive_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_incident_channels_incident_id_incidents"),
        sa.PrimaryKeyConstraint("incident_id", name="pk_incident_channels"),
    )
    op.create_index("ix_incident_channels_channel", "incident_channels", ["channel"])
    op.create_index(
        "ix_incident_channels_due_at", "incident_channels", ["due_at"], sqlite_where=DUE, postgresql_where=DUE
    )
