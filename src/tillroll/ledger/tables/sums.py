"""What pages read instead of counting rows: counts by state and sums of orders, and what campaigns changed.

Those with a shard are kept by triggers (ledger/counting). Each row is one share of a count: `shard` is 0 on SQLite, and on
PostgreSQL the server process that counted, so that two transactions never wait for each other's counts. The count is the sum
over the shards.
"""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.tables.columns import count, metadata, of, text
from tillroll.ledger.tables.types import Amount, UtcDateTime


def _kept(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


code_counts = sa.Table(
    "code_counts",
    metadata,
    of("stores"),
    of("runs"),
    text("arm"),
    text("state"),
    _kept("shard"),
    _kept("n"),
    sa.PrimaryKeyConstraint("run_id", "arm", "state", "shard"),
    sa.Index("ix_code_counts_store", "store_id", "state", "run_id", "n"),
)

message_counts = sa.Table(
    "message_counts",
    metadata,
    of("stores"),
    of("runs"),
    text("kind"),
    text("arm"),  # its recipient's
    text("state"),
    _kept("shard"),
    _kept("n"),
    sa.PrimaryKeyConstraint("run_id", "kind", "arm", "state", "shard"),
    sa.Index("ix_message_counts_store", "store_id", "state", "n"),
)

entry_counts = sa.Table(
    "entry_counts",
    metadata,
    of("stores"),
    text("campaign"),
    text("state"),
    _kept("shard"),
    _kept("n"),
    sa.PrimaryKeyConstraint("store_id", "campaign", "state", "shard"),
)

run_sums = sa.Table(  # of `redemptions`: a use counts for the run that made its code, and for the one that told the buyer
    "run_sums",
    metadata,
    of("stores"),
    of("runs"),
    text("arm"),
    _kept("shard"),
    _kept("n"),
    sa.Column("revenue", Amount, nullable=False, server_default="0"),
    sa.Column("discount", Amount, nullable=False, server_default="0"),
    sa.PrimaryKeyConstraint("run_id", "arm", "shard"),
)

day_sums = sa.Table(  # of `redemptions`, moved in the transaction that changes them (track/results/sums.py)
    "day_sums",
    metadata,
    of("stores"),
    text("day"),  # ISO 8601, in the zone that `stores.sums_zone` names
    text("campaign"),
    count("orders"),
    sa.Column("revenue", Amount, nullable=False, server_default="0"),
    sa.Column("discount", Amount, nullable=False, server_default="0"),
    sa.PrimaryKeyConstraint("store_id", "day", "campaign"),
    sa.Index("ix_day_sums_campaign", "store_id", "campaign", "discount"),
)

store_days = sa.Table(  # of all orders, counted when a day is over (track/store_days/kept.py)
    "store_days",
    metadata,
    of("stores"),
    text("day"),  # ISO 8601, in the store's zone
    count("orders"),
    sa.Column("revenue", Amount, nullable=False, server_default="0"),
    count("coupon_orders"),  # with a coupon, ours or not
    sa.PrimaryKeyConstraint("store_id", "day"),
)

effects = sa.Table(  # what each campaign changed, measured once a day (track/results/effect/kept.py)
    "effects",
    metadata,
    of("stores"),
    text("campaign"),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.PrimaryKeyConstraint("store_id", "campaign"),
)
