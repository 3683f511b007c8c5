"""What an overdue review takes from a runbook, and who sees what on the Home tab."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("demotions", sa.Column("review_of", sa.String(), nullable=True))
    op.create_index("uq_demotions_review_of", "demotions", ["review_of"], unique=True)
    op.create_table(
        "home_tabs",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("person", name="pk_home_tabs"),
    )
    op.create_index("ix_home_tabs_opened_at", "home_tabs", ["opened_at"])


def downgrade() -> None:
    op.drop_table("home_tabs")
    op.drop_index("uq_demotions_review_of", "demotions")
    op.drop_column("demotions", "review_of")
