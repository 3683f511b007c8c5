"""What people are told when Slack does not answer, and the links that have been used."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
QUEUED, GIVEN_UP = sa.text("state = 'queued'"), sa.text("state = 'failed'")


def upgrade() -> None:
    op.create_table(
        "second_notices",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("incident_id", NUMBER, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("route", sa.String(), nullable=False),
        sa.Column("outbox_id", NUMBER, nullable=True),
        sa.Column("notice", sa.JSON(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claimed_by", sa.String(), nullable=True),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_second_notices_incident_id_incidents"),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name="fk_second_notices_outbox_id_outbox"),
        sa.PrimaryKeyConstraint("id", name="pk_second_notices"),
        sa.UniqueConstraint("key", name="uq_second_notices_key"),
        sa.UniqueConstraint(
            "incident_id", "kind", "subject", "route", name="uq_second_notices_incident_id_kind_subject_route"
        ),
    )
    op.create_index(
        "ix_second_notices_queued",
        "second_notices",
        ["route", "id"],
        sqlite_where=QUEUED,
        postgresql_where=QUEUED,
    )
    op.create_table(
        "used_links",
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("incident_id", NUMBER, nullable=False),
        sa.Column("deed", sa.String(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_used_links_incident_id_incidents"),
        sa.PrimaryKeyConstraint("nonce", name="pk_used_links"),
    )
    op.create_index("ix_outbox_given_up", "outbox", ["created_at"], sqlite_where=GIVEN_UP, postgresql_where=GIVEN_UP)
