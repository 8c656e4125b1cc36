"""Loyalty tiers: by which rules they were counted, who is in which, and every change."""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.tables.columns import count, identity, metadata, of, text
from tillroll.ledger.tables.types import Amount, UtcDateTime

tier_rules = sa.Table(
    "tier_rules",
    metadata,
    of("stores"),
    sa.Column("scale", sa.JSON, nullable=False),  # as `TierScale.to_plain` makes it
    sa.Column(
        "counted_to", sa.BigInteger, nullable=False, server_default="0"
    ),  # the last customer counted by it
    sa.Column("ready_at", UtcDateTime),  # when all were; none: they are still being counted
    sa.Column("groups", sa.JSON, nullable=False, server_default="{}"),  # the store's customer group, by tier
    sa.Column("past_groups", sa.JSON, nullable=False, server_default="[]"),  # that the file has named before
    sa.Column("grouped_to", sa.BigInteger),  # the last customer compared with the groups; none: all were
    text("group_trouble", ""),  # why customers can't be brought into them, for people; never compared
    sa.PrimaryKeyConstraint("store_id"),
)

tier_marks = (
    sa.Table(  # customers who must be counted again, marked in the transaction that changed their orders
        "tier_marks",
        metadata,
        of("stores"),
        sa.Column("customer_id", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("store_id", "customer_id"),
    )
)

customer_tiers = sa.Table(
    "customer_tiers",
    metadata,
    of("stores"),
    sa.Column("customer_id", sa.BigInteger, nullable=False),
    text("tier", ""),  # empty: none
    sa.Column("figure", Amount, nullable=False, server_default="0"),  # points, or money
    sa.Column("since", UtcDateTime),  # none: they were in it when tiers were first counted
    sa.Column("moves_at", UtcDateTime),  # when the oldest of their orders stops counting; none: never
    sa.PrimaryKeyConstraint("store_id", "customer_id"),
    sa.Index(None, "store_id", "tier", "customer_id"),
    sa.Index(None, "store_id", "moves_at"),
)

tier_changes = sa.Table(
    "tier_changes",
    metadata,
    identity(),
    of("stores"),
    sa.Column("customer_id", sa.BigInteger, nullable=False),
    text("was", ""),
    text("tier", ""),
    sa.Column("rose", sa.Boolean, nullable=False),
    text("cause"),  # of `TierCause` (campaign/figures/tiers.py)
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Index(None, "store_id", "tier", "at"),
    sa.Index(None, "store_id", "customer_id", "id"),
)

tier_group_moves = sa.Table(  # customers to bring into the store's group of their tier, and what became of it
    "tier_group_moves",
    metadata,
    identity(),
    of("stores"),
    sa.Column("customer_id", sa.BigInteger, nullable=False),
    sa.Column("asked_at", UtcDateTime, nullable=False),
    sa.Column("not_before", UtcDateTime),
    count("attempts"),
    sa.Column("done_at", UtcDateTime),  # none: it waits
    text("outcome", ""),  # of `GroupMoveOutcome` (campaign/figures/tiers.py)
    text("was", ""),  # the group in which they were
    text("group_name", ""),  # the group of their tier
    sa.Index(
        "uq_tier_group_moves_waiting",
        "store_id",
        "customer_id",
        unique=True,
        sqlite_where=sa.text("done_at is null"),
        postgresql_where=sa.text("done_at is null"),
    ),
    sa.Index(None, "store_id", "customer_id"),
)
