"""Who opened which link of an e-mail, once each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Identity, UtcDateTime

revision = "0060"
down_revision = "0059"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "clicks",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("run_id", Identity, nullable=False),
        sa.Column("message_id", Identity, nullable=False),
        sa.Column("link", sa.Text, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("by_program", sa.Boolean, nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_clicks_store_id")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_clicks_run_id")),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_clicks_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clicks")),
        sa.UniqueConstraint("message_id", "link", name=op.f("uq_clicks_message_id_link")),
    )
    op.create_index(op.f("ix_clicks_run_id"), "clicks", ["run_id"])
