"""The limits of campaigns that the loop watches while their codes work, and who used their codes."""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.tables.columns import identity, metadata, of, text
from tillroll.ledger.tables.types import Amount, Identity, UtcDateTime


def _use() -> sa.Column[int]:
    """Return a reference to a use of a code: what says something about it goes with it."""
    return sa.Column(
        "redemption_id", Identity, sa.ForeignKey("redemptions.id", ondelete="CASCADE"), nullable=False
    )


leak_checks = sa.Table(  # one for each use of a code that was looked at
    "leak_checks",
    metadata,
    _use(),
    of("stores"),
    text("campaign"),
    text("used_by"),  # of `UsedBy`
    sa.Column("at", UtcDateTime, nullable=False),  # of the order
    sa.PrimaryKeyConstraint("redemption_id"),
    sa.Index("ix_leak_checks_store", "store_id", "redemption_id"),
    sa.Index("ix_leak_checks_campaign", "store_id", "campaign", "used_by", "at"),
)

leaks = sa.Table(
    "leaks",
    metadata,
    identity(),
    of("stores"),
    text("campaign"),
    text("kind"),  # of `LeakKind`
    _use(),  # the only one, or the first of several
    sa.Column("found_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("redemption_id", "kind"),
    sa.Index("ix_leaks_store", "store_id", "id"),
    sa.Index("ix_leaks_campaign", "store_id", "campaign", "id"),
)

campaign_limits = sa.Table(
    "campaign_limits",
    metadata,
    of("stores"),
    text("campaign"),
    text("kind"),  # of `LimitKind`
    sa.Column("bar", Amount, nullable=False),  # an amount of money, or a share from 0 to 1
    sa.Column("figure", Amount, nullable=False, server_default="0"),  # as last compared with the bar
    sa.Column("warned_for", Amount),  # the bar of which people were told that it is near
    sa.Column("paused_for", Amount),  # the bar for which the codes were paused; none: the figure is below it
    sa.Column("paused_at", UtcDateTime),
    sa.Column("change_id", sa.BigInteger),  # the last pause
    sa.Column("resumed_at", UtcDateTime),  # when a person had the codes work again since then
    sa.PrimaryKeyConstraint("store_id", "campaign", "kind"),
)
