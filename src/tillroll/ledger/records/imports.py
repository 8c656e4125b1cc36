"""Catalogue imports and their rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tillroll.ledger.records.record import Record


@dataclass(frozen=True, kw_only=True)
class Import(Record):
    """One import of a catalogue file, or one undo of such an import."""

    id: int
    store_id: int
    kind: str  # import or undo
    undoes: int | None  # the import that an undo takes back
    file: str  # name of the imported file
    digest: str  # SHA-256 of the file
    state: str  # reading, applying or done
    person: str  # who started it
    force: bool  # an undo that also overwrites what was changed since
    created_at: datetime
    changed_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class ImportRow(Record):
    """One row of an import: a product or a variation. Unique by import and SKU."""

    id: int
    import_id: int  # the import it belongs to
    line: int  # of the file
    kind: str  # product or variation
    phase: int  # a row that builds on another comes in a later phase
    sku: str  # what the row calls the product or variation
    parent_sku: str  # of the product that a variation belongs to
    options: Any  # of a variation: name and value of each option
    product_id: int | None  # the number of the product in the store; None: not known yet
    variation_id: int | None  # the number of the variation in the store; None: not known yet, or a product
    action: str  # create, update, delete or nothing
    wanted: Any  # the fields that the file names
    old: Any  # their values in the store before any call
    state: str  # of `RowState` (catalog/decide.py)
    reason: str  # why it is in that state, for people; never compared
    partial: bool  # an undo that can't restore every field: it fails in the end
    attempts: int  # how often the store was asked
    import_chunk_id: int | None  # the batch request it last went out in
    asked_at: datetime | None  # by the store's clock, when it was first sent
    not_before: datetime | None  # not asked again before this moment
    changed_at: datetime
