"""What is done to codes that are in the store: each change, its codes one by one, and the batches they go out in.

And drift: where the store's coupons are no longer what the ledger says.
"""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.tables.columns import chunk, count, identity, metadata, of, text
from tillroll.ledger.types import Identity, Moment

changes = sa.Table(
    "changes",
    metadata,
    identity(),
    of("stores"),
    text("kind"),  # of `ChangeKind`
    text("campaign"),  # whose codes; with a run, that run's alone
    of("runs", nullable=True),
    text("state"),
    text("person"),  # who asked for it; the policy or the loop for what goes by itself
    text("note", ""),
    sa.Column("valid_until", Moment),  # extend: until when they are to work
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("changed_at", Moment, nullable=False),
    sa.Column("finished_at", Moment),
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
    text("action"),  # update, delete, create: what the store is asked for
    text("state"),
    text("was"),  # the code's state before
    text("reason", ""),
    of("change_chunks", nullable=True),
    count("attempts"),
    sa.Column("not_before", Moment),
    sa.Column("changed_at", Moment, nullable=False),
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
    text("kind"),  # changed, deleted, stray, clash, still_there
    text("state"),  # open, fixing, fixed, accepted, over
    text("code"),
    of("codes", nullable=True),  # none: a coupon that the ledger doesn't know
    sa.Column("coupon_id", sa.BigInteger),
    sa.Column(
        "differences", sa.JSON, nullable=False
    ),  # of each field: what the ledger says, what the store says
    sa.Column("change_id", Identity),  # what puts it right
    text("person", ""),  # who decided
    text("note", ""),
    sa.Column("found_at", Moment, nullable=False),
    sa.Column("seen_at", Moment, nullable=False),  # by the last look that saw it
    sa.Column("decided_at", Moment),
    sa.UniqueConstraint("store_id", "code"),
    sa.Index(None, "store_id", "state"),
)
