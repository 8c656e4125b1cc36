"""Commands know their person by a key, the audit says by which way something was done, and stores keep the chain's head."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Identity, UtcDateTime

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "personal_keys",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        sa.Column("user_id", Identity, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("account_key", sa.Text, nullable=False),
        sa.Column("machine", sa.Text, nullable=False, server_default=""),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("used_at", UtcDateTime),
        sa.Column("revoked_at", UtcDateTime),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_personal_keys_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_personal_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_personal_keys_digest")),
    )
    op.create_index(op.f("ix_personal_keys_user_id"), "personal_keys", ["user_id"])
    op.add_column("audit", sa.Column("way", sa.Text, nullable=False, server_default=""))
    op.add_column("fences", sa.Column("anchored_at", UtcDateTime))
