"""The head of the audit chain, kept in the store's app storage: so that rows cut off from the chain's end are missed.

The chain alone can't tell that its last rows are gone. The worker writes its head to the store after each approval and at least
once a day, and looks first whether the chain still holds the head that it wrote before. A run that begins takes it along in the
fence's record, which saves these calls. If the chain lacks the head, or if what the store keeps can't be read, it stays as it is
until somebody lets it be replaced: `tillroll audit replace`, or `tillroll rearm`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection

from tillroll.batches.session import StoreSession
from tillroll.ecwid.client import Client
from tillroll.errors import ScopeMissing
from tillroll.ledger import audit
from tillroll.ledger.audit import Head
from tillroll.ledger.engine import reading, upsert, writing
from tillroll.ledger.tables import approvals, fences, runs, stores

log = structlog.get_logger("tillroll.recovery")

KEY = "tillroll-audit"
_AT_LEAST_EVERY = timedelta(days=1)


class AnchorState(StrEnum):
    """What became of the head that a store keeps."""

    HELD = "held"  # it is a row of the chain
    MISSING = "missing"  # it is not: rows were cut off, or the ledger was replaced by an older one
    UNREADABLE = "unreadable"  # the store keeps something that is no head: nobody knows
    NONE = "none"  # the store keeps none
    UNREACHABLE = "unreachable"  # the store couldn't be asked


NEEDS_PERSON = frozenset({AnchorState.MISSING, AnchorState.UNREADABLE})
"""The states in which a head is not replaced until a person says so."""


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """What a store keeps in the head's place."""

    text: str | None  # None: nothing

    @property
    def head(self) -> Head | None:
        """The head, if it is one."""
        return audit.parse_head(self.text) if self.text is not None else None

    def state(self, connection: Connection) -> AnchorState:
        """Return whether the chain still holds the head."""
        if self.text is None:
            return AnchorState.NONE
        if self.head is None:
            return AnchorState.UNREADABLE
        return AnchorState.HELD if audit.holds(connection, self.head) else AnchorState.MISSING


def read_anchor(client: Client) -> Anchor:
    """Return what the store keeps."""
    return Anchor(text=client.shop.read_storage(KEY))


def anchor_if_due(session: StoreSession, *, now: datetime) -> None:
    """Write the chain's head to the store, if a plan was approved since it was last written, or a day has passed."""
    with reading(session.engine) as connection:
        if not _is_due(connection, session.store_id, now):
            return
    try:
        keep_anchor(session, now=now)
    except ScopeMissing as missing:  # said once a day, not at each turn
        log.warning("audit.not_anchored", store=session.store_id, reason=missing.message, do=missing.hint)
        _note(session, now)


def keep_anchor(session: StoreSession, *, now: datetime, replacing: bool = False) -> None:
    """Write the chain's head to the store, unless the store keeps one that the chain no longer holds, or that can't be read.

    `replacing`: even then, because a person has decided that this ledger goes on.
    """
    kept = Anchor(text=None) if replacing else read_anchor(session.client)
    head = head_to_keep(session, kept)
    if head and head != kept.text:
        session.client.shop.write_storage(KEY, head)
    _note(session, now)


def head_to_keep(session: StoreSession, kept: Anchor) -> str:
    """Return what a store that keeps this is to keep from now on: the chain's head; or the same, if it needs a person."""
    with reading(session.engine) as connection:
        head, state = audit.head_of(connection), kept.state(connection)
    if state not in NEEDS_PERSON:
        return str(head) if head is not None else ""
    log.error(
        "audit.cut_off" if state is AnchorState.MISSING else "audit.head_unreadable",
        store=session.store_id,
        kept=str(kept.head) if kept.head is not None else "",
        do="Whether rows were removed from the audit chain must be looked into. Run: tillroll audit verify",
    )
    return kept.text or ""


def _note(session: StoreSession, now: datetime) -> None:
    with writing(session.engine) as connection:
        upsert(connection, fences, [{"store_id": session.store_id, "anchored_at": now}])


def _is_due(connection: Connection, store_id: int, now: datetime) -> bool:
    last: datetime | None = connection.scalar(
        sa.select(fences.c.anchored_at).where(fences.c.store_id == store_id)
    )
    since = last or connection.scalars(sa.select(stores.c.created_at).where(stores.c.id == store_id)).one()
    if since <= now - _AT_LEAST_EVERY:
        return True
    newest = sa.select(sa.func.max(approvals.c.at)).join(runs, runs.c.id == approvals.c.run_id)
    approved_at: datetime | None = connection.scalar(newest.where(runs.c.store_id == store_id))
    return approved_at is not None and (last is None or approved_at > last)
