"""A run's messages in the order they leave, out of an index; and how far its messages are written down."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_messages_run_id_state_id"), "messages", ["run_id", "state", "id"])
    op.drop_index(op.f("ix_messages_run_id_state"), "messages")
    op.add_column("runs", sa.Column("prepared_to", sa.BigInteger, nullable=False, server_default="0"))
