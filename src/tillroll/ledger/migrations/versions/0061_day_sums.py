"""Orders with our codes, summed by day and campaign."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Amount, Identity

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "day_sums",
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("orders", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("revenue", Amount, nullable=False, server_default="0"),
        sa.Column("discount", Amount, nullable=False, server_default="0"),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_day_sums_store_id")),
        sa.PrimaryKeyConstraint("store_id", "day", "campaign", name=op.f("pk_day_sums")),
    )
    op.add_column("stores", sa.Column("sums_zone", sa.Text(), nullable=False, server_default=""))
