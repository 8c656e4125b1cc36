"""Since when the CRM's file is missing: a feed is closed only after a while, so that replacing the files costs no history."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import UtcDateTime

revision = "0085"
down_revision = "0084"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("crm_pushes", sa.Column("absent_since", UtcDateTime))
