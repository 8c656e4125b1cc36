"""Customers get the mailbox of their address, by which those of one person are found.

Until a customer is read again, what follows a plus counts as part of the mailbox.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("customers", sa.Column("mailbox", sa.Text(), server_default="", nullable=False))
    op.execute("update customers set mailbox = lower(trim(email)) where email like '%_@%'")
    op.create_index("ix_customers_store_id_mailbox", "customers", ["store_id", "mailbox"])
