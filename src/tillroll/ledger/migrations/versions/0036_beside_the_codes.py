"""What the store does beside Tillroll's codes: its own e-mails, its promotions, reduced prices, and prices from now on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Amount, Identity, UtcDateTime

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stores", sa.Column("own_emails", sa.JSON))
    op.add_column("products", sa.Column("compare_to_price", Amount))
    op.create_table(
        "promotions",
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("promotion_id", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text, server_default="", nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("base", sa.Text, server_default="", nullable=False),
        sa.Column("discount_type", sa.Text, server_default="", nullable=False),
        sa.Column("amount", Amount, nullable=False),
        sa.Column("least_subtotal", Amount),
        sa.Column("is_limited", sa.Boolean, nullable=False),
        sa.Column("begins_at", UtcDateTime),
        sa.Column("ends_at", UtcDateTime),
        sa.Column("seen_at", UtcDateTime, nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_promotions_store_id")),
        sa.PrimaryKeyConstraint("store_id", "promotion_id", name=op.f("pk_promotions")),
    )
    op.create_table(
        "product_prices",
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("product_id", sa.BigInteger, nullable=False),
        sa.Column("variation_id", sa.BigInteger, nullable=False),
        sa.Column("since", UtcDateTime, nullable=False),
        sa.Column("price", Amount, nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_product_prices_store_id")),
        sa.PrimaryKeyConstraint(
            "store_id", "product_id", "variation_id", "since", name=op.f("pk_product_prices")
        ),
    )
    op.execute(
        "insert into product_prices (store_id, product_id, variation_id, since, price) "
        "select store_id, product_id, 0, seen_at, price from products"
    )
    op.execute(
        "insert into product_prices (store_id, product_id, variation_id, since, price) "
        "select store_id, product_id, variation_id, seen_at, price from variations where price is not null"
    )
