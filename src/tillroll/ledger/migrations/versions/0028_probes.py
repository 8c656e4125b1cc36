"""What a probe has learned about a store, and the probes that may have left something in it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Identity, UtcDateTime

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "store_facts",
        sa.Column("store_id", Identity, sa.ForeignKey("stores.id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("setting", sa.JSON, nullable=False),
        sa.Column("learned_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("store_id", "name"),
    )
    op.create_table(
        "probes",
        sa.Column("store_id", Identity, sa.ForeignKey("stores.id"), nullable=False),
        sa.Column("began_at", UtcDateTime, nullable=False),
        sa.Column("depth", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("store_id"),
    )
