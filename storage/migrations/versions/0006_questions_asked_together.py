"""Incidents that people are asked about, and the cards that ask about many at once."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

UNDELIVERED = sa.text("state = 'queued'")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "bundles",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("handle", sa.String(), nullable=False),
        sa.Column("runbook", sa.Text(), nullable=False),
        sa.Column("founder_id", NUMBER, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("channel", sa.String(), nullable=True),
        sa.Column("thread_ts", sa.String(), nullable=True),
        sa.Column("said", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["founder_id"], ["incidents.id"], name="fk_bundles_founder_id_incidents"),
        sa.PrimaryKeyConstraint("id", name="pk_bundles"),
        sa.UniqueConstraint("handle", name="uq_bundles_handle"),
    )
    op.create_index("ix_bundles_opened_at", "bundles", ["opened_at"])
    op.create_index("ix_bundles_thread", "bundles", ["channel", "thread_ts"])
    op.create_table(
        "questions",
        sa.Column("incident_id", NUMBER, nullable=False),
        sa.Column("runbook", sa.Text(), nullable=False),
        sa.Column("headline", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("bundle_id", NUMBER, nullable=True),
        sa.Column("joined_revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_questions_incident_id_incidents"),
        sa.ForeignKeyConstraint(["bundle_id"], ["bundles.id"], name="fk_questions_bundle_id_bundles"),
        sa.PrimaryKeyConstraint("incident_id", name="pk_questions"),
    )
    op.create_index("ix_questions_asked_at", "questions", ["asked_at"])
    op.create_index("ix_questions_bundle_id", "questions", ["bundle_id"])
    op.drop_index("ix_outbox_undelivered", "outbox")
    op.add_column("outbox", sa.Column("stream", NUMBER, nullable=True))
    op.execute("UPDATE outbox SET stream = incident_id")
    with op.batch_alter_table("outbox") as outbox:
        outbox.alter_column("stream", existing_type=NUMBER, nullable=False)
    _index_of_undelivered("stream")


def downgrade() -> None:
    op.drop_index("ix_outbox_undelivered", "outbox")
    with op.batch_alter_table("outbox") as outbox:
        outbox.drop_column("stream")
    _index_of_undelivered("incident_id")
    op.drop_table("questions")
    op.drop_table("bundles")


def _index_of_undelivered(stream: str) -> None:
    op.create_index(
        "ix_outbox_undelivered",
        "outbox",
        [stream, "id"],
        sqlite_where=UNDELIVERED,
        postgresql_where=UNDELIVERED,
    )
