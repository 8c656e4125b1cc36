"""Changes to codes that are in the store, and drift."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tillroll.campaign.states import ChangeKind, ChangeState, CodeState, DriftKind, DriftState, PartState
from tillroll.ledger.records.record import Record


@dataclass(frozen=True, kw_only=True)
class Change(Record):
    """Something done to the codes of one campaign, or of one run: pause, resume, extend, revoke and so on."""

    id: int
    store_id: int
    kind: ChangeKind
    campaign: str  # whose codes
    run_id: int | None  # only this run's; None: the whole campaign's
    state: ChangeState
    person: str  # who asked for it; `policy` or `loop` for what happens by itself
    note: str  # what that person wrote to it
    valid_until: datetime | None  # extend: the new expiry
    created_at: datetime
    changed_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class ChangePart(Record):
    """One code of a change."""

    id: int
    change_id: int  # the change it belongs to
    code_id: int  # the code that is changed
    action: str  # what the store is asked for: update, delete or create
    state: PartState
    was: CodeState  # the code's state before the change
    reason: str  # why it was skipped or failed, for people
    change_chunk_id: int | None  # the batch request it last went out in
    attempts: int  # how often the store was asked
    not_before: datetime | None  # not asked again before this moment
    changed_at: datetime


@dataclass(frozen=True, kw_only=True)
class Drift(Record):
    """A coupon of the store that differs from the ledger."""

    id: int
    store_id: int
    kind: DriftKind
    state: DriftState
    code: str  # of the coupon, in upper case
    code_id: int | None  # None: a coupon that the ledger does not know
    coupon_id: int | None  # the number of the coupon in the store
    differences: Any  # for each field, what the ledger says and what the store says
    change_id: int | None  # the change that fixes it
    person: str  # who decided
    note: str  # what that person wrote to it
    found_at: datetime  # when a comparison first saw it
    seen_at: datetime  # when a comparison last saw it
    decided_at: datetime | None  # when that person decided; None: it is open
