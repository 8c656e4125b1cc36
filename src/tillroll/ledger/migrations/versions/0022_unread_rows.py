"""What of the store's rows can't be read gets a table, so that people are told what the mirror lacks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Identity, UtcDateTime

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "unread_rows",
        sa.Column(
            "store_id", Identity, sa.ForeignKey("stores.id", name="fk_unread_rows_store_id"), nullable=False
        ),
        sa.Column("area", sa.Text, nullable=False),
        sa.Column("row_id", sa.Text, nullable=False, server_default=""),
        sa.Column("field", sa.Text, nullable=False, server_default=""),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("seen_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("store_id", "area", "row_id", "field", name="pk_unread_rows"),
    )
