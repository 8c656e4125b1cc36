"""E-mails, and which order used which code."""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.tables.columns import count, identity, metadata, of, text
from tillroll.ledger.tables.types import Amount, UtcDateTime

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
    text("message_key", ""),  # part of the Message-ID; the same at every attempt
    sa.Column(
        "words_id", sa.BigInteger
    ),  # the revision whose words it was made from; none: its plan's, or not made yet
    text("subject", ""),
    text("body_digest", ""),  # SHA-256 of what the transport got
    count("size"),  # bytes
    count("attempts"),
    sa.Column("not_before", UtcDateTime),
    sa.Column(
        "owner", sa.BigInteger, nullable=False, server_default="0"
    ),  # the sender that claimed it; 0: the holder of the store's lock
    sa.Column("sending_at", UtcDateTime),
    text("wire", ""),  # how far a claimed one came (`WireState`)
    sa.Column("sent_at", UtcDateTime),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("recipient_id", "kind"),
    sa.Index(None, "run_id", "state", "id"),  # in the order they leave
    # answers who got what lately without reading each message; planning asks for half a million at a time
    sa.Index("ix_messages_left", "store_id", "sending_at", "state", "run_id", "code_id", "recipient_id"),
)

holds = sa.Table(
    "transport_holds",
    metadata,
    sa.Column("transport", sa.Text, primary_key=True),
    text("trouble"),  # why it takes no e-mails
    text("answer", ""),  # what it said
    sa.Column("since", UtcDateTime, nullable=False),
    sa.Column("probe_at", UtcDateTime, nullable=False),  # when one e-mail is tried next
    count("probes"),  # in vain so far
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
    sa.Column("at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("store_id", "order_id"),
    sa.Index(None, "run_id"),
    sa.Index(None, "code_id"),
)
