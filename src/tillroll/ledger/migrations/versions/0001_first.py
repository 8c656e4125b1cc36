"""The first ledger: every table of the path from file to inbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Identity = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sa.UniqueConstraint("hash", name=op.f("uq_audit_hash")),
        sa.UniqueConstraint("previous", name=op.f("uq_audit_previous")),
    )
    op.create_table(
        "roles",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("description", sa.String(length=255), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roles")),
        sa.UniqueConstraint("name", name=op.f("uq_roles_name")),
    )
    op.create_table(
        "stores",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        sa.Column("ecwid_id", sa.BigInteger(), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("url", sa.Text(), server_default="", nullable=False),
        sa.Column("email", sa.Text(), server_default="", nullable=False),
        sa.Column("currency", sa.Text(), server_default="", nullable=False),
        sa.Column("timezone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("language", sa.Text(), server_default="en", nullable=False),
        sa.Column("state", sa.Text(), server_default="connected", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("profile_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("customers_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("orders_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reconciled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("turn", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stores")),
        sa.UniqueConstraint("ecwid_id", name=op.f("uq_stores_ecwid_id")),
    )
    op.create_table(
        "users",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("password", sa.String(length=255), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("fs_uniquifier", sa.String(length=64), nullable=False),
        sa.Column("create_datetime", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
        sa.UniqueConstraint("fs_uniquifier", name=op.f("uq_users_fs_uniquifier")),
    )
    op.create_table(
        "customers",
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("email", sa.Text(), server_default="", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("first_name", sa.Text(), server_default="", nullable=False),
        sa.Column("language", sa.Text(), server_default="", nullable=False),
        sa.Column("country", sa.Text(), server_default="", nullable=False),
        sa.Column("group_name", sa.Text(), server_default="", nullable=False),
        sa.Column("accepts_marketing", sa.Boolean(), nullable=True),
        sa.Column("orders", sa.Integer(), server_default="0", nullable=False),
        sa.Column("spent", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("first_order_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_order_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_customers_store_id")),
        sa.PrimaryKeyConstraint("store_id", "customer_id", name=op.f("pk_customers")),
    )
    op.create_table(
        "orders",
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("email", sa.Text(), server_default="", nullable=False),
        sa.Column("total", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("subtotal", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("coupon_discount", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("coupon_code", sa.Text(), server_default="", nullable=False),
        sa.Column("payment_status", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_orders_store_id")),
        sa.PrimaryKeyConstraint("store_id", "order_id", name=op.f("pk_orders")),
    )
    op.create_table(
        "revisions",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_revisions_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revisions")),
        sa.UniqueConstraint(
            "store_id", "campaign", "digest", name=op.f("uq_revisions_store_id_campaign_digest")
        ),
    )
    op.create_table(
        "roles_users",
        sa.Column("user_id", Identity, nullable=False),
        sa.Column("role_id", Identity, nullable=False),
        sa.ForeignKeyConstraint(["role_id"], ["roles.id"], name=op.f("fk_roles_users_role_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_roles_users_user_id")),
        sa.PrimaryKeyConstraint("user_id", "role_id", name=op.f("pk_roles_users")),
    )
    op.create_table(
        "runs",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("slot_key", sa.Text(), nullable=False),
        sa.Column("slot_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("started_by", sa.Text(), server_default="", nullable=False),
        sa.Column("plan_id", Identity, nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_runs_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint(
            "store_id", "campaign", "slot_key", name=op.f("uq_runs_store_id_campaign_slot_key")
        ),
    )
    op.create_index(op.f("ix_runs_store_id_state"), "runs", ["store_id", "state"], unique=False)
    op.create_table(
        "campaigns",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("revision_id", Identity, nullable=True),
        sa.Column("findings", sa.JSON(), nullable=True),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("considered_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["revision_id"], ["revisions.id"], name=op.f("fk_campaigns_revision_id")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_campaigns_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaigns")),
        sa.UniqueConstraint("store_id", "name", name=op.f("uq_campaigns_store_id_name")),
    )
    op.create_table(
        "chunks",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("run_id", Identity, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("deduplication_key", sa.Text(), nullable=False),
        sa.Column("ticket", sa.Text(), server_default="", nullable=False),
        sa.Column("size", sa.Integer(), server_default="0", nullable=False),
        sa.Column("poll_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("polls", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_chunks_run_id")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_chunks_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chunks")),
        sa.UniqueConstraint("deduplication_key", name=op.f("uq_chunks_deduplication_key")),
    )
    op.create_index(op.f("ix_chunks_run_id_state"), "chunks", ["run_id", "state"], unique=False)
    op.create_table(
        "plans",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        sa.Column("run_id", Identity, nullable=False),
        sa.Column("revision_id", Identity, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("audience_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("code_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("worst_case", sa.BigInteger(), nullable=True),
        sa.Column("expected", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["revision_id"], ["revisions.id"], name=op.f("fk_plans_revision_id")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_plans_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
    )
    op.create_index(op.f("ix_plans_run_id"), "plans", ["run_id"], unique=False)
    op.create_table(
        "approvals",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        sa.Column("run_id", Identity, nullable=False),
        sa.Column("plan_id", Identity, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_approvals_plan_id")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_approvals_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
        sa.UniqueConstraint("plan_id", "person", name=op.f("uq_approvals_plan_id_person")),
    )
    op.create_table(
        "recipients",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        sa.Column("plan_id", Identity, nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("first_name", sa.Text(), server_default="", nullable=False),
        sa.Column("language", sa.Text(), server_default="", nullable=False),
        sa.Column("country", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_recipients_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recipients")),
        sa.UniqueConstraint("plan_id", "customer_id", name=op.f("uq_recipients_plan_id_customer_id")),
    )
    op.create_table(
        "codes",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("run_id", Identity, nullable=False),
        sa.Column("recipient_id", Identity, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("chunk_id", Identity, nullable=True),
        sa.Column("coupon_id", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("reserved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("code = upper(code)", name=op.f("ck_codes_folded")),
        sa.ForeignKeyConstraint(["chunk_id"], ["chunks.id"], name=op.f("fk_codes_chunk_id")),
        sa.ForeignKeyConstraint(["recipient_id"], ["recipients.id"], name=op.f("fk_codes_recipient_id")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_codes_run_id")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_codes_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_codes")),
        sa.UniqueConstraint("store_id", "code", name=op.f("uq_codes_store_id_code")),
    )
    op.create_index(op.f("ix_codes_chunk_id"), "codes", ["chunk_id"], unique=False)
    op.create_index(op.f("ix_codes_run_id_state"), "codes", ["run_id", "state"], unique=False)
    op.create_index(
        "uq_codes_recipient_id_standing",
        "codes",
        ["recipient_id"],
        unique=True,
        sqlite_where=sa.text("state != 'clashed'"),
        postgresql_where=sa.text("state != 'clashed'"),
    )
    op.create_table(
        "messages",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("run_id", Identity, nullable=False),
        sa.Column("recipient_id", Identity, nullable=False),
        sa.Column("code_id", Identity, nullable=False),
        sa.Column("kind", sa.Text(), server_default="offer", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("transport", sa.Text(), server_default="", nullable=False),
        sa.Column("message_key", sa.Text(), server_default="", nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("body_digest", sa.Text(), server_default="", nullable=False),
        sa.Column("size", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sending_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["code_id"], ["codes.id"], name=op.f("fk_messages_code_id")),
        sa.ForeignKeyConstraint(["recipient_id"], ["recipients.id"], name=op.f("fk_messages_recipient_id")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_messages_run_id")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_messages_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("recipient_id", "kind", name=op.f("uq_messages_recipient_id_kind")),
    )
    op.create_index(op.f("ix_messages_run_id_state"), "messages", ["run_id", "state"], unique=False)
    op.create_table(
        "redemptions",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("run_id", Identity, nullable=False),
        sa.Column("code_id", Identity, nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("order_total", sa.BigInteger(), nullable=False),
        sa.Column("discount", sa.BigInteger(), nullable=False),
        sa.Column("payment_status", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["code_id"], ["codes.id"], name=op.f("fk_redemptions_code_id")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_redemptions_run_id")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_redemptions_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_redemptions")),
        sa.UniqueConstraint("store_id", "order_id", name=op.f("uq_redemptions_store_id_order_id")),
    )
    op.create_index(op.f("ix_redemptions_run_id"), "redemptions", ["run_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_redemptions_run_id"), table_name="redemptions")
    op.drop_table("redemptions")
    op.drop_index(op.f("ix_messages_run_id_state"), table_name="messages")
    op.drop_table("messages")
    op.drop_index(
        "uq_codes_recipient_id_standing",
        table_name="codes",
        sqlite_where=sa.text("state != 'clashed'"),
        postgresql_where=sa.text("state != 'clashed'"),
    )
    op.drop_index(op.f("ix_codes_run_id_state"), table_name="codes")
    op.drop_index(op.f("ix_codes_chunk_id"), table_name="codes")
    op.drop_table("codes")
    op.drop_table("recipients")
    op.drop_table("approvals")
    op.drop_index(op.f("ix_plans_run_id"), table_name="plans")
    op.drop_table("plans")
    op.drop_index(op.f("ix_chunks_run_id_state"), table_name="chunks")
    op.drop_table("chunks")
    op.drop_table("campaigns")
    op.drop_index(op.f("ix_runs_store_id_state"), table_name="runs")
    op.drop_table("runs")
    op.drop_table("roles_users")
    op.drop_table("revisions")
    op.drop_table("orders")
    op.drop_table("customers")
    op.drop_table("users")
    op.drop_table("stores")
    op.drop_table("roles")
    op.drop_table("audit")
