"""Restarting takes as many people as approving did, one process at a time looks for drift, and what happened before a restore may
have been answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Identity, UtcDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agreements",
        sa.Column("id", Identity, nullable=False),
        sa.Column(
            "store_id", Identity, sa.ForeignKey("stores.id", name="fk_agreements_store_id"), nullable=False
        ),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("campaign", sa.Text, nullable=False),
        sa.Column("run_id", Identity, sa.ForeignKey("runs.id", name="fk_agreements_run_id")),
        sa.Column("valid_until", UtcDateTime),
        sa.Column("needed", sa.Integer, nullable=False, server_default="0"),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False, server_default=""),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_agreements"),
        sa.UniqueConstraint("store_id", "about", "person", name="uq_agreements_store_id_about_person"),
    )
    op.create_index(op.f("ix_agreements_store_id_campaign"), "agreements", ["store_id", "campaign"])
    op.add_column("stores", sa.Column("drift_begun_at", UtcDateTime))
    op.add_column("campaigns", sa.Column("forgone_until", UtcDateTime))
