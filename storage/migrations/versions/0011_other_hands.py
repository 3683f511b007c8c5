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
    op.create_table(
        "causes",
        sa.Column("incident_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("cause_id", NUMBER, nullable=False),
        sa.Column("called_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_causes_incident_id_incidents"),
        sa.ForeignKeyConstraint(["cause_id"], ["incidents.id"], name="fk_causes_cause_id_incidents"),
        sa.PrimaryKeyConstraint("incident_id", name="pk_causes"),
    )
    op.create_index("ix_causes_cause_id", "causes", ["cause_id"])
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
    for name in ("changes", "causes"):
        op.drop_table(name)
