"""What segments ask for: bought items, the categories of products, favourites, customers' own fields, lists, scores."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

Identity = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "order_items",
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=True),
        sa.Column("sku", sa.Text(), server_default="", nullable=False),
        sa.Column("quantity", sa.Integer(), server_default="0", nullable=False),
        sa.Column("price", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_order_items_store_id")),
        sa.PrimaryKeyConstraint("store_id", "order_id", "line", name=op.f("pk_order_items")),
    )
    op.create_index(op.f("ix_order_items_store_id_product_id"), "order_items", ["store_id", "product_id"])
    op.create_table(
        "product_categories",
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("category_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_product_categories_store_id")),
        sa.PrimaryKeyConstraint("store_id", "category_id", "product_id", name=op.f("pk_product_categories")),
    )
    op.create_table(
        "favourites",
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_favourites_store_id")),
        sa.PrimaryKeyConstraint("store_id", "customer_id", "product_id", name=op.f("pk_favourites")),
    )
    op.create_table(
        "customer_fields",
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_customer_fields_store_id")),
        sa.PrimaryKeyConstraint("store_id", "customer_id", "title", name=op.f("pk_customer_fields")),
    )
    op.create_index(
        op.f("ix_customer_fields_store_id_title_value"), "customer_fields", ["store_id", "title", "value"]
    )
    op.create_table(
        "list_members",
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_list_members_store_id")),
        sa.PrimaryKeyConstraint("store_id", "digest", "member", name=op.f("pk_list_members")),
    )
    op.add_column("stores", sa.Column("scored_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_orders_store_id_customer_id"), "orders", ["store_id", "customer_id"])
    op.create_index(op.f("ix_customers_store_id_last_order_at"), "customers", ["store_id", "last_order_at"])
