"""Codes, and the batches in which the store was asked for them."""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.tables.columns import chunk, count, identity, metadata, of, text
from tillroll.ledger.types import Amount, Moment

chunks = sa.Table(
    "chunks",
    metadata,
    *chunk(of("stores"), of("runs")),
    text("reason", ""),
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
