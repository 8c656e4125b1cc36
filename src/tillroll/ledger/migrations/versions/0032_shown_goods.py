"""E-mails show goods: what is in a cart, and each product's page and picture."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("carts", sa.Column("items", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("products", sa.Column("url", sa.Text(), server_default="", nullable=False))
    op.add_column("products", sa.Column("picture", sa.Text(), server_default="", nullable=False))
