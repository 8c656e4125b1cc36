"""What the campaign language needs: entries of events and flows, arms, values per recipient, shared and pooled codes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

Identity = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Amount = sa.BigInteger()


def upgrade() -> None:
    _events()
    with op.batch_alter_table("runs") as runs:
        runs.add_column(sa.Column("kind", sa.Text(), server_default="", nullable=False))
        runs.add_column(sa.Column("step", sa.Integer(), server_default="1", nullable=False))
        runs.add_column(sa.Column("entry_id", Identity, nullable=True))
        runs.create_foreign_key(op.f("fk_runs_entry_id"), "entries", ["entry_id"], ["id"])
    op.add_column("recipients", sa.Column("arm", sa.Text(), server_default="", nullable=False))
    op.add_column("recipients", sa.Column("value", Amount, nullable=True))
    with op.batch_alter_table("codes") as codes:
        codes.add_column(sa.Column("arm", sa.Text(), server_default="", nullable=False))
        codes.add_column(sa.Column("value", Amount, nullable=True))
        codes.add_column(sa.Column("handed_at", sa.DateTime(timezone=True), nullable=True))
        codes.alter_column("recipient_id", existing_type=Identity, nullable=True)
    with op.batch_alter_table("messages") as messages:
        messages.alter_column("code_id", existing_type=Identity, nullable=True)


def _events() -> None:
    op.create_table(
        "entries",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("product_id", sa.BigInteger(), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("step", sa.Integer(), server_default="1", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_entries_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entries")),
        sa.UniqueConstraint("store_id", "campaign", "key", name=op.f("uq_entries_store_id_campaign_key")),
    )
    op.create_index(op.f("ix_entries_store_id_state_due_at"), "entries", ["store_id", "state", "due_at"])
    op.create_index(
        op.f("ix_entries_store_id_campaign_customer_id"), "entries", ["store_id", "campaign", "customer_id"]
    )
    op.create_table(
        "reviews",
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("review_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=True),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("order_id", sa.Text(), server_default="", nullable=False),
        sa.Column("email", sa.Text(), server_default="", nullable=False),
        sa.Column("rating", sa.Integer(), server_default="0", nullable=False),
        sa.Column("published", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_reviews_store_id")),
        sa.PrimaryKeyConstraint("store_id", "review_id", name=op.f("pk_reviews")),
    )
    op.create_table(
        "stock_changes",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("was_in_stock", sa.Boolean(), nullable=False),
        sa.Column("in_stock", sa.Boolean(), nullable=False),
        sa.Column("quantity_before", sa.BigInteger(), nullable=True),
        sa.Column("quantity", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_stock_changes_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_changes")),
    )
    op.create_index(op.f("ix_stock_changes_store_id_at"), "stock_changes", ["store_id", "at"])
