"""How many e-mails somebody had lately, whatever the campaign, without reading everything."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_recipients_customer_id"), "recipients", ["customer_id"])
