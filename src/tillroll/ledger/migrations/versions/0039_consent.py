"""Who wants e-mails, and who doesn't."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Identity, UtcDateTime

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def _text(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, server_default=default)


def _keys(table: str) -> tuple[sa.Constraint, ...]:
    return (
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f(f"fk_{table}_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )


def _identity() -> tuple[sa.Column[int], ...]:
    return (
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        sa.Column("store_id", Identity, nullable=False),
    )


def upgrade() -> None:
    op.create_table(
        "suppressions",
        *_identity(),
        _text("address"),
        _text("mailbox"),
        _text("campaign", ""),
        sa.Column("every_days", sa.Integer()),
        _text("cause"),
        _text("source"),
        sa.Column("run_id", sa.BigInteger()),
        _text("note", ""),
        sa.Column("withdrew", sa.Boolean(), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("until", UtcDateTime),
        sa.Column("lifted_at", UtcDateTime),
        _text("lifted_by", ""),
        *_keys("suppressions"),
    )
    op.create_index(op.f("ix_suppressions_store_id_mailbox"), "suppressions", ["store_id", "mailbox"])
    op.create_table(
        "consents",
        *_identity(),
        _text("address"),
        _text("mailbox"),
        sa.Column("agreed", sa.Boolean(), nullable=False),
        _text("source"),
        _text("detail", ""),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("noted_at", UtcDateTime, nullable=False),
        *_keys("consents"),
    )
    op.create_index(op.f("ix_consents_store_id_mailbox"), "consents", ["store_id", "mailbox"])
    op.create_table(
        "consent_pushes",
        *_identity(),
        _text("mailbox"),
        sa.Column("agreed", sa.Boolean(), nullable=False),
        sa.Column("asked_at", UtcDateTime, nullable=False),
        sa.Column("not_before", UtcDateTime),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("done_at", UtcDateTime),
        _text("outcome", ""),
        *_keys("consent_pushes"),
    )
    op.create_index(op.f("ix_consent_pushes_store_id_done_at"), "consent_pushes", ["store_id", "done_at"])
    op.create_index(op.f("ix_consent_pushes_store_id_mailbox"), "consent_pushes", ["store_id", "mailbox"])
    op.create_table(
        "mail_reports",
        *_identity(),
        _text("kind"),
        _text("event_key"),
        _text("address"),
        _text("mailbox"),
        sa.Column("message_id", sa.BigInteger()),
        sa.Column("run_id", sa.BigInteger()),
        _text("campaign", ""),
        _text("said", ""),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("noted_at", UtcDateTime, nullable=False),
        sa.Column("judged_at", UtcDateTime),
        *_keys("mail_reports"),
        sa.UniqueConstraint("store_id", "event_key", name=op.f("uq_mail_reports_store_id_event_key")),
    )
    op.create_index(
        op.f("ix_mail_reports_store_id_mailbox_kind"), "mail_reports", ["store_id", "mailbox", "kind"]
    )
    op.create_index(
        op.f("ix_mail_reports_store_id_campaign_kind_at"),
        "mail_reports",
        ["store_id", "campaign", "kind", "at"],
    )
