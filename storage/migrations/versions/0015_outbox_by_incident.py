"""What an incident's people have been told is found by its number: the direct messages that they still hold.

Asked at each change of a card, and the outbox only grows.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_outbox_incident_id", "outbox", ["incident_id"])


def downgrade() -> None:
    op.drop_index("ix_outbox_incident_id", "outbox")
