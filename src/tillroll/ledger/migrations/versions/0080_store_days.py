"""What the whole store sold, by day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Amount, Identity

revision = "0080"
down_revision = "0075"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "store_days",
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("orders", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("revenue", Amount, nullable=False, server_default="0"),
        sa.Column("coupon_orders", sa.Integer(), nullable=False, server_default="0"),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_store_days_store_id")),
        sa.PrimaryKeyConstraint("store_id", "day", name=op.f("pk_store_days")),
    )
