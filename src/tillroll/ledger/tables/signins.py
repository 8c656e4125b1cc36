"""What signing in leaves behind: sessions that can be ended, and the counts of attempts."""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.tables.columns import count, identity, metadata, of, text
from tillroll.ledger.tables.types import UtcDateTime

sessions = sa.Table(
    "sessions",
    metadata,
    identity(),
    of("users", nullable=True),  # null: the password was right, and the second factor is awaited
    text("digest"),  # SHA-256 of the id in the browser's cookie; the id itself is nowhere else
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("seen_at", UtcDateTime, nullable=False),
    text("address", ""),
    text("agent", ""),  # the browser's description of itself, cut short
    text("data", ""),  # sealed
    sa.UniqueConstraint("digest"),
    sa.Index(None, "user_id"),
    sa.Index(None, "created_at"),
)

sign_in_counts = sa.Table(
    "sign_in_counts",
    metadata,
    identity(),
    text("kind"),  # of `CountedBy`
    text("digest"),  # SHA-256 of what is counted by: what somebody typed may be a password, so it isn't kept
    count("failures"),
    sa.Column("first_at", UtcDateTime, nullable=False),  # the first of the failures that are counted together
    sa.Column("last_at", UtcDateTime, nullable=False),  # the last attempt
    sa.Column("succeeded_at", UtcDateTime),  # the last one that succeeded
    sa.UniqueConstraint("kind", "digest"),
    sa.Index(None, "last_at"),
)
