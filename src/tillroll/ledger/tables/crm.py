"""What a CRM is told: which kinds of changes, how far the push has come, and each change as an event."""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.tables.columns import count, identity, metadata, of, text
from tillroll.ledger.tables.types import Identity, UtcDateTime

crm_feeds = sa.Table(  # a row for each kind of change that is recorded: triggers look here (ledger/captures/triggers.py)
    "crm_feeds",
    metadata,
    of("stores"),
    text("kind"),  # of `CrmKind`
    sa.Column(
        "opened_in", sa.BigInteger, nullable=False, server_default="0"
    ),  # PostgreSQL's transaction that opened it: earlier ones may change rows without an event
    text("history_after", ""),  # the last row from before the feed began that has its event
    sa.Column("history_done", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("expired_to", UtcDateTime),  # codes that expired up to here have their event
    sa.Column("place", sa.JSON(none_as_null=True)),  # within the codes that expired since; none: at none
    sa.PrimaryKeyConstraint("store_id", "kind"),
)

crm_pushes = sa.Table(
    "crm_pushes",
    metadata,
    sa.Column("store_id", Identity, sa.ForeignKey("stores.id"), primary_key=True, autoincrement=False),
    sa.Column("last_sequence", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("last_batch", sa.BigInteger, nullable=False, server_default="0"),
    text("target", ""),  # where the last batch went
    text("trouble", ""),  # why nothing is taken; empty: all is well
    sa.Column("trouble_since", UtcDateTime),
    sa.Column("not_before", UtcDateTime),  # the next try
    count("attempts"),  # in vain, in a row
    count("refusals"),  # events refused one after another, with none taken between
    count("most"),  # events in a batch, while the receiver refuses larger ones; 0: as the rules say
    sa.Column("taken_at", UtcDateTime),  # when a batch was last taken
    sa.Column("absent_since", UtcDateTime),  # since when no file says where to; none: one does
)

crm_events = sa.Table(  # inserted by triggers and by the history; sent ones are removed after a while
    "crm_events",
    metadata,
    identity(),
    of("stores"),
    text("kind"),  # of `CrmKind`
    text("change"),  # like order.changed
    text("subject"),  # what has changed: an order's id, a code's number
    text(
        "person"
    ),  # whose events are told in order: a customer's number, or what stands for somebody without one
    sa.Column("customer_id", sa.BigInteger),
    text("email", ""),  # as it was then
    sa.Column("facts", sa.JSON, nullable=False),  # the values that it has changed to, as columns hold them
    text("state", "waiting"),  # of `CrmEventState`
    sa.Column(
        "rank", sa.Integer, nullable=False, server_default="1"
    ),  # 0: of the history, which is told first
    sa.Column("sequence", sa.BigInteger),  # grows with each event that is told; none: not told yet
    text("event_key", ""),  # the id that the receiver gets: the same at every try
    text("body", ""),  # the JSON that the receiver gets: the same at every try
    sa.Column("batch", sa.BigInteger),
    count("attempts"),
    sa.Column("not_before", UtcDateTime),
    text("reason", ""),  # why the receiver did not take it
    sa.Column("settled_at", UtcDateTime),
    sa.Index(None, "store_id", "state", "rank", "id"),
    sa.Index(None, "store_id", "kind", "subject"),
    sa.Index(None, "store_id", "customer_id"),
    sa.Index(
        "ix_crm_events_store_id_resting",
        "store_id",
        "not_before",
        sqlite_where=sa.text("not_before is not null"),
        postgresql_where=sa.text("not_before is not null"),
    ),
)
