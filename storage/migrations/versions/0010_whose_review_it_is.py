"""Whose review it is, why it is asked for, when its person is reminded, and what was said before it was reopened."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
ADDED: list[sa.Column[object]] = [
    sa.Column("occasion", sa.String(), nullable=True),
    sa.Column("assigned_to", sa.String(), nullable=True),
    sa.Column("remind_at", TIME, nullable=True),
    sa.Column("earlier", sa.JSON(), nullable=True),
]


def upgrade() -> None:
    for column in ADDED:
        op.add_column("reviews", column)


def downgrade() -> None:
    with op.batch_alter_table("reviews") as reviews:
        for column in ADDED:
            reviews.drop_column(column.name)
