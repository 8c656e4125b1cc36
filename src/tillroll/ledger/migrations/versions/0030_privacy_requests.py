"""What people ask about their own data is kept, with the deadline, until it is settled."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Identity, UtcDateTime

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_STORE = sa.ForeignKey("stores.id", name="fk_privacy_requests_store_id")


def upgrade() -> None:
    op.create_table(
        "privacy_requests",
        sa.Column("id", Identity, nullable=False),
        sa.Column("store_id", Identity, _STORE, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("entity", sa.Text, nullable=False, server_default=""),
        sa.Column("email", sa.Text, nullable=False, server_default=""),
        sa.Column("asked_at", UtcDateTime, nullable=False),
        sa.Column("due_at", UtcDateTime, nullable=False),
        sa.Column("noted_at", UtcDateTime, nullable=False),
        sa.Column("told_at", UtcDateTime),
        sa.Column("settled_at", UtcDateTime),
        sa.PrimaryKeyConstraint("id", name="pk_privacy_requests"),
        sa.UniqueConstraint("store_id", "event_id", name="uq_privacy_requests_store_id_event_id"),
    )
    op.create_index("ix_privacy_requests_store_id_due_at", "privacy_requests", ["store_id", "due_at"])
