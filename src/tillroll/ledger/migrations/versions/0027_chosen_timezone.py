"""A time zone can be chosen for a store whose own is missing, unknown or an offset."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stores", sa.Column("chosen_timezone", sa.Text(), server_default="", nullable=False))
