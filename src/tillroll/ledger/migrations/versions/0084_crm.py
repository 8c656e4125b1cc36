"""What a CRM is told: feeds, the state of the push, and its events; and an index of codes with a period of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Identity, UtcDateTime

revision = "0084"
down_revision = "0082"
branch_labels = None
depends_on = None

_RESTING = sa.text("not_before is not null")
_OWN_PERIOD = sa.text("valid_until is not null")


def upgrade() -> None:
    _create_feeds()
    _create_events()
    op.create_index(
        "ix_codes_store_id_own_period",
        "codes",
        ["store_id", "valid_until", "id"],
        sqlite_where=_OWN_PERIOD,
        postgresql_where=_OWN_PERIOD,
    )


def _create_feeds() -> None:
    op.create_table(
        "crm_feeds",
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("opened_in", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("history_after", sa.Text(), nullable=False, server_default=""),
        sa.Column("history_done", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("expired_to", UtcDateTime),
        sa.Column("place", sa.JSON(none_as_null=True)),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_crm_feeds_store_id")),
        sa.PrimaryKeyConstraint("store_id", "kind", name=op.f("pk_crm_feeds")),
    )
    op.create_table(
        "crm_pushes",
        sa.Column("store_id", Identity, nullable=False, autoincrement=False),
        sa.Column("last_sequence", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("last_batch", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("target", sa.Text(), nullable=False, server_default=""),
        sa.Column("trouble", sa.Text(), nullable=False, server_default=""),
        sa.Column("trouble_since", UtcDateTime),
        sa.Column("not_before", UtcDateTime),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("refusals", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("most", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("taken_at", UtcDateTime),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_crm_pushes_store_id")),
        sa.PrimaryKeyConstraint("store_id", name=op.f("pk_crm_pushes")),
    )


def _create_events() -> None:
    op.create_table(
        "crm_events",
        sa.Column("id", Identity, primary_key=True, autoincrement=True),
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.BigInteger()),
        sa.Column("email", sa.Text(), nullable=False, server_default=""),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, server_default="waiting"),
        sa.Column("rank", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("sequence", sa.BigInteger()),
        sa.Column("event_key", sa.Text(), nullable=False, server_default=""),
        sa.Column("body", sa.Text(), nullable=False, server_default=""),
        sa.Column("batch", sa.BigInteger()),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("not_before", UtcDateTime),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("settled_at", UtcDateTime),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_crm_events_store_id")),
    )
    op.create_index(
        op.f("ix_crm_events_store_id_state_rank_id"), "crm_events", ["store_id", "state", "rank", "id"]
    )
    op.create_index(
        op.f("ix_crm_events_store_id_kind_subject"), "crm_events", ["store_id", "kind", "subject"]
    )
    op.create_index(op.f("ix_crm_events_store_id_customer_id"), "crm_events", ["store_id", "customer_id"])
    op.create_index(
        "ix_crm_events_store_id_resting",
        "crm_events",
        ["store_id", "not_before"],
        sqlite_where=_RESTING,
        postgresql_where=_RESTING,
    )
