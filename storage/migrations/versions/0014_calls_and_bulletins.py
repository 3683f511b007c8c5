"""People are called where a person must look; what belongs to no incident is told now and then.

Whoever upgrades in the middle of something is called about what nobody has taken yet: about such incidents nobody
was, so far.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "calls",
        sa.Column("incident_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("runbook", sa.Text(), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("began_at", TIME, nullable=False),
        sa.Column("remind_at", TIME, nullable=True),
        sa.Column("due_at", TIME, nullable=True),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_calls_incident_id_incidents"),
        sa.PrimaryKeyConstraint("incident_id", name="pk_calls"),
    )
    for column in ("remind_at", "due_at"):
        op.create_index(
            f"ix_calls_{column}",
            "calls",
            [column],
            sqlite_where=sa.text("ended = 0"),
            postgresql_where=sa.text("NOT ended"),
        )
    op.execute(
        """
        INSERT INTO calls (incident_id, revision, runbook, asked, began_at, remind_at, due_at, ended)
        SELECT id, revision, '', '[]', opened_at, opened_at, NULL, FALSE FROM incidents
        WHERE state = 'open' AND revision > 0 AND refused_at IS NULL AND NOT EXISTS (
            SELECT 1 FROM actions WHERE actions.incident_id = incidents.id AND actions.revision = incidents.revision
            AND actions.state <> 'held'
        )
        """
    )
    op.create_table(
        "bulletins",
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("up_to", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_bulletins"),
    )
    op.execute(
        """
        INSERT INTO bulletins (subject, at, up_to)
        SELECT 'unreadable', MAX(received_at), MAX(id) FROM quarantined_alerts HAVING COUNT(*) > 0
        """
    )


def downgrade() -> None:
    op.drop_table("bulletins")
    op.drop_table("calls")
