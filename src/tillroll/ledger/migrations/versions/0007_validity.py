"""Codes may work at other times than the run's others do: arms are compared by that too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("codes", sa.Column("valid_from", sa.DateTime(timezone=True), nullable=True))
    op.add_column("codes", sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True))
