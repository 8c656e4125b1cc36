"""Customers whose data was erased."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Identity, UtcDateTime

revision = "0050"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "forgotten",
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("customer_id", sa.BigInteger, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_forgotten_store_id")),
        sa.PrimaryKeyConstraint("store_id", "customer_id", name=op.f("pk_forgotten")),
    )
