"""What happened in the store and whom it brought into a campaign."""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.tables.columns import count, identity, metadata, of, text
from tillroll.ledger.types import Moment

entries = sa.Table(
    "entries",
    metadata,
    identity(),
    of("stores"),
    text("campaign"),
    text("key"),  # what happened to whom, like order 1234: the same thing is never entered twice
    sa.Column("customer_id", sa.BigInteger),  # none: it happened to a product
    sa.Column("product_id", sa.BigInteger),
    sa.Column(
        "facts", sa.JSON, nullable=False
    ),  # what messages may say of it: order, cart, product, review, event
    sa.Column("happened_at", Moment, nullable=False),
    sa.Column("step", sa.Integer, nullable=False, server_default="1"),  # the next one
    sa.Column("due_at", Moment),  # when that step is due; none: the flow is over
    text("state"),  # waiting, left, done
    text("reason", ""),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("changed_at", Moment, nullable=False),
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
    sa.Column("created_at", Moment),
    sa.Column("updated_at", Moment),
    sa.Column("seen_at", Moment, nullable=False),
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
    sa.Column("at", Moment, nullable=False),
    sa.Index(None, "store_id", "at"),
)
