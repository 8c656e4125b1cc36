"""Who got an e-mail or a code lately is answered out of one index, and no longer message by message."""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    columns = ["store_id", "sending_at", "state", "run_id", "code_id", "recipient_id"]
    op.create_index(op.f("ix_messages_left"), "messages", columns)
    op.drop_index(op.f("ix_messages_store_id_sending_at"), "messages")
