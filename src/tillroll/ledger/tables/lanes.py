"""What the engines and the fence keep of each store: when its lane is due, and how far the ledger has told the store it came."""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.tables.columns import count, metadata, of, text
from tillroll.ledger.types import Moment

lanes = sa.Table(
    "lanes",
    metadata,
    of("stores"),
    sa.Column("due_at", Moment),  # when the lane wants to be looked at again; none: now
    sa.Column("looked_at", Moment),  # when its last look began: what was written since, wakes it
    sa.Column("polled_at", Moment),  # when the store was last asked what changed, by whichever process
    sa.Column("slow", sa.Boolean, nullable=False, server_default=sa.false()),  # its last look took long
    sa.PrimaryKeyConstraint("store_id"),
)

fences = sa.Table(
    "fences",
    metadata,
    of("stores"),
    count("epoch"),  # raised with the store before and while something is done that can't be taken back
    text("mark", ""),  # drawn at each raise; the store holds the same
    text("intended", ""),  # the mark of a raise whose answer isn't written yet
    text("home", ""),  # which database this was when it was raised: a copy is another one
    text("place", ""),  # where the store keeps it: storage, coupon
    sa.Column("raised_at", Moment),
    sa.Column("told", sa.JSON),  # the runs that the store was told had begun, as it keeps them
    sa.Column("since", Moment),  # refused: of what happened since then this ledger may know nothing
    sa.PrimaryKeyConstraint("store_id"),
)
