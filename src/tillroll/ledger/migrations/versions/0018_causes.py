"""State that stood in sentences gets columns of its own: why a code or an entry is in its state, whose number a lost run had, and
when a run's codes were shown in clear. Rows are carried over (ledger/causes.py)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.causes import carry_over
from tillroll.ledger.tables.types import UtcDateTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("codes", sa.Column("cause", sa.Text, nullable=False, server_default=""))
    op.add_column("entries", sa.Column("cause", sa.Text, nullable=False, server_default=""))
    op.add_column("runs", sa.Column("lost_run_id", sa.BigInteger))
    op.add_column("runs", sa.Column("revealed_at", UtcDateTime))
    carry_over(op.get_bind())
