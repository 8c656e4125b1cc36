"""What became of e-mails after they left: deliveries, bounces, complaints."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Identity, UtcDateTime

revision = "0042"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mail_events",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("message_id", Identity, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("event_key", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, server_default="", nullable=False),
        sa.Column("happened_at", UtcDateTime, nullable=False),
        sa.Column("received_at", UtcDateTime, nullable=False),
        sa.Column("handled_at", UtcDateTime),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_mail_events_store_id")),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_mail_events_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_events")),
        sa.UniqueConstraint(
            "message_id", "service", "event_key", name=op.f("uq_mail_events_message_id_service_event_key")
        ),
    )
    op.create_index(op.f("ix_mail_events_store_id_handled_at"), "mail_events", ["store_id", "handled_at"])
