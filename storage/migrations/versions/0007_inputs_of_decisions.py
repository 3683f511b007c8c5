"""Decisions keep the exact text of their inputs; actions say what happened; the claim's judgement is kept as well."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
ADDED: dict[str, list[sa.Column[object]]] = {
    "incidents": [
        sa.Column("wanted_at", TIME, nullable=True),
        sa.Column("assessed_at", TIME, nullable=True),
        sa.Column("told_firing_at", TIME, nullable=True),
        sa.Column("taken_at", TIME, nullable=True),
        sa.Column("refused_how", sa.String(), nullable=True),
        sa.Column("refused_by", sa.String(), nullable=True),
        sa.Column("refused_at", TIME, nullable=True),
        sa.Column("truncated", sa.Integer(), nullable=False, server_default="0"),
    ],
    "decisions": [
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("seal", sa.String(), nullable=True),
    ],
    "actions": [
        sa.Column("overridden", sa.JSON(), nullable=True),
        sa.Column("services", sa.JSON(), nullable=True),
        sa.Column("begun_at", TIME, nullable=True),
        sa.Column("result", sa.String(), nullable=True),
        sa.Column("rollbacks", sa.Integer(), nullable=False, server_default="0"),
    ],
    "attempts": [sa.Column("after", sa.JSON(), nullable=True)],
    "budget_entries": [sa.Column("services", sa.JSON(), nullable=True)],
}


def upgrade() -> None:
    for table, columns in ADDED.items():
        for column in columns:
            op.add_column(table, column)
    op.create_table(
        "claim_judgements",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("action_id", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("seal", sa.String(), nullable=False),
        sa.Column("decision", sa.JSON(), nullable=False),
        sa.Column("policy_digest", sa.String(), nullable=False),
        sa.Column("audit_entry", NUMBER, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["action_id"], ["actions.id"], name="fk_claim_judgements_action_id_actions"),
        sa.PrimaryKeyConstraint("id", name="pk_claim_judgements"),
    )
    op.create_index("ix_claim_judgements_action_id", "claim_judgements", ["action_id"])
    op.create_table(
        "assessments",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("incident_id", NUMBER, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("policy_digest", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_assessments_incident_id_incidents"),
        sa.PrimaryKeyConstraint("id", name="pk_assessments"),
    )
    op.create_index("ix_assessments_incident_id", "assessments", ["incident_id"])
    op.create_table(
        "policies",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("first_used_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_policies"),
    )


def downgrade() -> None:
    for name in ("policies", "assessments", "claim_judgements"):
        op.drop_table(name)
    for name, columns in ADDED.items():
        with op.batch_alter_table(name) as changed:
            for column in columns:
                changed.drop_column(column.name)
