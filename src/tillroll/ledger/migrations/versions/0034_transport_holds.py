"""An e-mail that is about to leave is marked, and a transport in trouble is held."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import UtcDateTime

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("wire", sa.Text(), server_default="", nullable=False))
    op.create_table(
        "transport_holds",
        sa.Column("transport", sa.Text(), primary_key=True),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), server_default="", nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("probe_at", UtcDateTime(), nullable=False),
        sa.Column("probes", sa.Integer(), server_default="0", nullable=False),
    )
