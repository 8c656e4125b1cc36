"""The form by which people sign up, what they agreed to, and who signed up."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Identity, UtcDateTime

revision = "0054"
down_revision = "0052"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "consent_texts",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("texts", sa.JSON, nullable=False),
        sa.Column("first_used_at", UtcDateTime, nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_consent_texts_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_texts")),
        sa.UniqueConstraint("store_id", "version", name=op.f("uq_consent_texts_store_id_version")),
    )
    op.create_table(
        "sign_up_forms",
        sa.Column("store_id", Identity, autoincrement=False, nullable=False),
        sa.Column("consent_text_id", Identity, nullable=False),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.Column("settings", sa.JSON, nullable=False),
        sa.Column("read_at", UtcDateTime, nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_sign_up_forms_store_id")),
        sa.ForeignKeyConstraint(
            ["consent_text_id"], ["consent_texts.id"], name=op.f("fk_sign_up_forms_consent_text_id")
        ),
        sa.PrimaryKeyConstraint("store_id", name=op.f("pk_sign_up_forms")),
    )
    _create_sign_ups()


def _create_sign_ups() -> None:
    op.create_table(
        "sign_ups",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("consent_text_id", Identity, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("mailbox", sa.Text, nullable=False),
        sa.Column("language", sa.Text, server_default="", nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, server_default="", nullable=False),
        sa.Column("client", sa.Text, server_default="", nullable=False),
        sa.Column("confirmed_client", sa.Text, server_default="", nullable=False),
        sa.Column("asked_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime),
        sa.Column("confirmed_at", UtcDateTime),
        sa.Column("not_before", UtcDateTime),
        sa.Column("attempts", sa.Integer, server_default="0", nullable=False),
        sa.Column("customer_id", sa.BigInteger),
        sa.Column("changed_at", UtcDateTime, nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_sign_ups_store_id")),
        sa.ForeignKeyConstraint(
            ["consent_text_id"], ["consent_texts.id"], name=op.f("fk_sign_ups_consent_text_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_ups")),
    )
    op.create_index(op.f("ix_sign_ups_store_id_state"), "sign_ups", ["store_id", "state"])
    op.create_index(op.f("ix_sign_ups_store_id_mailbox"), "sign_ups", ["store_id", "mailbox"])
    op.create_index(
        op.f("ix_sign_ups_store_id_client_asked_at"), "sign_ups", ["store_id", "client", "asked_at"]
    )
