"""What others are changing, and at which incident people are asked about the cause of another."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("incidents", sa.Column("cause_id", NUMBER, nullable=True))
    op.create_index("ix_incidents_cause_id", "incidents", ["cause_id"])
    op.create_table(
        "changes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("begins", TIME, nullable=False),
        sa.Column("ends", TIME, nullable=True),
        sa.Column("expires", TIME, nullable=False),
        sa.Column("services", sa.JSON(), nullable=False),
        sa.Column("targets", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_changes"),
    )


def downgrade() -> None:
    op.drop_table("changes")
    op.drop_index("ix_incidents_cause_id", "incidents")
    with op.batch_alter_table("incidents") as changed:
        changed.drop_column("cause_id")
