"""Notices to people of the shop are rows: each leaves once, and none is lost."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Identity, UtcDateTime

revision = "0057"
down_revision = "0054"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notices",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("run_id", sa.BigInteger),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("paragraphs", sa.JSON, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, server_default="", nullable=False),
        sa.Column("message_key", sa.Text, server_default="", nullable=False),
        sa.Column("attempts", sa.Integer, server_default="0", nullable=False),
        sa.Column("made_at", UtcDateTime, nullable=False),
        sa.Column("not_before", UtcDateTime),
        sa.Column("claimed_at", UtcDateTime),
        sa.Column("leaving_at", UtcDateTime),
        sa.Column("settled_at", UtcDateTime),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_notices_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint(
            "store_id", "kind", "topic", "address", name=op.f("uq_notices_store_id_kind_topic_address")
        ),
    )
    op.create_index(op.f("ix_notices_store_id_state"), "notices", ["store_id", "state"])
    op.create_index(op.f("ix_notices_store_id_run_id"), "notices", ["store_id", "run_id"])
