"""Orders by when they were seen: what followed from the news of them is found without reading all orders."""

from __future__ import annotations

from alembic import op

revision = "0067"
down_revision = "0063"
branch_labels = None
depends_on = None


def upgrade() -> None:
    name = op.f("ix_orders_store_id_seen_at_order_id")
    op.create_index(name, "orders", ["store_id", "seen_at", "order_id"])
