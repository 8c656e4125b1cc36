"""Segments that campaigns wait for: who is in them, and who came and went."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Identity, UtcDateTime

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "segment_looks",
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("segment", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("looked_at", UtcDateTime, nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_segment_looks_store_id")),
        sa.PrimaryKeyConstraint("store_id", "segment", name=op.f("pk_segment_looks")),
    )
    op.create_table(
        "segment_members",
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("segment", sa.Text, nullable=False),
        sa.Column("customer_id", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_segment_members_store_id")),
        sa.PrimaryKeyConstraint("store_id", "segment", "customer_id", name=op.f("pk_segment_members")),
    )
    op.create_table(
        "segment_changes",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("segment", sa.Text, nullable=False),
        sa.Column("customer_id", sa.BigInteger, nullable=False),
        sa.Column("entered", sa.Boolean, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_segment_changes_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segment_changes")),
    )
    op.create_index(
        op.f("ix_segment_changes_store_id_segment_at"), "segment_changes", ["store_id", "segment", "at"]
    )
