"""What segments ask: regions, who bought an item and when, the marks between scores, and indexes to ask by.

What earlier versions did not read (regions, items of old orders) is read again: the areas' looks are forgotten.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("customers", sa.Column("region", sa.Text(), server_default="", nullable=False))
    op.add_column("stores", sa.Column("score_marks", sa.JSON(), nullable=True))
    op.add_column("order_items", sa.Column("customer_id", sa.BigInteger(), nullable=True))
    op.add_column("order_items", sa.Column("bought_at", sa.DateTime(timezone=True), nullable=True))
    for column, source in (("customer_id", "customer_id"), ("bought_at", "created_at")):
        op.execute(
            f"update order_items set {column} = (select orders.{source} from orders"  # noqa: S608 - our own names
            " where orders.store_id = order_items.store_id and orders.order_id = order_items.order_id"
            " and orders.payment_status not in ('CANCELLED', 'REFUNDED', 'INCOMPLETE'))"
        )
    op.execute("delete from looks where area in ('customers', 'orders', 'orders, history')")
    op.drop_index(op.f("ix_order_items_store_id_product_id"), "order_items")
    for table, columns in (
        ("order_items", ["store_id", "product_id", "customer_id", "bought_at"]),
        ("order_items", ["store_id", "sku", "customer_id", "bought_at"]),
        ("orders", ["store_id", "created_at", "customer_id", "payment_status", "total"]),
        ("favourites", ["store_id", "product_id"]),
        ("reviews", ["store_id", "customer_id"]),
        ("messages", ["store_id", "sending_at"]),
    ):
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns)
