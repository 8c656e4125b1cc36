"""A campaign of a store, as far as the loop knows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tillroll.ledger.records.record import Record


@dataclass(frozen=True, kw_only=True)
class CampaignRecord(Record):
    """A campaign that the loop has seen in the files of a store. Unique by store and name."""

    id: int
    store_id: int
    name: str  # as its file is called
    revision_id: int | None  # the version in force; None while its files have faults or are gone
    findings: Any  # a list with the faults of its files, as sentences; None without faults
    first_seen_at: datetime  # when the loop first read its file
    considered_until: datetime  # slots and events up to here are runs or entries, or were skipped
    forgone_until: datetime | None  # events up to here may have been answered before the ledger was restored
    gone_at: datetime | None  # when its file was found missing
    halted_at: datetime | None  # when it was halted; it begins no runs until a person restarts it
    halted_by: str  # the person who halted it; empty: nobody has
