"""Evidence: what gates were passed with, what they saw, why a runbook was demoted, and what came of each action."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
ADDED: dict[str, list[sa.Column[object]]] = {
    "licences": [sa.Column("seal", sa.String(), nullable=True)],
    "demotions": [sa.Column("cause", sa.String(), nullable=True)],
    "actions": [
        sa.Column("runbook_digest", sa.String(), nullable=True),
        sa.Column("ending", sa.String(), nullable=True),
    ],
}


def upgrade() -> None:
    for table, columns in ADDED.items():
        for column in columns:
            op.add_column(table, column)
    op.execute("UPDATE demotions SET cause = 'overdue:' || review_of WHERE review_of IS NOT NULL")
    op.create_index("uq_demotions_cause", "demotions", ["runbook", "cause"], unique=True)
    op.create_index("ix_actions_runbook", "actions", ["runbook", "finished_at"])
    op.create_table(
        "seals",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_seals"),
    )
    op.create_table(
        "staging_cases",
        sa.Column("runbook", sa.Text(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("runbook_digest", sa.String(), nullable=False),
        sa.Column("alert", sa.Text(), nullable=False),
        sa.Column("ending", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("runbook", "key", name="pk_staging_cases"),
    )
    op.create_table(
        "gate_reports",
        sa.Column("runbook", sa.Text(), nullable=False),
        sa.Column("runbook_digest", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("runbook", "runbook_digest", name="pk_gate_reports"),
    )


def downgrade() -> None:
    for name in ("gate_reports", "staging_cases", "seals"):
        op.drop_table(name)
    op.drop_index("ix_actions_runbook", "actions")
    op.drop_index("uq_demotions_cause", "demotions")
    for name, columns in ADDED.items():
        with op.batch_alter_table(name) as changed:
            for column in columns:
                changed.drop_column(column.name)
