"""What went wrong with which item, so that its neighbours go on and somebody can look at it."""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.tables.columns import count, identity, metadata, of, text
from tillroll.ledger.tables.types import UtcDateTime

faults = sa.Table(
    "faults",
    metadata,
    identity(),  # the reference that pages, commands and the log show
    of("stores"),
    text("kind"),  # of `ItemKind`
    text("item"),  # its number or name
    text("stage"),  # of `Stage`: what was being done
    of("runs", nullable=True),  # that it belongs to, if any
    text("campaign", ""),  # that it belongs to, if any
    text("error", ""),  # class of the exception
    text("place", ""),  # module and line; nothing of the item's content
    count("count"),  # how often in a row
    text("state"),  # of `FaultState`
    sa.Column("first_at", UtcDateTime, nullable=False),
    sa.Column("last_at", UtcDateTime, nullable=False),
    sa.Column("not_before", UtcDateTime),  # not tried again before this moment; none: when somebody says so
    text("released_by", ""),  # who had it tried again
    sa.UniqueConstraint("store_id", "kind", "item", "stage"),
    sa.Index(None, "run_id"),
    sa.Index(None, "store_id", "state", "kind"),
)
