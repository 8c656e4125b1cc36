"""Codes, and the batch requests they go out in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

import sqlalchemy as sa

from tillroll.campaign.states import ChunkState, CodeCause, CodeState, StoreUse
from tillroll.ledger.records.record import Record


@dataclass(frozen=True, kw_only=True)
class Code(Record):
    """One discount code. Unique by store, upper case."""

    id: int
    store_id: int
    run_id: int  # the run that made it
    recipient_id: int | None  # None: shared by all, or in a pool and not handed out yet
    code: str  # in clear; mask it before it is shown or logged
    state: CodeState
    arm: str  # of the campaign's variants; empty: none
    value: Decimal | None  # its own value of the discount; None: the offer's
    handed_at: datetime | None  # when a code of a pool got its recipient
    valid_from: datetime | None  # its own period; None: the run's
    valid_until: datetime | None  # see `valid_from`
    chunk_id: int | None  # the batch request it last went out in
    coupon_id: int | None  # the store's number of the coupon
    terms: Any  # of an adopted coupon: what it gives; None: the run's plan says
    attempts: int  # how often the store was asked to create it
    cause: CodeCause  # why it is in that state, where other code depends on it
    reason: str  # the same for people; never compared
    store_use: StoreUse  # what the store says of its uses, beyond the orders that count
    reserved_at: datetime  # when it was drawn and recorded
    changed_at: datetime


@dataclass(frozen=True, kw_only=True)
class Chunk(Record):
    """One batch request of up to 500 API calls, of whichever table of chunks."""

    id: int
    owner_id: int  # the run, change or import it is sent for
    state: ChunkState
    deduplication_key: str  # the store remembers it for an hour from `created_at`
    ticket: str  # what the store answered; empty: no answer yet
    size: int  # calls in it
    poll_at: datetime | None  # when to ask for its result
    polls: int  # how often it was asked for
    created_at: datetime
    changed_at: datetime

    @classmethod
    def from_row(cls, row: sa.Row[Any]) -> Self:
        """Return a chunk of any of the three tables; each names its owner's column after the owner."""
        columns = row._mapping
        (owner_id,) = (columns[name] for name in ("run_id", "change_id", "import_id") if name in columns)
        values = {name: columns[name] for name in cls.__dataclass_fields__ if name != "owner_id"}
        return cls(**{**values, "state": ChunkState(columns["state"]), "owner_id": owner_id})
