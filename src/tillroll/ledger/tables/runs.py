"""Stores, campaigns, and their runs with plan and approval."""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.tables.columns import count, identity, metadata, of, text
from tillroll.ledger.types import Amount, Identity, Moment

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
    text("language", "en"),
    text("scopes", ""),  # what the token may do, parted by spaces; empty: not known
    text("state", "connected"),  # connected, disconnected, no_api, fenced
    text("reason", ""),
    sa.Column("not_before", Moment),  # the lane rests until then
    sa.Column("profile_at", Moment),
    sa.Column("customers_at", Moment),  # when the mirror of customers was last brought up to date
    sa.Column("orders_at", Moment),
    sa.Column("reconciled_at", Moment),
    sa.Column("drift_at", Moment),  # when every coupon was last compared with the ledger
    sa.Column("drift_begun_at", Moment),  # whoever wrote it compares now, and writes it anew as it goes on
    sa.Column("scored_at", Moment),  # when the marks between the customers' scores were last drawn up
    sa.Column("score_marks", sa.JSON),  # campaign/segments/scores.py
    sa.Column("webhook_at", Moment),  # when the last webhook came
    count("turn"),  # raised to take the store's row: whoever writes it decides alone
    sa.Column("created_at", Moment, nullable=False),
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
    sa.Column("read_at", Moment, nullable=False),
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
    sa.Column("first_seen_at", Moment, nullable=False),
    sa.Column("considered_until", Moment, nullable=False),  # slots up to here are runs, or were let pass
    sa.Column("forgone_until", Moment),  # what happened until then may have been answered before a restore
    sa.Column("gone_at", Moment),  # its file is no longer there
    sa.Column("halted_at", Moment),  # it makes no runs from then on, until a person restarts it
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
    sa.Column("slot_at", Moment, nullable=False),
    text("state"),
    text("reason", ""),
    text("kind", ""),  # pool: codes made ahead, for nobody yet
    of("entries", nullable=True),  # what happened to whom; none for a run by the clock or by hand
    sa.Column("step", sa.Integer, nullable=False, server_default="1"),  # of the campaign's flow
    text("started_by", ""),  # a person for manual runs, else the schedule
    sa.Column("plan_id", Identity),  # the plan in force; no foreign key, since plans refer to runs
    sa.Column("valid_from", Moment),  # when its codes work, fixed as minting begins
    sa.Column("valid_until", Moment),
    sa.Column("extended_until", Moment),  # some of its codes were made to work until then
    sa.Column("launch_at", Moment),  # its codes are made switched off, and switched on then
    text("halted_in", ""),  # the state it was in when it was halted
    sa.Column(
        "reserved_to", sa.BigInteger, nullable=False, server_default="0"
    ),  # so far customers have codes
    sa.Column(  # so far recipients have their message rows
        "prepared_to", sa.BigInteger, nullable=False, server_default="0"
    ),
    sa.Column("not_before", Moment),
    sa.Column(
        "parked_until", Moment
    ),  # e-mails that were due until then may have left before the ledger was restored
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("changed_at", Moment, nullable=False),
    sa.Column("finished_at", Moment),
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
    sa.Column("body", sa.JSON, nullable=False),  # plan/proposal.py
    count("audience_count"),
    count("code_count"),
    sa.Column("worst_case", Amount),  # none: without bound
    sa.Column("expected", Amount),
    text("currency"),
    sa.Column("made_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
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
    sa.Column("at", Moment, nullable=False),
    sa.UniqueConstraint("plan_id", "person"),
)

agreements = sa.Table(
    "agreements",
    metadata,
    identity(),
    of("stores"),
    text("about"),  # exactly what was agreed to, and after which halt or pause
    text("kind"),  # resume, extend, restart, recycle, fix
    text("campaign"),  # none: of several
    of("runs", nullable=True),  # none: the whole campaign
    sa.Column("valid_until", Moment),  # extend: until when
    count("needed"),  # different people
    text("person"),
    text("note", ""),
    sa.Column("at", Moment, nullable=False),
    sa.UniqueConstraint("store_id", "about", "person"),
    sa.Index(None, "store_id", "campaign"),
)
