"""The store's customer groups of loyalty tiers, and who is to be brought into them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Identity, UtcDateTime

revision = "0082"
down_revision = "0081"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("groups", sa.JSON(), nullable=False, server_default="{}"),
        sa.Column("past_groups", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("grouped_to", sa.BigInteger()),
        sa.Column("group_trouble", sa.Text(), nullable=False, server_default=""),
    ):
        op.add_column("tier_rules", column)
    op.create_table(
        "tier_group_moves",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", UtcDateTime, nullable=False),
        sa.Column("not_before", UtcDateTime),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("done_at", UtcDateTime),
        sa.Column("outcome", sa.Text(), nullable=False, server_default=""),
        sa.Column("was", sa.Text(), nullable=False, server_default=""),
        sa.Column("group_name", sa.Text(), nullable=False, server_default=""),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_tier_group_moves_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tier_group_moves")),
    )
    op.create_index(
        "uq_tier_group_moves_waiting",
        "tier_group_moves",
        ["store_id", "customer_id"],
        unique=True,
        sqlite_where=sa.text("done_at is null"),
        postgresql_where=sa.text("done_at is null"),
    )
    op.create_index(
        op.f("ix_tier_group_moves_store_id_customer_id"), "tier_group_moves", ["store_id", "customer_id"]
    )
