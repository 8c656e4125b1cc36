"""Uses of a code by time: the latest of a code that everybody has is found without reading them all."""

from __future__ import annotations

from alembic import op

revision = "0068"
down_revision = "0067"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_redemptions_code_id_at_id"), "redemptions", ["code_id", "at", "id"])
    op.drop_index(op.f("ix_redemptions_code_id"), table_name="redemptions")
