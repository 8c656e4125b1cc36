"""What the worker, the fence and probes keep for each store: when it is due, what it was told of this ledger, how it answers."""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.tables.columns import count, metadata, of, text
from tillroll.ledger.tables.types import UtcDateTime

lanes = sa.Table(
    "lanes",
    metadata,
    of("stores"),
    sa.Column("due_at", UtcDateTime),  # when the store is worked on next; none: now
    sa.Column("looked_at", UtcDateTime),  # when its last turn began: rows written since make it due
    sa.Column("polled_at", UtcDateTime),  # when any process last asked the store what changed
    sa.Column("slow", sa.Boolean, nullable=False, server_default=sa.false()),  # its last turn took long
    sa.PrimaryKeyConstraint("store_id"),
)

fences = sa.Table(
    "fences",
    metadata,
    of("stores"),
    count("epoch"),  # raised, here and in the store, before and during anything that can't be undone
    text("mark", ""),  # random, new at each raise; the store holds the same
    text("intended", ""),  # the mark of a raise that is not confirmed yet
    text("home", ""),  # the database it was raised in: a copy is another one
    text("place", ""),  # where the store keeps it: `storage` or `coupon`
    sa.Column("raised_at", UtcDateTime),
    sa.Column("told", sa.JSON),  # the runs that the store was told of, as it keeps them
    sa.Column("anchored_at", UtcDateTime),  # when the store was last told the audit chain's head
    sa.Column("since", UtcDateTime),  # refused: of what happened since, this ledger may know nothing
    sa.PrimaryKeyConstraint("store_id"),
)

store_facts = sa.Table(
    "store_facts",
    metadata,
    of("stores"),
    text("name"),  # of the sandbox's switch
    sa.Column("setting", sa.JSON, nullable=False),  # true or false, a number, or a text
    sa.Column("learned_at", UtcDateTime, nullable=False),
    sa.PrimaryKeyConstraint("store_id", "name"),
)

probes = sa.Table(
    "probes",
    metadata,
    of("stores"),
    sa.Column("began_at", UtcDateTime, nullable=False),  # by the store's clock
    sa.Column("depth", sa.Integer, nullable=False),  # of `Depth`: what it may have made
    sa.PrimaryKeyConstraint("store_id"),
)
