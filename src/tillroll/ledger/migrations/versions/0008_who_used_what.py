"""Asking whether a code was used, and what the steps of one flow did, without reading everything."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_redemptions_code_id"), "redemptions", ["code_id"])
    op.create_index(op.f("ix_runs_entry_id"), "runs", ["entry_id"])
