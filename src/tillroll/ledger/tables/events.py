"""What happened in the store, and whom it brought into a campaign."""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.tables.columns import count, identity, metadata, of, text
from tillroll.ledger.tables.types import UtcDateTime

entries = sa.Table(
    "entries",
    metadata,
    identity(),
    of("stores"),
    text("campaign"),
    text("key"),  # of the event, like `order 1234`: the same event enters once (flows/finders/keys.py)
    sa.Column("customer_id", sa.BigInteger),  # none: it happened to a product
    sa.Column("product_id", sa.BigInteger),
    sa.Column(
        "facts", sa.JSON, nullable=False
    ),  # what messages may say of it: order, cart, product, review, event
    sa.Column("happened_at", UtcDateTime, nullable=False),
    sa.Column("step", sa.Integer, nullable=False, server_default="1"),  # the next one
    sa.Column("due_at", UtcDateTime),  # when that step is due; none: the flow is over
    text("state"),  # of `EntryState`
    text("cause", ""),  # of `EntryCause`
    text("reason", ""),  # for people; never compared
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("store_id", "campaign", "key"),
    sa.Index(None, "store_id", "state", "due_at"),
    sa.Index(None, "store_id", "campaign", "customer_id"),
)

reviews = sa.Table(
    "reviews",
    metadata,
    of("stores"),
    sa.Column("review_id", sa.BigInteger, nullable=False),
    sa.Column("product_id", sa.BigInteger),
    sa.Column("customer_id", sa.BigInteger),
    text("order_id", ""),
    text("email", ""),
    count("rating"),
    sa.Column("published", sa.Boolean, nullable=False),
    sa.Column("created_at", UtcDateTime),
    sa.Column("updated_at", UtcDateTime),
    sa.Column("seen_at", UtcDateTime, nullable=False),
    sa.PrimaryKeyConstraint("store_id", "review_id"),
    sa.Index(None, "store_id", "customer_id"),
)

stock_changes = sa.Table(
    "stock_changes",
    metadata,
    identity(),
    of("stores"),
    sa.Column("product_id", sa.BigInteger, nullable=False),
    sa.Column("was_in_stock", sa.Boolean, nullable=False),
    sa.Column("in_stock", sa.Boolean, nullable=False),
    sa.Column("quantity_before", sa.BigInteger),  # none: unlimited
    sa.Column("quantity", sa.BigInteger),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Index(None, "store_id", "at"),
)

group_changes = sa.Table(
    "group_changes",
    metadata,
    identity(),
    of("stores"),
    sa.Column("customer_id", sa.BigInteger, nullable=False),
    text("was"),
    text("group_name"),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Index(None, "store_id", "at"),
)

segment_looks = sa.Table(
    "segment_looks",
    metadata,
    of("stores"),
    text("segment"),  # that a campaign waits for
    text("digest"),  # of its conditions and lists: a changed segment is another one
    sa.Column("looked_at", UtcDateTime, nullable=False),
    sa.PrimaryKeyConstraint("store_id", "segment"),
)

segment_members = sa.Table(
    "segment_members",
    metadata,
    of("stores"),
    text("segment"),
    sa.Column("customer_id", sa.BigInteger, nullable=False),  # in it at the last look
    sa.PrimaryKeyConstraint("store_id", "segment", "customer_id"),
)

segment_changes = sa.Table(
    "segment_changes",
    metadata,
    identity(),
    of("stores"),
    text("segment"),
    sa.Column("customer_id", sa.BigInteger, nullable=False),
    sa.Column("entered", sa.Boolean, nullable=False),  # false: left
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Index(None, "store_id", "segment", "at"),
)

privacy_requests = sa.Table(
    "privacy_requests",
    metadata,
    identity(),
    of("stores"),
    text("event_id"),  # of the webhook: one event is one request
    text("kind"),  # of `PrivacyKind`
    text("subject"),  # of `PrivacySubject`
    text("entity", ""),  # the customer's number, as the event says
    text("email", ""),  # the customer's address, if the event says it
    sa.Column("asked_at", UtcDateTime, nullable=False),
    sa.Column("due_at", UtcDateTime, nullable=False),  # the law's deadline
    sa.Column("noted_at", UtcDateTime, nullable=False),
    sa.Column("told_at", UtcDateTime),  # when people got a notice; none: not yet
    sa.Column("settled_at", UtcDateTime),  # none: it is open
    sa.UniqueConstraint("store_id", "event_id"),
    sa.Index(None, "store_id", "due_at"),
)

forgotten = sa.Table(  # customers whose data was erased: the mirror takes no more of them than their number
    "forgotten",
    metadata,
    of("stores"),
    sa.Column("customer_id", sa.BigInteger, nullable=False),
    text("person"),  # who did it
    sa.Column("at", UtcDateTime, nullable=False),
    sa.PrimaryKeyConstraint("store_id", "customer_id"),
)

forgotten_runs = sa.Table(  # whose recipients were forgotten because they ended long ago
    "forgotten_runs",
    metadata,
    of("runs"),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.PrimaryKeyConstraint("run_id"),
)
