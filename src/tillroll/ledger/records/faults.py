"""Faults of single items."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tillroll.campaign.states import FaultState, ItemKind, Stage
from tillroll.ledger.records.record import Record


@dataclass(frozen=True, kw_only=True)
class ItemFault(Record):
    """What went wrong with one item in one stage. Unique by store, kind, item and stage."""

    id: int
    store_id: int
    kind: ItemKind
    item: str  # its number or name
    stage: Stage  # what was being done
    run_id: int | None  # the run it belongs to; None: it belongs to none
    campaign: str  # the campaign it belongs to; empty: none
    error: str  # class of the exception
    place: str  # module and line where it was raised
    count: int  # how often in a row
    state: FaultState
    first_at: datetime  # when the row of failures began
    last_at: datetime  # when it failed last
    not_before: datetime | None  # tried again then; None: when somebody says so
    released_by: str  # who had it tried again

    @property
    def reference(self) -> str:
        """What pages, commands and the log call it."""
        return reference_of(self.id)


def reference_of(fault_id: int) -> str:
    """Return what pages, commands and the log call a fault."""
    return f"F{fault_id}"
