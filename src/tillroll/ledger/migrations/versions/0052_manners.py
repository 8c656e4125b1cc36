"""How many e-mails left on a day and how fast to a domain, and rows of messages in the order in which they are sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import UtcDateTime

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sender_days",
        sa.Column("transport", sa.Text, nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("left", sa.Integer, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("transport", "day", name=op.f("pk_sender_days")),
    )
    op.create_table(
        "domain_paces",
        sa.Column("transport", sa.Text, nullable=False),
        sa.Column("run_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("until", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("transport", "run_id", "domain", name=op.f("pk_domain_paces")),
    )
    op.create_index(op.f("ix_domain_paces_until"), "domain_paces", ["until"])
    op.add_column("runs", sa.Column("prepared_places", sa.BigInteger, nullable=False, server_default="0"))
