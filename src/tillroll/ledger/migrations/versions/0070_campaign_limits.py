"""The limits of campaigns that are watched while their codes work, and an index for what a campaign has given."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Amount, Identity, UtcDateTime

revision = "0070"
down_revision = "0068"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "campaign_limits",
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("bar", Amount, nullable=False),
        sa.Column("figure", Amount, nullable=False, server_default="0"),
        sa.Column("warned_for", Amount, nullable=True),
        sa.Column("paused_for", Amount, nullable=True),
        sa.Column("paused_at", UtcDateTime, nullable=True),
        sa.Column("change_id", sa.BigInteger(), nullable=True),
        sa.Column("resumed_at", UtcDateTime, nullable=True),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_campaign_limits_store_id")),
        sa.PrimaryKeyConstraint("store_id", "campaign", "kind", name=op.f("pk_campaign_limits")),
    )
    op.create_index("ix_day_sums_campaign", "day_sums", ["store_id", "campaign", "discount"])
