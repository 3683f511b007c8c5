"""Whom a question was put to, group by group, and when they are reminded; replaces the list of approvers."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE actions RENAME COLUMN approvers TO asked")
    op.execute("UPDATE actions SET asked = '[]'")
    op.add_column("actions", sa.Column("remind_at", sa.DateTime(timezone=True), nullable=True))
