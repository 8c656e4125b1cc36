"""A run: one occurrence of a campaign."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tillroll.campaign.states import RunState
from tillroll.ledger.records.record import Record


@dataclass(frozen=True, kw_only=True)
class Run(Record):
    """One occurrence of a campaign. Unique by store, campaign and slot key."""

    id: int
    store_id: int
    campaign: str  # its name
    slot_key: str  # what makes it unique: the slot's time, the entry's step, or who started it when
    slot_at: datetime  # when it was due
    state: RunState
    reason: str  # why it is in that state, for people
    kind: str  # `pool`: it makes codes ahead, for nobody yet; otherwise empty
    entry_id: int | None  # the entry whose step it is; None for a scheduled or manual run
    step: int  # of the campaign's flow, from 1
    started_by: str  # who started it; `schedule`, `event` or `pool` if nobody did
    plan_id: int | None  # the plan in force
    words_id: int | None  # the revision whose words its e-mails have, once they were mended; None: its plan's
    valid_from: datetime | None  # when its codes begin to work, fixed as minting begins
    valid_until: datetime | None  # when they expire
    extended_until: datetime | None  # the latest moment to which some of its codes were extended
    launch_at: datetime | None  # its codes are made paused, and switched on at this moment
    halted_in: str  # the state it was in when it was halted
    reserved_to: int  # customers up to this number have their codes
    prepared_places: int  # how many places of the order in which messages are sent have their rows
    not_before: datetime | None  # nothing to do before this moment
    parked_until: datetime | None  # e-mails due up to here may have left before the ledger was restored
    lost_run_id: int | None  # the number it had in a ledger that was lost, if another run has that number now
    revealed_at: datetime | None  # when its codes were first shown in clear; None: never
    created_at: datetime
    changed_at: datetime
    finished_at: datetime | None
