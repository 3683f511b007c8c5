"""Burn watches: autonomous acts whose error budgets are watched for a while."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "burn_watches",
        sa.Column("action_id", sa.String(), nullable=False),
        sa.Column("began_at", TIME, nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("watched", sa.JSON(), nullable=False),
        sa.Column("readings", sa.JSON(), nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("burn", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["action_id"], ["actions.id"], name="fk_burn_watches_action_id_actions"),
        sa.PrimaryKeyConstraint("action_id", name="pk_burn_watches"),
    )
    watched = sa.text("ended_at IS NULL")
    op.create_index(
        "ix_burn_watches_due_at", "burn_watches", ["due_at"], sqlite_where=watched, postgresql_where=watched
    )


def downgrade() -> None:
    op.drop_table("burn_watches")
