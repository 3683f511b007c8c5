"""Effects in steps: what each changed and how far it got, who halted it, and when an effect ends by itself."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
ADDED: dict[str, list[sa.Column[object]]] = {
    "actions": [
        sa.Column("halted_by", sa.String(), nullable=True),
        sa.Column("halted_at", TIME, nullable=True),
        sa.Column("halted_why", sa.Text(), nullable=True),
    ],
    "attempts": [
        sa.Column("details", sa.JSON(), nullable=True),
        sa.Column("in_steps", sa.Boolean(), nullable=False, server_default=sa.false()),
    ],
}


def upgrade() -> None:
    for table, columns in ADDED.items():
        for column in columns:
            op.add_column(table, column)
    op.create_table(
        "action_steps",
        sa.Column("attempt", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("begun_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["attempt"], ["attempts.key"], name="fk_action_steps_attempt_attempts"),
        sa.PrimaryKeyConstraint("attempt", "number", name="pk_action_steps"),
    )
    op.create_table(
        "wear_offs",
        sa.Column("action_id", sa.String(), nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("checks", sa.Integer(), nullable=False),
        sa.Column("seen_at", TIME, nullable=True),
        sa.Column("ended", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(["action_id"], ["actions.id"], name="fk_wear_offs_action_id_actions"),
        sa.PrimaryKeyConstraint("action_id", name="pk_wear_offs"),
    )
    unseen = sa.text("seen_at IS NULL")
    op.create_index("ix_wear_offs_due_at", "wear_offs", ["due_at"], sqlite_where=unseen, postgresql_where=unseen)


def downgrade() -> None:
    for name in ("wear_offs", "action_steps"):
        op.drop_table(name)
    for name, columns in ADDED.items():
        with op.batch_alter_table(name) as changed:
            for column in columns:
                changed.drop_column(column.name)
