"""What several workers, and a ledger restored from a backup, need to know: when a lane is due, who sends a message, and how
far this ledger had told its store that it had come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Identity, UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lanes",
        sa.Column("store_id", Identity, sa.ForeignKey("stores.id", name="fk_lanes_store_id"), nullable=False),
        sa.Column("due_at", UtcDateTime),
        sa.Column("looked_at", UtcDateTime),
        sa.Column("polled_at", UtcDateTime),
        sa.Column("slow", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("store_id", name="pk_lanes"),
    )
    op.create_table(
        "fences",
        sa.Column(
            "store_id", Identity, sa.ForeignKey("stores.id", name="fk_fences_store_id"), nullable=False
        ),
        sa.Column("epoch", sa.Integer, nullable=False, server_default="0"),
        sa.Column("mark", sa.Text, nullable=False, server_default=""),
        sa.Column("intended", sa.Text, nullable=False, server_default=""),
        sa.Column("home", sa.Text, nullable=False, server_default=""),
        sa.Column("place", sa.Text, nullable=False, server_default=""),
        sa.Column("raised_at", UtcDateTime),
        sa.Column("told", sa.JSON),
        sa.Column("since", UtcDateTime),
        sa.PrimaryKeyConstraint("store_id", name="pk_fences"),
    )
    op.add_column("runs", sa.Column("parked_until", UtcDateTime))
    op.add_column("messages", sa.Column("owner", sa.BigInteger, nullable=False, server_default="0"))
    op.create_index(op.f("ix_runs_store_id_changed_at"), "runs", ["store_id", "changed_at"])
    op.create_index(op.f("ix_events_store_id_received_at"), "events", ["store_id", "received_at"])
