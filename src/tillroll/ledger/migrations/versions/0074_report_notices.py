"""What a notice shows beside its paragraphs: the figures of a report."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0074"
down_revision = "0071"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notices", sa.Column("shown", sa.JSON(), nullable=True))
