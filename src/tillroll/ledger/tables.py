"""The ledger's tables. States are the values of `campaign/states.py`; moments are UTC; amounts are in the store's currency.

stores ─┬─ campaigns ── revisions            what the files say, and every version a plan was made of
        ├─ runs ─┬─ plans ── recipients      what one occurrence would do, and for whom
        │        ├─ approvals                who agreed to which digest
        │        ├─ codes ── chunks          what the store was asked for, and what it answered
        │        └─ messages                 what reached whom
        ├─ customers, favourites,            the mirror of the store
        │  customer_fields, orders,
        │  order_items, carts, products,
        │  product_categories, variations,
        │  categories, coupons, looks
        ├─ list_members                      who stands in uploaded lists
        ├─ imports ── import_rows,           catalogue files: what each row wanted, what the store had before,
        │             import_chunks          and what it answered
        ├─ changes ── change_parts,          what is done to codes that are in the store, and
        │             change_chunks          what it answered
        ├─ drifts                            where its coupons are not what the ledger says
        ├─ entries                           whom an event brought into a campaign, and their next step
        ├─ reviews, stock_changes            what else happened in the store
        ├─ events                            what the store's webhooks said happened
        ├─ levels                            how much of the token's allowance of requests is left
        ├─ lanes                             when each store's lane is due
        ├─ fences                            how far the ledger has told its store that it came
        └─ redemptions                       which order used which code
audit                                        every decision, each row holding the hash of the one before
users, roles, roles_users                    who may sign in
"""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.change_tables import change_chunks, change_parts, changes, drifts
from tillroll.ledger.columns import count, identity, metadata, of, text
from tillroll.ledger.event_tables import entries, reviews, stock_changes
from tillroll.ledger.import_tables import import_chunks, import_rows, imports
from tillroll.ledger.lane_tables import fences, lanes
from tillroll.ledger.mirror_tables import (
    carts,
    categories,
    coupons,
    customer_fields,
    customers,
    events,
    favourites,
    levels,
    list_members,
    looks,
    order_items,
    orders,
    product_categories,
    products,
    variations,
)
from tillroll.ledger.types import Amount, Identity, Moment

__all__ = [
    "approvals",
    "audit",
    "campaigns",
    "carts",
    "categories",
    "change_chunks",
    "change_parts",
    "changes",
    "chunks",
    "codes",
    "coupons",
    "customer_fields",
    "customers",
    "drifts",
    "entries",
    "events",
    "favourites",
    "fences",
    "import_chunks",
    "import_rows",
    "imports",
    "lanes",
    "levels",
    "list_members",
    "looks",
    "messages",
    "metadata",
    "order_items",
    "orders",
    "plans",
    "product_categories",
    "products",
    "recipients",
    "redemptions",
    "reviews",
    "revisions",
    "roles",
    "roles_users",
    "runs",
    "stock_changes",
    "stores",
    "users",
    "variations",
]

stores = sa.Table(
    "stores",
    metadata,
    identity(),
    sa.Column("ecwid_id", sa.BigInteger, nullable=False),
    text("base_url"),
    text("token"),  # sealed (ledger/sealing.py), never in clear
    text("name", ""),
    text("url", ""),
    text("email", ""),
    text("currency", ""),
    text("timezone", "UTC"),
    text("language", "en"),
    text("scopes", ""),  # what the token may do, parted by spaces; empty: not known
    text("state", "connected"),  # connected, disconnected, no_api, fenced
    text("reason", ""),
    sa.Column("not_before", Moment),  # the lane rests until then
    sa.Column("profile_at", Moment),
    sa.Column("customers_at", Moment),  # when the mirror of customers was last brought up to date
    sa.Column("orders_at", Moment),
    sa.Column("reconciled_at", Moment),
    sa.Column("drift_at", Moment),  # when every coupon was last compared with the ledger
    sa.Column("scored_at", Moment),  # when the marks between the customers' scores were last drawn up
    sa.Column("score_marks", sa.JSON),  # campaign/segments/scores.py
    sa.Column("webhook_at", Moment),  # when the last webhook came
    count("turn"),  # raised to take the store's row: whoever writes it decides alone
    sa.Column("created_at", Moment, nullable=False),
    sa.UniqueConstraint("ecwid_id"),
)

revisions = sa.Table(
    "revisions",
    metadata,
    identity(),
    of("stores"),
    text("campaign"),
    text("digest"),
    text("title"),
    text("status"),
    sa.Column("files", sa.JSON, nullable=False),  # path → text of every file it uses
    sa.Column("read_at", Moment, nullable=False),
    sa.UniqueConstraint("store_id", "campaign", "digest"),
)

campaigns = sa.Table(
    "campaigns",
    metadata,
    identity(),
    of("stores"),
    text("name"),
    of("revisions", nullable=True),  # none while its files have faults or are gone
    sa.Column("findings", sa.JSON),  # what is wrong with its files, rendered
    sa.Column("first_seen_at", Moment, nullable=False),
    sa.Column("considered_until", Moment, nullable=False),  # slots up to here are runs, or were let pass
    sa.Column("gone_at", Moment),  # its file is no longer there
    sa.Column("halted_at", Moment),  # it makes no runs from then on, until a person restarts it
    text("halted_by", ""),
    sa.UniqueConstraint("store_id", "name"),
)

runs = sa.Table(
    "runs",
    metadata,
    identity(),
    of("stores"),
    text("campaign"),
    text("slot_key"),
    sa.Column("slot_at", Moment, nullable=False),
    text("state"),
    text("reason", ""),
    text("kind", ""),  # pool: codes made ahead, for nobody yet
    of("entries", nullable=True),  # what happened to whom; none for a run by the clock or by hand
    sa.Column("step", sa.Integer, nullable=False, server_default="1"),  # of the campaign's flow
    text("started_by", ""),  # a person for manual runs, else the schedule
    sa.Column("plan_id", Identity),  # the plan in force; no foreign key, since plans refer to runs
    sa.Column("valid_from", Moment),  # when its codes work, fixed as minting begins
    sa.Column("valid_until", Moment),
    sa.Column("extended_until", Moment),  # some of its codes were made to work until then
    sa.Column("launch_at", Moment),  # its codes are made switched off, and switched on then
    text("halted_in", ""),  # the state it was in when it was halted
    sa.Column(
        "reserved_to", sa.BigInteger, nullable=False, server_default="0"
    ),  # so far customers have codes
    sa.Column("not_before", Moment),
    sa.Column(
        "parked_until", Moment
    ),  # e-mails that were due until then may have left before the ledger was restored
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("changed_at", Moment, nullable=False),
    sa.Column("finished_at", Moment),
    sa.UniqueConstraint("store_id", "campaign", "slot_key"),
    sa.Index(None, "store_id", "state"),
    sa.Index(None, "store_id", "changed_at"),
    sa.Index(None, "entry_id"),
)

plans = sa.Table(
    "plans",
    metadata,
    identity(),
    of("runs"),
    of("revisions"),
    text("digest"),
    sa.Column("body", sa.JSON, nullable=False),  # plan/proposal.py
    count("audience_count"),
    count("code_count"),
    sa.Column("worst_case", Amount),  # none: without bound
    sa.Column("expected", Amount),
    text("currency"),
    sa.Column("made_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Index(None, "run_id"),
)

recipients = sa.Table(
    "recipients",
    metadata,
    identity(),
    of("plans"),
    sa.Column("customer_id", sa.BigInteger, nullable=False),
    text("email"),
    text("name", ""),
    text("first_name", ""),
    text("language", ""),
    text("country", ""),
    text("arm", ""),  # of the campaign's variants
    sa.Column("value", Amount),  # their own value of the discount; none: the offer's
    sa.UniqueConstraint("plan_id", "customer_id"),
    sa.Index(None, "customer_id"),
)

approvals = sa.Table(
    "approvals",
    metadata,
    identity(),
    of("runs"),
    of("plans"),
    text("digest"),
    text("decision"),  # approve, reject
    text("person"),
    text("note", ""),
    sa.Column("at", Moment, nullable=False),
    sa.UniqueConstraint("plan_id", "person"),
)

chunks = sa.Table(
    "chunks",
    metadata,
    identity(),
    of("stores"),
    of("runs"),
    text("state"),
    text("deduplication_key"),
    text("ticket", ""),
    count("size"),
    sa.Column("poll_at", Moment),
    count("polls"),
    text("reason", ""),
    sa.Column("created_at", Moment, nullable=False),  # the deduplication key is good for an hour from here
    sa.Column("changed_at", Moment, nullable=False),
    sa.UniqueConstraint("deduplication_key"),
    sa.Index(None, "run_id", "state"),
    sa.Index(None, "store_id", "state"),
)

codes = sa.Table(
    "codes",
    metadata,
    identity(),
    of("stores"),
    of("runs"),
    of("recipients", nullable=True),  # none: shared by all, or in a pool and not handed out yet
    text("code"),
    text("state"),
    text("arm", ""),
    sa.Column("value", Amount),  # none: the offer's
    sa.Column("handed_at", Moment),  # when a code of a pool got its recipient
    sa.Column("valid_from", Moment),  # when it works, if that is its arm's own; none: when the run's do
    sa.Column("valid_until", Moment),
    of("chunks", nullable=True),
    sa.Column("coupon_id", sa.BigInteger),
    sa.Column(
        "terms", sa.JSON(none_as_null=True)
    ),  # of an adopted coupon: what it gives; none: the run's plan says
    count("attempts"),
    text("reason", ""),
    sa.Column("reserved_at", Moment, nullable=False),
    sa.Column("changed_at", Moment, nullable=False),
    sa.CheckConstraint("code = upper(code)", name="folded"),
    sa.UniqueConstraint("store_id", "code"),
    sa.Index(None, "run_id", "state", "id"),
    sa.Index(
        None,
        "chunk_id",
        sqlite_where=sa.text("chunk_id is not null"),
        postgresql_where=sa.text("chunk_id is not null"),
    ),
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
    identity(),
    of("stores"),
    of("runs"),
    of("recipients"),
    of("codes", nullable=True),  # none: an e-mail without a code
    text("kind", "offer"),
    text("state"),
    text("reason", ""),
    text("transport", ""),
    text("message_key", ""),  # stands in the Message-ID; the same at every attempt
    text("subject", ""),
    text("body_digest", ""),  # SHA-256 of what was handed over
    count("size"),  # bytes handed over
    count("attempts"),
    sa.Column("not_before", Moment),
    sa.Column(
        "owner", sa.BigInteger, nullable=False, server_default="0"
    ),  # who sends it; 0: the lane's holder
    sa.Column("sending_at", Moment),
    sa.Column("sent_at", Moment),
    sa.Column("changed_at", Moment, nullable=False),
    sa.UniqueConstraint("recipient_id", "kind"),
    sa.Index(None, "run_id", "state"),
    sa.Index(None, "store_id", "sending_at"),
)

redemptions = sa.Table(
    "redemptions",
    metadata,
    identity(),
    of("stores"),
    of("runs"),
    of("codes"),
    text("order_id"),
    sa.Column("order_total", Amount, nullable=False),
    sa.Column("discount", Amount, nullable=False),
    text("payment_status"),
    sa.Column("at", Moment, nullable=False),
    sa.UniqueConstraint("store_id", "order_id"),
    sa.Index(None, "run_id"),
    sa.Index(None, "code_id"),
)

audit = sa.Table(
    "audit",
    metadata,
    identity(),
    sa.Column("at", Moment, nullable=False),
    text("actor"),
    text("action"),
    text("subject"),
    text("body"),  # canonical JSON
    text("previous"),
    text("hash"),
    sa.UniqueConstraint("previous"),  # the chain can't fork
    sa.UniqueConstraint("hash"),
)

users = sa.Table(
    "users",
    metadata,
    identity(),
    sa.Column("email", sa.String(255), nullable=False, unique=True),
    sa.Column("password", sa.String(255)),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("fs_uniquifier", sa.String(64), nullable=False, unique=True),
    sa.Column("create_datetime", Moment, nullable=False),
)

roles = sa.Table(
    "roles",
    metadata,
    identity(),
    sa.Column("name", sa.String(80), nullable=False, unique=True),
    sa.Column("description", sa.String(255), nullable=False, server_default=""),
)

roles_users = sa.Table(
    "roles_users",
    metadata,
    of("users"),
    of("roles"),
    sa.PrimaryKeyConstraint("user_id", "role_id"),
)
