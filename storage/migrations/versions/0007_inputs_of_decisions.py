"""Decisions keep the exact text of their inputs; actions say what happened; the claim's judgement is kept as well."""

import hashlib
import json
import logging

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
logger = logging.getLogger(__name__)
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
    _keep_what_was_sealed()
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


def _keep_what_was_sealed() -> None:
    """Give older decisions the very text they were sealed with, and the seal that the record holds of it.

    Where the two do not agree, the row stays readable but has no seal, and is named: nobody can tell whether it was
    altered, or only written in another way.
    """
    connection = op.get_bind()
    connection.execute(sa.text("UPDATE decisions SET text = CAST(situation AS TEXT)"))
    rows = connection.execute(
        sa.text(
            "SELECT d.incident_id, d.revision, d.text, CAST(a.body AS TEXT) AS body "
            "FROM decisions d LEFT JOIN audit_entries a ON a.number = d.audit_entry"
        )
    )
    sealed, unlike = [], []
    for row in rows:
        seal = hashlib.sha256(row.text.encode()).hexdigest()
        said = json.loads(row.body).get("situation_sha256") if row.body else None
        if seal == said:
            sealed.append({"incident_id": row.incident_id, "revision": row.revision, "seal": seal})
        else:
            unlike.append(f"INC-{row.incident_id} revision {row.revision}")
    if sealed:
        connection.execute(
            sa.text("UPDATE decisions SET seal = :seal WHERE incident_id = :incident_id AND revision = :revision"),
            sealed,
        )
    if unlike:
        logger.warning("stored situations that are not as their audit entry says: %s", ", ".join(unlike))


def downgrade() -> None:
    for name in ("policies", "assessments", "claim_judgements"):
        op.drop_table(name)
    for name, columns in ADDED.items():
        with op.batch_alter_table(name) as changed:
            for column in columns:
                changed.drop_column(column.name)
