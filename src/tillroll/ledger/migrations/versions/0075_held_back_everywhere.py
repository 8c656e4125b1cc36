"""Who is held back from all campaigns together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0075"
down_revision = "0074"
branch_labels = None
depends_on = None


def upgrade() -> None:
    everywhere: sa.Column[bool] = sa.Column(
        "everywhere", sa.Boolean(), server_default=sa.false(), nullable=False
    )
    op.add_column("held_back", everywhere)
