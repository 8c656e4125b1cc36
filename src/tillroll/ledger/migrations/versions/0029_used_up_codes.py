"""Codes keep what the store says of their uses: after an order was undone, it alone knows whether its code works again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("codes", sa.Column("store_use", sa.Text(), server_default="", nullable=False))
    unclear = sa.text("store_use = 'unclear'")
    op.create_index(
        "ix_codes_store_id_unclear", "codes", ["store_id"], sqlite_where=unclear, postgresql_where=unclear
    )
