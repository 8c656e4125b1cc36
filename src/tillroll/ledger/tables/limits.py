"""The limits of campaigns that the loop watches while their codes work, and what it has done about them."""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.tables.columns import metadata, of, text
from tillroll.ledger.tables.types import Amount, UtcDateTime

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
