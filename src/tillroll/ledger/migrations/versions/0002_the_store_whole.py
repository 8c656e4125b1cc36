"""The mirror of the whole store, its webhooks, and the token's allowance shared by all processes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Identity = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "carts",
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("cart_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("email", sa.Text(), server_default="", nullable=False),
        sa.Column("accepts_marketing", sa.Boolean(), nullable=True),
        sa.Column("language", sa.Text(), server_default="", nullable=False),
        sa.Column("total", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("subtotal", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("coupon_code", sa.Text(), server_default="", nullable=False),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("recovered_order", sa.BigInteger(), nullable=True),
        sa.Column("recovery_email_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_carts_store_id")),
        sa.PrimaryKeyConstraint("store_id", "cart_id", name=op.f("pk_carts")),
    )
    op.create_table(
        "categories",
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("category_id", sa.BigInteger(), nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_categories_store_id")),
        sa.PrimaryKeyConstraint("store_id", "category_id", name=op.f("pk_categories")),
    )
    op.create_table(
        "coupons",
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("coupon_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("discount_type", sa.Text(), server_default="", nullable=False),
        sa.Column("discount", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("status", sa.Text(), server_default="", nullable=False),
        sa.Column("uses_limit", sa.Text(), server_default="", nullable=False),
        sa.Column("application_limit", sa.Text(), server_default="", nullable=False),
        sa.Column("minimum_subtotal", sa.BigInteger(), nullable=True),
        sa.Column("launches_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("order_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_coupons_store_id")),
        sa.PrimaryKeyConstraint("store_id", "coupon_id", name=op.f("pk_coupons")),
    )
    op.create_index(op.f("ix_coupons_store_id_code"), "coupons", ["store_id", "code"], unique=False)
    op.create_table(
        "events",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_events_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("store_id", "event_id", name=op.f("uq_events_store_id_event_id")),
    )
    op.create_index(op.f("ix_events_store_id_handled_at"), "events", ["store_id", "handled_at"], unique=False)
    op.create_table(
        "levels",
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("calls_left", sa.Double(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("blocked_until", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_levels_store_id")),
        sa.PrimaryKeyConstraint("store_id", name=op.f("pk_levels")),
    )
    op.create_table(
        "looks",
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("area", sa.Text(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("whole_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stamp", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_looks_store_id")),
        sa.PrimaryKeyConstraint("store_id", "area", name=op.f("pk_looks")),
    )
    op.create_table(
        "products",
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("sku", sa.Text(), server_default="", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("price", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cost_price", sa.BigInteger(), nullable=True),
        sa.Column("quantity", sa.BigInteger(), nullable=True),
        sa.Column("in_stock", sa.Boolean(), nullable=False),
        sa.Column("low_stock_at", sa.BigInteger(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("discounts_allowed", sa.Boolean(), nullable=False),
        sa.Column("category_ids", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_products_store_id")),
        sa.PrimaryKeyConstraint("store_id", "product_id", name=op.f("pk_products")),
    )
    op.create_index(op.f("ix_products_store_id_sku"), "products", ["store_id", "sku"], unique=False)
    op.create_table(
        "variations",
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("variation_id", sa.BigInteger(), nullable=False),
        sa.Column("sku", sa.Text(), server_default="", nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=True),
        sa.Column("quantity", sa.BigInteger(), nullable=True),
        sa.Column("in_stock", sa.Boolean(), nullable=False),
        sa.Column("low_stock_at", sa.BigInteger(), nullable=True),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_variations_store_id")),
        sa.PrimaryKeyConstraint("store_id", "product_id", "variation_id", name=op.f("pk_variations")),
    )
    op.create_index(op.f("ix_variations_store_id_sku"), "variations", ["store_id", "sku"], unique=False)
    op.add_column("customers", sa.Column("city", sa.Text(), server_default="", nullable=False))
    op.add_column("orders", sa.Column("fulfillment_status", sa.Text(), server_default="", nullable=False))
    op.add_column("stores", sa.Column("scopes", sa.Text(), server_default="", nullable=False))
    op.add_column("stores", sa.Column("webhook_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("stores", "webhook_at")
    op.drop_column("stores", "scopes")
    op.drop_column("orders", "fulfillment_status")
    op.drop_column("customers", "city")
    op.drop_table("variations")
    op.drop_table("products")
    op.drop_table("looks")
    op.drop_table("levels")
    op.drop_table("events")
    op.drop_table("coupons")
    op.drop_table("categories")
    op.drop_table("carts")
