"""Changes to codes that are in the store, their codes one by one, and their batch requests.

And drift: where the store's coupons differ from the ledger.
"""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.tables.columns import chunk, count, identity, metadata, of, text
from tillroll.ledger.tables.types import Identity, UtcDateTime

changes = sa.Table(
    "changes",
    metadata,
    identity(),
    of("stores"),
    text("kind"),  # of `ChangeKind`
    text("campaign"),  # whose codes; with a run, only that run's
    of("runs", nullable=True),
    text("state"),
    text("person"),  # who requested it; `policy` or `loop` for what happens by itself
    text("note", ""),
    sa.Column("valid_until", UtcDateTime),  # extend: the new expiry
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.Index(None, "store_id", "state"),
    sa.Index(None, "run_id"),
)

change_chunks = sa.Table(
    "change_chunks", metadata, *chunk(of("changes")), sa.Index(None, "change_id", "state")
)

change_parts = sa.Table(
    "change_parts",
    metadata,
    identity(),
    of("changes"),
    of("codes"),
    text("action"),  # what the store is asked for: update, delete or create
    text("state"),
    text("was"),  # the code's state before
    text("reason", ""),
    of("change_chunks", nullable=True),
    count("attempts"),
    sa.Column("not_before", UtcDateTime),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("change_id", "code_id"),
    sa.Index(None, "change_id", "state"),
    sa.Index(None, "change_chunk_id"),
    sa.Index(None, "code_id"),
)

drifts = sa.Table(
    "drifts",
    metadata,
    identity(),
    of("stores"),
    text("kind"),  # of `DriftKind`
    text("state"),  # of `DriftState`
    text("code"),
    of("codes", nullable=True),  # none: the ledger does not know the coupon
    sa.Column("coupon_id", sa.BigInteger),
    sa.Column(
        "differences", sa.JSON, nullable=False
    ),  # for each field, what the ledger and what the store says
    sa.Column("change_id", Identity),  # the change that fixes it
    text("person", ""),  # who decided
    text("note", ""),
    sa.Column("found_at", UtcDateTime, nullable=False),
    sa.Column("seen_at", UtcDateTime, nullable=False),  # when a comparison last saw it
    sa.Column("decided_at", UtcDateTime),
    sa.UniqueConstraint("store_id", "code"),
    sa.Index(None, "store_id", "state"),
)
