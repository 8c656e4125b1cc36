"""Sessions become rows that can be ended, and failed sign-ins are counted for all processes together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Identity, UtcDateTime

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def _text(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=default)


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", Identity, autoincrement=True),
        sa.Column("user_id", Identity, sa.ForeignKey("users.id", name="fk_sessions_user_id")),
        _text("digest"),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("seen_at", UtcDateTime, nullable=False),
        _text("address", ""),
        _text("agent", ""),
        _text("data", ""),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("digest", name="uq_sessions_digest"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_index("ix_sessions_created_at", "sessions", ["created_at"])
    op.create_table(
        "sign_in_counts",
        sa.Column("id", Identity, autoincrement=True),
        _text("kind"),
        _text("digest"),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("first_at", UtcDateTime, nullable=False),
        sa.Column("last_at", UtcDateTime, nullable=False),
        sa.Column("succeeded_at", UtcDateTime),
        sa.PrimaryKeyConstraint("id", name="pk_sign_in_counts"),
        sa.UniqueConstraint("kind", "digest", name="uq_sign_in_counts_kind_digest"),
    )
    op.create_index("ix_sign_in_counts_last_at", "sign_in_counts", ["last_at"])
