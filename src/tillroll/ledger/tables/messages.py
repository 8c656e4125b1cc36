"""What reached whom, and which order used which code."""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.tables.columns import count, identity, metadata, of, text
from tillroll.ledger.types import Amount, Moment

messages = sa.Table(
    "messages",
    metadata,
    identity(),
    of("stores"),
    of("runs"),
    of("recipients"),
    of("codes", nullable=True),  # none: an e-mail without a code
    text("kind", "offer"),
    text("state"),
    text("reason", ""),
    text("transport", ""),
    text("message_key", ""),  # stands in the Message-ID; the same at every attempt
    text("subject", ""),
    text("body_digest", ""),  # SHA-256 of what was handed over
    count("size"),  # bytes handed over
    count("attempts"),
    sa.Column("not_before", Moment),
    sa.Column(
        "owner", sa.BigInteger, nullable=False, server_default="0"
    ),  # who sends it; 0: the lane's holder
    sa.Column("sending_at", Moment),
    sa.Column("sent_at", Moment),
    sa.Column("changed_at", Moment, nullable=False),
    sa.UniqueConstraint("recipient_id", "kind"),
    sa.Index(None, "run_id", "state", "id"),  # in the order they leave
    # who got what lately, without a look at each message: half a million of them are asked for at a time
    sa.Index("ix_messages_left", "store_id", "sending_at", "state", "run_id", "code_id", "recipient_id"),
)

redemptions = sa.Table(
    "redemptions",
    metadata,
    identity(),
    of("stores"),
    of("runs"),
    of("codes"),
    text("order_id"),
    sa.Column("order_total", Amount, nullable=False),
    sa.Column("discount", Amount, nullable=False),
    text("payment_status"),
    sa.Column("at", Moment, nullable=False),
    sa.UniqueConstraint("store_id", "order_id"),
    sa.Index(None, "run_id"),
    sa.Index(None, "code_id"),
)
