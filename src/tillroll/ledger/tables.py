"""The ledger's tables. States are the values of `campaign/states.py`; moments are UTC; amounts are in the store's currency.

stores ─┬─ campaigns ── revisions            what the files say, and every version a plan was made of
        ├─ runs ─┬─ plans ── recipients      what one occurrence would do, and for whom
        │        ├─ approvals                who agreed to which digest
        │        ├─ codes ── chunks          what the store was asked for, and what it answered
        │        └─ messages                 what reached whom
        ├─ customers, orders, carts,         the mirror of the store
        │  products, variations, categories,
        │  coupons, looks
        ├─ events                            what the store's webhooks said happened
        ├─ levels                            how much of the token's allowance of requests is left
        └─ redemptions                       which order used which code
audit                                        every decision, each row holding the hash of the one before
users, roles, roles_users                    who may sign in
"""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.types import Amount, Identity, Moment

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def _identity() -> sa.Column[int]:
    return sa.Column("id", Identity, primary_key=True, autoincrement=True)


def _of(table: str, *, nullable: bool = False) -> sa.Column[int]:
    """A reference to another table's row, named after it in the singular."""
    return sa.Column(
        f"{table.removesuffix('s')}_id", Identity, sa.ForeignKey(f"{table}.id"), nullable=nullable
    )


def _text(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=default)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default="0")


stores = sa.Table(
    "stores",
    metadata,
    _identity(),
    sa.Column("ecwid_id", sa.BigInteger, nullable=False),
    _text("base_url"),
    _text("token"),  # sealed (ledger/sealing.py), never in clear
    _text("name", ""),
    _text("url", ""),
    _text("email", ""),
    _text("currency", ""),
    _text("timezone", "UTC"),
    _text("language", "en"),
    _text("scopes", ""),  # what the token may do, parted by spaces; empty: not known
    _text("state", "connected"),  # connected, disconnected, no_api
    _text("reason", ""),
    sa.Column("not_before", Moment),  # the lane rests until then
    sa.Column("profile_at", Moment),
    sa.Column("customers_at", Moment),  # when the mirror of customers was last brought up to date
    sa.Column("orders_at", Moment),
    sa.Column("reconciled_at", Moment),
    sa.Column("webhook_at", Moment),  # when the last webhook came
    _count("turn"),  # raised to take the store's row: whoever writes it decides alone
    sa.Column("created_at", Moment, nullable=False),
    sa.UniqueConstraint("ecwid_id"),
)

revisions = sa.Table(
    "revisions",
    metadata,
    _identity(),
    _of("stores"),
    _text("campaign"),
    _text("digest"),
    _text("title"),
    _text("status"),
    sa.Column("files", sa.JSON, nullable=False),  # path → text of every file it uses
    sa.Column("read_at", Moment, nullable=False),
    sa.UniqueConstraint("store_id", "campaign", "digest"),
)

campaigns = sa.Table(
    "campaigns",
    metadata,
    _identity(),
    _of("stores"),
    _text("name"),
    _of("revisions", nullable=True),  # none while its files have faults or are gone
    sa.Column("findings", sa.JSON),  # what is wrong with its files, rendered
    sa.Column("first_seen_at", Moment, nullable=False),
    sa.Column("considered_until", Moment, nullable=False),  # slots up to here are runs, or were let pass
    sa.Column("gone_at", Moment),  # its file is no longer there
    sa.UniqueConstraint("store_id", "name"),
)

runs = sa.Table(
    "runs",
    metadata,
    _identity(),
    _of("stores"),
    _text("campaign"),
    _text("slot_key"),
    sa.Column("slot_at", Moment, nullable=False),
    _text("state"),
    _text("reason", ""),
    _text("started_by", ""),  # a person for manual runs, else the schedule
    sa.Column("plan_id", Identity),  # the plan in force; no foreign key, since plans refer to runs
    sa.Column("valid_from", Moment),  # when its codes work, fixed as minting begins
    sa.Column("valid_until", Moment),
    sa.Column("not_before", Moment),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("changed_at", Moment, nullable=False),
    sa.Column("finished_at", Moment),
    sa.UniqueConstraint("store_id", "campaign", "slot_key"),
    sa.Index(None, "store_id", "state"),
)

plans = sa.Table(
    "plans",
    metadata,
    _identity(),
    _of("runs"),
    _of("revisions"),
    _text("digest"),
    sa.Column("body", sa.JSON, nullable=False),  # plan/proposal.py
    _count("audience_count"),
    _count("code_count"),
    sa.Column("worst_case", Amount),  # none: without bound
    sa.Column("expected", Amount),
    _text("currency"),
    sa.Column("made_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Index(None, "run_id"),
)

recipients = sa.Table(
    "recipients",
    metadata,
    _identity(),
    _of("plans"),
    sa.Column("customer_id", sa.BigInteger, nullable=False),
    _text("email"),
    _text("name", ""),
    _text("first_name", ""),
    _text("language", ""),
    _text("country", ""),
    sa.UniqueConstraint("plan_id", "customer_id"),
)

approvals = sa.Table(
    "approvals",
    metadata,
    _identity(),
    _of("runs"),
    _of("plans"),
    _text("digest"),
    _text("decision"),  # approve, reject
    _text("person"),
    _text("note", ""),
    sa.Column("at", Moment, nullable=False),
    sa.UniqueConstraint("plan_id", "person"),
)

chunks = sa.Table(
    "chunks",
    metadata,
    _identity(),
    _of("stores"),
    _of("runs"),
    _text("state"),
    _text("deduplication_key"),
    _text("ticket", ""),
    _count("size"),
    sa.Column("poll_at", Moment),
    _count("polls"),
    _text("reason", ""),
    sa.Column("created_at", Moment, nullable=False),  # the deduplication key is good for an hour from here
    sa.Column("changed_at", Moment, nullable=False),
    sa.UniqueConstraint("deduplication_key"),
    sa.Index(None, "run_id", "state"),
)

codes = sa.Table(
    "codes",
    metadata,
    _identity(),
    _of("stores"),
    _of("runs"),
    _of("recipients"),
    _text("code"),
    _text("state"),
    _of("chunks", nullable=True),
    sa.Column("coupon_id", sa.BigInteger),
    _count("attempts"),
    _text("reason", ""),
    sa.Column("reserved_at", Moment, nullable=False),
    sa.Column("changed_at", Moment, nullable=False),
    sa.CheckConstraint("code = upper(code)", name="folded"),
    sa.UniqueConstraint("store_id", "code"),
    sa.Index(None, "run_id", "state"),
    sa.Index(None, "chunk_id"),
    sa.Index(
        "uq_codes_recipient_id_standing",
        "recipient_id",
        unique=True,
        sqlite_where=sa.text("state != 'clashed'"),
        postgresql_where=sa.text("state != 'clashed'"),
    ),
)

messages = sa.Table(
    "messages",
    metadata,
    _identity(),
    _of("stores"),
    _of("runs"),
    _of("recipients"),
    _of("codes"),
    _text("kind", "offer"),
    _text("state"),
    _text("reason", ""),
    _text("transport", ""),
    _text("message_key", ""),  # stands in the Message-ID; the same at every attempt
    _text("subject", ""),
    _text("body_digest", ""),  # SHA-256 of what was handed over
    _count("size"),  # bytes handed over
    _count("attempts"),
    sa.Column("not_before", Moment),
    sa.Column("sending_at", Moment),
    sa.Column("sent_at", Moment),
    sa.Column("changed_at", Moment, nullable=False),
    sa.UniqueConstraint("recipient_id", "kind"),
    sa.Index(None, "run_id", "state"),
)

customers = sa.Table(
    "customers",
    metadata,
    _of("stores"),
    sa.Column("customer_id", sa.BigInteger, nullable=False),
    _text("email", ""),
    _text("name", ""),
    _text("first_name", ""),
    _text("language", ""),
    _text("country", ""),
    _text("city", ""),
    _text("group_name", ""),
    sa.Column("accepts_marketing", sa.Boolean),  # none: never asked
    _count("orders"),
    sa.Column("spent", Amount, nullable=False, server_default="0"),
    sa.Column("first_order_at", Moment),
    sa.Column("last_order_at", Moment),
    sa.Column("registered_at", Moment),
    sa.Column("updated_at", Moment),
    sa.Column("seen_at", Moment, nullable=False),
    sa.PrimaryKeyConstraint("store_id", "customer_id"),
)

orders = sa.Table(
    "orders",
    metadata,
    _of("stores"),
    _text("order_id"),
    sa.Column("customer_id", sa.BigInteger),
    _text("email", ""),
    sa.Column("total", Amount, nullable=False, server_default="0"),
    sa.Column("subtotal", Amount, nullable=False, server_default="0"),
    sa.Column("coupon_discount", Amount, nullable=False, server_default="0"),
    _text("coupon_code", ""),
    _text("payment_status", ""),
    _text("fulfillment_status", ""),
    sa.Column("created_at", Moment),
    sa.Column("updated_at", Moment),
    sa.Column("seen_at", Moment, nullable=False),
    sa.PrimaryKeyConstraint("store_id", "order_id"),
)

carts = sa.Table(
    "carts",
    metadata,
    _of("stores"),
    _text("cart_id"),
    sa.Column("customer_id", sa.BigInteger),
    _text("email", ""),
    sa.Column("accepts_marketing", sa.Boolean),
    _text("language", ""),
    sa.Column("total", Amount, nullable=False, server_default="0"),
    sa.Column("subtotal", Amount, nullable=False, server_default="0"),
    _text("coupon_code", ""),
    sa.Column("hidden", sa.Boolean, nullable=False),
    sa.Column("recovered_order", sa.BigInteger),
    sa.Column("recovery_email_at", Moment),
    sa.Column("created_at", Moment),
    sa.Column("updated_at", Moment),
    sa.Column("seen_at", Moment, nullable=False),
    sa.PrimaryKeyConstraint("store_id", "cart_id"),
)

products = sa.Table(
    "products",
    metadata,
    _of("stores"),
    sa.Column("product_id", sa.BigInteger, nullable=False),
    _text("sku", ""),
    _text("name", ""),
    sa.Column("price", Amount, nullable=False, server_default="0"),
    sa.Column("cost_price", Amount),
    sa.Column("quantity", sa.BigInteger),  # none: unlimited
    sa.Column("in_stock", sa.Boolean, nullable=False),
    sa.Column("low_stock_at", sa.BigInteger),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("discounts_allowed", sa.Boolean, nullable=False),
    sa.Column("category_ids", sa.JSON, nullable=False),
    sa.Column("created_at", Moment),
    sa.Column("updated_at", Moment),
    sa.Column("seen_at", Moment, nullable=False),
    sa.PrimaryKeyConstraint("store_id", "product_id"),
    sa.Index(None, "store_id", "sku"),
)

variations = sa.Table(
    "variations",
    metadata,
    _of("stores"),
    sa.Column("product_id", sa.BigInteger, nullable=False),
    sa.Column("variation_id", sa.BigInteger, nullable=False),
    _text("sku", ""),
    sa.Column("price", Amount),  # none: the product's own
    sa.Column("quantity", sa.BigInteger),
    sa.Column("in_stock", sa.Boolean, nullable=False),
    sa.Column("low_stock_at", sa.BigInteger),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("seen_at", Moment, nullable=False),
    sa.PrimaryKeyConstraint("store_id", "product_id", "variation_id"),
    sa.Index(None, "store_id", "sku"),
)

categories = sa.Table(
    "categories",
    metadata,
    _of("stores"),
    sa.Column("category_id", sa.BigInteger, nullable=False),
    sa.Column("parent_id", sa.BigInteger),
    _text("name", ""),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("seen_at", Moment, nullable=False),
    sa.PrimaryKeyConstraint("store_id", "category_id"),
)

coupons = sa.Table(
    "coupons",
    metadata,
    _of("stores"),
    sa.Column("coupon_id", sa.BigInteger, nullable=False),
    _text("code"),
    _text("name", ""),
    _text("discount_type", ""),
    sa.Column("discount", Amount, nullable=False, server_default="0"),
    _text("status", ""),
    _text("uses_limit", ""),
    _text("application_limit", ""),
    sa.Column("minimum_subtotal", Amount),
    sa.Column("launches_at", Moment),
    sa.Column("expires_at", Moment),
    _count("order_count"),
    sa.Column("created_at", Moment),
    sa.Column("updated_at", Moment),
    sa.Column("seen_at", Moment, nullable=False),
    sa.PrimaryKeyConstraint("store_id", "coupon_id"),
    sa.Index(None, "store_id", "code"),
)

looks = sa.Table(
    "looks",
    metadata,
    _of("stores"),
    _text("area"),  # customers, orders, carts, products, categories, coupons
    sa.Column("looked_at", Moment, nullable=False),  # by the store's clock: the mirror is complete up to here
    sa.Column("whole_at", Moment),  # when the area was last read from end to end
    sa.Column("stamp", Moment),  # when the area had last changed, as the store said at that look
    sa.PrimaryKeyConstraint("store_id", "area"),
)

events = sa.Table(
    "events",
    metadata,
    _identity(),
    _of("stores"),
    _text("event_id"),  # the store's own, the same at every delivery
    _text("kind"),  # like order.updated
    _text("entity"),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Column("happened_at", Moment, nullable=False),  # as the store says
    sa.Column("received_at", Moment, nullable=False),
    sa.Column("handled_at", Moment),
    _text("outcome", ""),
    sa.UniqueConstraint("store_id", "event_id"),
    sa.Index(None, "store_id", "handled_at"),
)

levels = sa.Table(
    "levels",
    metadata,
    _of("stores"),
    sa.Column("calls_left", sa.Double, nullable=False),
    sa.Column("at", sa.Double, nullable=False),  # UNIX seconds
    sa.Column("blocked_until", sa.Double, nullable=False),
    sa.PrimaryKeyConstraint("store_id"),
)

redemptions = sa.Table(
    "redemptions",
    metadata,
    _identity(),
    _of("stores"),
    _of("runs"),
    _of("codes"),
    _text("order_id"),
    sa.Column("order_total", Amount, nullable=False),
    sa.Column("discount", Amount, nullable=False),
    _text("payment_status"),
    sa.Column("at", Moment, nullable=False),
    sa.UniqueConstraint("store_id", "order_id"),
    sa.Index(None, "run_id"),
)

audit = sa.Table(
    "audit",
    metadata,
    _identity(),
    sa.Column("at", Moment, nullable=False),
    _text("actor"),
    _text("action"),
    _text("subject"),
    _text("body"),  # canonical JSON
    _text("previous"),
    _text("hash"),
    sa.UniqueConstraint("previous"),  # the chain can't fork
    sa.UniqueConstraint("hash"),
)

users = sa.Table(
    "users",
    metadata,
    _identity(),
    sa.Column("email", sa.String(255), nullable=False, unique=True),
    sa.Column("password", sa.String(255)),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("fs_uniquifier", sa.String(64), nullable=False, unique=True),
    sa.Column("create_datetime", Moment, nullable=False),
)

roles = sa.Table(
    "roles",
    metadata,
    _identity(),
    sa.Column("name", sa.String(80), nullable=False, unique=True),
    sa.Column("description", sa.String(255), nullable=False, server_default=""),
)

roles_users = sa.Table(
    "roles_users",
    metadata,
    _of("users"),
    _of("roles"),
    sa.PrimaryKeyConstraint("user_id", "role_id"),
)
