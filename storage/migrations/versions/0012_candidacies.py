"""Candidacies: runbooks that stand for a higher level; what is told of them belongs to no incident."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "candidacies",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("handle", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("runbook", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("proposal", sa.String(), nullable=True),
        sa.Column("begun_by", sa.String(), nullable=False),
        sa.Column("begun_at", TIME, nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("episodes", sa.JSON(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claimed_by", sa.String(), nullable=True),
        sa.Column("claimed_until", TIME, nullable=True),
        sa.Column("channel", sa.String(), nullable=True),
        sa.Column("thread_ts", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_candidacies"),
        sa.UniqueConstraint("handle", name="uq_candidacies_handle"),
        sa.UniqueConstraint("proposal", name="uq_candidacies_proposal"),
    )
    running = sa.text("state = 'running'")
    op.create_index(
        "uq_candidacies_running",
        "candidacies",
        ["runbook"],
        unique=True,
        sqlite_where=running,
        postgresql_where=running,
    )
    op.create_index("ix_candidacies_ended_at", "candidacies", ["ended_at"])
    _notices_may_belong_to_no_incident(True)


def _notices_may_belong_to_no_incident(may: bool) -> None:
    """SQLite makes the table anew for that, and takes none away that rows point to: these let go of it meanwhile."""
    connection = op.get_bind()
    pointing = connection.execute(sa.text("SELECT id, outbox_id FROM second_notices WHERE outbox_id IS NOT NULL")).all()
    connection.execute(sa.text("UPDATE second_notices SET outbox_id = NULL"))
    with op.batch_alter_table("outbox") as outbox:
        outbox.alter_column("incident_id", existing_type=NUMBER, nullable=may)
    for row in pointing:
        connection.execute(
            sa.text("UPDATE second_notices SET outbox_id = :outbox_id WHERE id = :id"), dict(row._mapping)
        )


def downgrade() -> None:
    op.execute("DELETE FROM outbox WHERE incident_id IS NULL")
    _notices_may_belong_to_no_incident(False)
    op.drop_table("candidacies")
