"""What went wrong with which item, so that its neighbours go on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Identity, UtcDateTime

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def _text(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=default)


def upgrade() -> None:
    op.create_table(
        "faults",
        sa.Column("id", Identity, primary_key=True, autoincrement=True),
        sa.Column(
            "store_id", Identity, sa.ForeignKey("stores.id", name="fk_faults_store_id"), nullable=False
        ),
        _text("kind"),
        _text("item"),
        _text("stage"),
        sa.Column("run_id", Identity, sa.ForeignKey("runs.id", name="fk_faults_run_id")),
        _text("campaign", ""),
        _text("error", ""),
        _text("place", ""),
        sa.Column("count", sa.Integer, nullable=False, server_default="0"),
        _text("state"),
        sa.Column("first_at", UtcDateTime, nullable=False),
        sa.Column("last_at", UtcDateTime, nullable=False),
        sa.Column("not_before", UtcDateTime),
        _text("released_by", ""),
        sa.UniqueConstraint("store_id", "kind", "item", "stage", name="uq_faults_store_id_kind_item_stage"),
    )
    op.create_index(op.f("ix_faults_run_id"), "faults", ["run_id"])
    op.create_index(op.f("ix_faults_store_id_state_kind"), "faults", ["store_id", "state", "kind"])
