"""E-mails, who wants them, what is reported about them, and which order used which code."""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.tables.columns import count, identity, metadata, of, text
from tillroll.ledger.tables.types import Amount, Identity, UtcDateTime

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

mail_events = sa.Table(
    "mail_events",
    metadata,
    identity(),
    of("stores"),
    of("messages"),
    text("service"),  # that told it; `smtp`: a bounce that came back by e-mail
    text("event_key"),  # the same at every delivery
    text("kind"),  # of `MailEventKind`
    text("reason", ""),  # for people
    sa.Column("happened_at", UtcDateTime, nullable=False),
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Column("handled_at", UtcDateTime),  # when it was acted on; none: it waits
    sa.UniqueConstraint("message_id", "service", "event_key"),
    sa.Index(None, "store_id", "handled_at"),
)

clicks = sa.Table(  # who opened which link: each once, without where from or with what
    "clicks",
    metadata,
    identity(),
    of("stores"),
    of("runs"),
    of("messages"),
    text("link"),  # the page that it leads to
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column(
        "by_program", sa.Boolean, nullable=False
    ),  # several were opened at once: it doesn't count, until one is opened later
    sa.UniqueConstraint("message_id", "link"),
    sa.Index(None, "run_id"),
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

notices = sa.Table(  # to people of the shop: at most one about the same thing to an address
    "notices",
    metadata,
    identity(),
    of("stores"),
    sa.Column("run_id", sa.BigInteger),  # that it is about; a restored ledger may lack that run
    text("kind"),  # of `NoticeKind`
    text("topic"),  # what it is about
    text("address"),  # empty: NOTICE_URL
    text("subject"),
    sa.Column("paragraphs", sa.JSON, nullable=False),  # plain text
    sa.Column(
        "shown", sa.JSON(none_as_null=True)
    ),  # the figures of a report; none: the paragraphs say it all
    text("state"),  # of `MessageState`
    text("reason", ""),
    text("message_key", ""),  # part of the Message-ID: of several in one e-mail it is the same
    count("attempts"),
    sa.Column("made_at", UtcDateTime, nullable=False),
    sa.Column("not_before", UtcDateTime),
    sa.Column("claimed_at", UtcDateTime),
    sa.Column("leaving_at", UtcDateTime),  # when its first byte was about to leave; none: it has not left
    sa.Column("settled_at", UtcDateTime),
    sa.UniqueConstraint("store_id", "kind", "topic", "address"),
    sa.Index(None, "store_id", "state"),
    sa.Index(None, "store_id", "run_id"),
)

sender_days = sa.Table(  # only days that are over
    "sender_days",
    metadata,
    sa.Column("transport", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True),  # of UTC, `2026-11-23`
    count("left"),  # e-mails, over all stores
)

domain_paces = sa.Table(
    "domain_paces",
    metadata,
    sa.Column("transport", sa.Text, primary_key=True),
    sa.Column("run_id", sa.BigInteger, primary_key=True, autoincrement=False),  # 0: over all runs
    sa.Column("domain", sa.Text, primary_key=True),  # of addresses
    # when what left is made up for; of a run: until when its messages to that domain are lined up
    sa.Column("until", UtcDateTime, nullable=False, index=True),
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
    # the run whose e-mail told the buyer of the code, where it isn't the run that made it (of a pool, or shared)
    sa.Column("told_run_id", sa.BigInteger),
    text("told_arm", ""),
    sa.UniqueConstraint("store_id", "order_id"),
    sa.Index(None, "run_id"),
    sa.Index(None, "code_id", "at", "id"),
    sa.Index(None, "store_id", "id"),
)

suppressions = sa.Table(  # rows are never deleted: one that no longer counts is lifted
    "suppressions",
    metadata,
    identity(),
    of("stores"),
    text("address"),  # as it is compared
    text("mailbox"),  # of that address: whoever reads it gets nothing, whatever customer they are
    text("campaign", ""),  # empty: all
    sa.Column("every_days", sa.Integer),  # at most one e-mail in so many days; none: no e-mail
    text("cause"),  # of `SuppressionCause`
    text("source"),  # of `ConsentSource`
    sa.Column("run_id", sa.BigInteger),  # whose e-mail led to it; a restored ledger may lack that run
    text("note", ""),
    sa.Column(
        "withdrew", sa.Boolean, nullable=False
    ),  # the store said then that they agree: lifting it may say so again
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("until", UtcDateTime),  # none: for good
    sa.Column("lifted_at", UtcDateTime),
    text("lifted_by", ""),
    sa.Index(None, "store_id", "mailbox"),
)

consents = sa.Table(  # the proof: rows are only added
    "consents",
    metadata,
    identity(),
    of("stores"),
    text("address"),
    text("mailbox"),
    sa.Column("agreed", sa.Boolean, nullable=False),
    text("source"),  # of `ConsentSource`
    text("detail", ""),  # the file's name, or the version of the words they agreed to
    sa.Column("at", UtcDateTime, nullable=False),  # when they said so, as far as it is known
    sa.Column("noted_at", UtcDateTime, nullable=False),
    sa.Index(None, "store_id", "mailbox"),
)

consent_pushes = sa.Table(  # what the store must be told
    "consent_pushes",
    metadata,
    identity(),
    of("stores"),
    text("mailbox"),
    sa.Column("agreed", sa.Boolean, nullable=False),
    sa.Column("asked_at", UtcDateTime, nullable=False),
    sa.Column("not_before", UtcDateTime),
    count("attempts"),
    sa.Column("done_at", UtcDateTime),
    text("outcome", ""),  # of `PushOutcome`
    sa.Index(None, "store_id", "done_at"),
    sa.Index(None, "store_id", "mailbox"),
)

mail_reports = sa.Table(  # each is counted once
    "mail_reports",
    metadata,
    identity(),
    of("stores"),
    text("kind"),  # of `ReportKind`
    text("event_key"),  # the same at every delivery of the report
    text("address"),
    text("mailbox"),
    sa.Column("message_id", sa.BigInteger),  # that it is about; none: it isn't in this ledger
    sa.Column("run_id", sa.BigInteger),
    text("campaign", ""),
    text("said", ""),  # what the service or the server said
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("noted_at", UtcDateTime, nullable=False),
    sa.Column("judged_at", UtcDateTime),  # a complaint: when its campaign's rate was looked at
    sa.UniqueConstraint("store_id", "event_key"),
    sa.Index(None, "store_id", "mailbox", "kind"),
    sa.Index(None, "store_id", "campaign", "kind", "at"),
)

consent_texts = sa.Table(  # what people agreed to: rows are never changed
    "consent_texts",
    metadata,
    identity(),
    of("stores"),
    text("version"),  # digest of the texts
    sa.Column("texts", sa.JSON, nullable=False),  # by language
    sa.Column("first_used_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("store_id", "version"),
)

sign_up_forms = sa.Table(  # the form in force of each store, as `rules/consent.yaml` says
    "sign_up_forms",
    metadata,
    sa.Column("store_id", Identity, sa.ForeignKey("stores.id"), primary_key=True, autoincrement=False),
    of("consent_texts"),
    sa.Column("is_open", sa.Boolean, nullable=False),
    sa.Column("settings", sa.JSON, nullable=False),  # of `SignUpTerms.as_json`
    sa.Column("read_at", UtcDateTime, nullable=False),
)

sign_ups = sa.Table(
    "sign_ups",
    metadata,
    identity(),
    of("stores"),
    of("consent_texts"),  # that they agreed to
    text("address"),
    text("mailbox"),
    text("language", ""),  # in which they read it
    text("state"),  # of `SignUpState`
    text("reason", ""),
    text("client", ""),  # salted hash of where it came from
    text("confirmed_client", ""),  # of where it was confirmed
    sa.Column("asked_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime),  # of the link to confirm it
    sa.Column("confirmed_at", UtcDateTime),
    sa.Column("not_before", UtcDateTime),  # it is tried again then
    count("attempts"),
    sa.Column("customer_id", sa.BigInteger),  # in the store, once that is known
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Index(None, "store_id", "state"),
    sa.Index(None, "store_id", "mailbox"),
    sa.Index(None, "store_id", "client", "asked_at"),
)
