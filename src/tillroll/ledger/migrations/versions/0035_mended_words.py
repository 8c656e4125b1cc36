"""Mended words: the revision that a run's e-mails are made from, and the one that each e-mail was made from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("words_id", sa.BigInteger(), nullable=True))
    op.add_column("messages", sa.Column("words_id", sa.BigInteger(), nullable=True))
