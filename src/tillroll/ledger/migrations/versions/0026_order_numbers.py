"""Orders keep their number, by which the store tells some deletions.

Orders are read again: to get their numbers, and because their total now is what was bought, however it was paid for, and a
withdrawn order is none.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("number", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_orders_store_id_number"), "orders", ["store_id", "number"])
    op.execute("delete from looks where area in ('orders', 'orders, history')")
