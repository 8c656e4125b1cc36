"""Stores, campaigns, and their runs with plan and approval."""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.tables.columns import count, identity, metadata, of, text
from tillroll.ledger.tables.types import Amount, Identity, UtcDateTime

stores = sa.Table(
    "stores",
    metadata,
    identity(),
    sa.Column("ecwid_id", sa.BigInteger, nullable=False),
    text("base_url"),
    text("token"),  # sealed (ledger/sealing.py), never in clear
    text("name", ""),
    text("url", ""),
    text("email", ""),
    text("currency", ""),
    text("timezone", "UTC"),
    text("chosen_timezone", ""),  # by a person, for this store; empty: its own
    text("language", "en"),
    text("scopes", ""),  # of the token, separated by spaces; empty: not known
    text("state", "connected"),  # connected, disconnected, no_api, fenced
    text("reason", ""),
    sa.Column("not_before", UtcDateTime),  # no calls to the store before this moment
    sa.Column("own_emails", sa.JSON),  # the store's own e-mails that are on (StoreEmail); none: not read
    sa.Column("profile_at", UtcDateTime),
    sa.Column("customers_at", UtcDateTime),  # when the mirror of customers was last brought up to date
    sa.Column("orders_at", UtcDateTime),
    sa.Column("reconciled_at", UtcDateTime),
    sa.Column("drift_at", UtcDateTime),  # when every coupon was last compared with the ledger
    sa.Column(
        "drift_begun_at", UtcDateTime
    ),  # the process that wrote it compares now, and renews it as it goes on
    sa.Column("scored_at", UtcDateTime),  # when the boundaries of the customers' scores were last computed
    sa.Column("score_marks", sa.JSON),  # campaign/segments/scores.py
    sa.Column("webhook_at", UtcDateTime),  # when the last webhook came
    text("sums_zone", ""),  # whose days `day_sums` goes by; empty: it isn't built yet
    count("turn"),  # incremented to lock the row: who holds it decides alone
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("ecwid_id"),
)

revisions = sa.Table(
    "revisions",
    metadata,
    identity(),
    of("stores"),
    text("campaign"),
    text("digest"),
    text("title"),
    text("status"),
    sa.Column("files", sa.JSON, nullable=False),  # path → text of every file it uses
    sa.Column("read_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("store_id", "campaign", "digest"),
)

campaigns = sa.Table(
    "campaigns",
    metadata,
    identity(),
    of("stores"),
    text("name"),
    of("revisions", nullable=True),  # none while its files have faults or are gone
    sa.Column("findings", sa.JSON),  # what is wrong with its files, rendered
    sa.Column("first_seen_at", UtcDateTime, nullable=False),
    sa.Column(
        "considered_until", UtcDateTime, nullable=False
    ),  # slots and events up to here are runs or entries, or were skipped
    sa.Column("forgone_until", UtcDateTime),  # events up to here may have been answered before a restore
    sa.Column("gone_at", UtcDateTime),  # when its file was found missing
    sa.Column("halted_at", UtcDateTime),  # it begins no runs until a person restarts it
    text("halted_by", ""),
    sa.UniqueConstraint("store_id", "name"),
)

runs = sa.Table(
    "runs",
    metadata,
    identity(),
    of("stores"),
    text("campaign"),
    text("slot_key"),
    sa.Column("slot_at", UtcDateTime, nullable=False),
    text("state"),
    text("reason", ""),
    text("kind", ""),  # `pool`: it makes codes ahead, for nobody yet; `adopted`: of coupons made elsewhere
    of("entries", nullable=True),  # the entry whose step it is; none for a scheduled or manual run
    sa.Column("step", sa.Integer, nullable=False, server_default="1"),  # of the campaign's flow
    text("started_by", ""),  # who started it; `schedule`, `event` or `pool` if nobody did
    sa.Column("plan_id", Identity),  # the plan in force; no foreign key, since plans refer to runs
    sa.Column(
        "words_id", sa.BigInteger
    ),  # the revision whose subjects and templates its e-mails have since these were mended; none: its plan's
    sa.Column("valid_from", UtcDateTime),  # when its codes begin to work, fixed as minting begins
    sa.Column("valid_until", UtcDateTime),
    sa.Column("extended_until", UtcDateTime),  # the latest moment to which some of its codes were extended
    sa.Column("launch_at", UtcDateTime),  # its codes are made switched off, and switched on at this moment
    text("halted_in", ""),  # the state it was in when it was halted
    sa.Column(
        "reserved_to", sa.BigInteger, nullable=False, server_default="0"
    ),  # customers up to this number have codes
    sa.Column(  # recipients up to this id have message rows; no longer written
        "prepared_to", sa.BigInteger, nullable=False, server_default="0"
    ),
    sa.Column(  # how many places of the order in which messages are sent have their rows (`send/slices/mixed.py`)
        "prepared_places", sa.BigInteger, nullable=False, server_default="0"
    ),
    sa.Column("not_before", UtcDateTime),
    sa.Column(
        "parked_until", UtcDateTime
    ),  # e-mails due up to here may have left before the ledger was restored
    sa.Column(
        "lost_run_id", sa.BigInteger
    ),  # the number it had in a ledger that was lost; another run has it now
    sa.Column("revealed_at", UtcDateTime),  # when its codes were first shown in clear
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.UniqueConstraint("store_id", "campaign", "slot_key"),
    sa.Index(None, "store_id", "state"),
    sa.Index(None, "store_id", "changed_at"),
    sa.Index(None, "entry_id"),
)

plans = sa.Table(
    "plans",
    metadata,
    identity(),
    of("runs"),
    of("revisions"),
    text("digest"),
    sa.Column("body", sa.JSON, nullable=False),  # campaign/frozen/proposal.py
    count("audience_count"),
    count("code_count"),
    sa.Column("worst_case", Amount),  # none: unlimited
    sa.Column("expected", Amount),
    text("currency"),
    sa.Column("made_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Index(None, "run_id"),
)

recipients = sa.Table(
    "recipients",
    metadata,
    identity(),
    of("plans"),
    sa.Column("customer_id", sa.BigInteger, nullable=False),
    text("email"),
    text("name", ""),
    text("first_name", ""),
    text("language", ""),
    text("country", ""),
    text("arm", ""),  # of the campaign's variants
    sa.Column("value", Amount),  # their own value of the discount; none: the offer's
    sa.UniqueConstraint("plan_id", "customer_id"),
    sa.Index(None, "customer_id"),
)

held_back = sa.Table(  # the control group: they would have been recipients
    "held_back",
    metadata,
    of("plans"),
    sa.Column("customer_id", sa.BigInteger, nullable=False),
    sa.Column(
        "everywhere", sa.Boolean, nullable=False, server_default=sa.false()
    ),  # from all campaigns together, so not for this one's comparison
    sa.PrimaryKeyConstraint("plan_id", "customer_id"),
)

approvals = sa.Table(
    "approvals",
    metadata,
    identity(),
    of("runs"),
    of("plans"),
    text("digest"),
    text("decision"),  # approve, reject
    text("person"),
    text("note", ""),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("plan_id", "person"),
)

agreements = sa.Table(
    "agreements",
    metadata,
    identity(),
    of("stores"),
    text("about"),  # the topic's key (approve/agree.py)
    text("kind"),  # resume, extend, restart, recycle, fix
    text("campaign"),  # empty: of several
    of("runs", nullable=True),  # none: the whole campaign
    sa.Column("valid_until", UtcDateTime),  # extend: until when
    count("needed"),  # different people
    text("person"),
    text("note", ""),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("store_id", "about", "person"),
    sa.Index(None, "store_id", "campaign"),
)
