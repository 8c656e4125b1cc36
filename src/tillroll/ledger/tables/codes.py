"""Codes, and the batch requests that create them in the store."""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.tables.columns import chunk, count, identity, metadata, of, text
from tillroll.ledger.tables.types import Amount, UtcDateTime

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
    sa.Column("handed_at", UtcDateTime),  # when a code of a pool got its recipient
    sa.Column("valid_from", UtcDateTime),  # its own period, if its arm has one; none: the run's
    sa.Column("valid_until", UtcDateTime),
    of("chunks", nullable=True),
    sa.Column("coupon_id", sa.BigInteger),
    sa.Column(
        "terms", sa.JSON(none_as_null=True)
    ),  # of an adopted coupon: what it gives; none: the run's plan says
    count("attempts"),
    text("cause", ""),  # of `CodeCause`
    text("reason", ""),  # for people; never compared
    text("store_use", ""),  # of `StoreUse`
    sa.Column("reserved_at", UtcDateTime, nullable=False),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.CheckConstraint("code = upper(code)", name="folded"),
    sa.UniqueConstraint("store_id", "code"),
    sa.Index(None, "run_id", "state", "id"),
    sa.Index(
        None,
        "chunk_id",
        sqlite_where=sa.text("chunk_id is not null"),
        postgresql_where=sa.text("chunk_id is not null"),
    ),
    sa.Index(  # the codes with a period of their own, by its end
        "ix_codes_store_id_own_period",
        "store_id",
        "valid_until",
        "id",
        sqlite_where=sa.text("valid_until is not null"),
        postgresql_where=sa.text("valid_until is not null"),
    ),
    sa.Index(
        "ix_codes_store_id_unclear",
        "store_id",
        sqlite_where=sa.text("store_use = 'unclear'"),
        postgresql_where=sa.text("store_use = 'unclear'"),
    ),
    sa.Index(
        "uq_codes_recipient_id_standing",
        "recipient_id",
        unique=True,
        sqlite_where=sa.text("state != 'clashed'"),
        postgresql_where=sa.text("state != 'clashed'"),
    ),
)
