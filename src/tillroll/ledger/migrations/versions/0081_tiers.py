"""Loyalty tiers: their rules, who is in which, and every change."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Amount, Identity, UtcDateTime

revision = "0081"
down_revision = "0080"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tier_rules",
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("scale", sa.JSON(), nullable=False),
        sa.Column("counted_to", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("ready_at", UtcDateTime),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_tier_rules_store_id")),
        sa.PrimaryKeyConstraint("store_id", name=op.f("pk_tier_rules")),
    )
    op.create_table(
        "tier_marks",
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_tier_marks_store_id")),
        sa.PrimaryKeyConstraint("store_id", "customer_id", name=op.f("pk_tier_marks")),
    )
    op.create_table(
        "customer_tiers",
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False, server_default=""),
        sa.Column("figure", Amount, nullable=False, server_default="0"),
        sa.Column("since", UtcDateTime),
        sa.Column("moves_at", UtcDateTime),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_customer_tiers_store_id")),
        sa.PrimaryKeyConstraint("store_id", "customer_id", name=op.f("pk_customer_tiers")),
    )
    op.create_table(
        "tier_changes",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("was", sa.Text(), nullable=False, server_default=""),
        sa.Column("tier", sa.Text(), nullable=False, server_default=""),
        sa.Column("rose", sa.Boolean(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_tier_changes_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tier_changes")),
    )
    for table, *columns in (
        ("customer_tiers", "store_id", "tier", "customer_id"),
        ("customer_tiers", "store_id", "moves_at"),
        ("tier_changes", "store_id", "tier", "at"),
        ("tier_changes", "store_id", "customer_id", "id"),
    ):
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns)
