"""Whether a ledger is the one that last worked for a store, and which runs the store must be told of. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_LAST_EPOCH = 2**30  # no ledger gets so far, and the ledger's column holds more


class RunStage(StrEnum):
    """How far a run had come when the store was last told."""

    MINT = "mint"  # codes were about to be made
    SEND = "send"  # e-mails were about to leave


@dataclass(frozen=True, kw_only=True)
class BegunRun:
    """A run that has done something irreversible, or is about to."""

    run_id: int
    campaign: str
    slot_key: str
    stage: RunStage

    def to_row(self) -> list[int | str]:
        """Return it as JSON has it."""
        return [self.run_id, self.campaign, self.slot_key, self.stage.value]

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> BegunRun:
        """Return a run from JSON. Raises `ValueError` or `TypeError` if it is something else."""
        run_id, campaign, slot_key, stage = row
        return cls(run_id=int(run_id), campaign=str(campaign), slot_key=str(slot_key), stage=RunStage(stage))


class Place(StrEnum):
    """Where a store keeps its record."""

    STORAGE = "storage"  # in the app's storage, which has room for the runs
    COUPON = "coupon"  # in the name of a paused coupon


@dataclass(frozen=True, kw_only=True)
class FenceRecord:
    """What the store keeps about the ledger that works for it. Raises `ValueError` for an empty mark or an impossible epoch."""

    epoch: int
    mark: str  # random, new at each raise: two ledgers with the same epoch still differ
    at: str  # when it was written, by the ledger's clock; only shown to people
    runs: tuple[BegunRun, ...] = ()  # the latest runs that had begun
    whole: bool = True  # whether the place where it is kept has room for the runs
    place: Place = Place.STORAGE
    head: str = (
        ""  # of the audit chain when it was written (`anchor.py`); only the app storage has room for it
    )

    def __post_init__(self) -> None:
        if not self.mark or not 0 < self.epoch <= _LAST_EPOCH:
            raise ValueError("a record of the fence has a mark and an epoch")


@dataclass(frozen=True, kw_only=True)
class UnreadableRecord:
    """The store keeps something in the record's place that can't be read: nobody knows which ledger wrote it, and when."""

    place: Place
    epoch: int = 0
    runs: tuple[BegunRun, ...] = ()
    whole: bool = False
    head: str = ""


StoreRecord = FenceRecord | UnreadableRecord
"""What the store keeps in the record's place."""


@dataclass(frozen=True, kw_only=True)
class FenceState:
    """What the ledger knows about the store's record."""

    epoch: int
    mark: str
    intended: str  # the mark of a raise whose answer was never stored; empty: none
    home: str  # the identity of the database that raised the fence


class FenceVerdict(StrEnum):
    """Whether this ledger may work for the store."""

    SAME = "same"  # it may
    OLDER = "older"  # it was restored: more was done than it knows of
    COPY = "copy"  # it was cloned or moved: the original may still be at work
    OTHER = "other"  # another ledger works for the store
    UNREADABLE = "unreadable"  # the store's record can't be read: nobody knows
    MISSING = "missing"  # the store has no record, and this ledger wrote one: nobody knows


def judge_ledger(ledger: FenceState, store: StoreRecord | None, home: str) -> FenceVerdict:
    """Compare the ledger with the store's record. `home` is the identity of the database in use now.

    Only the mark that this ledger wrote lets it work, or no record in a store where it never wrote one.
    """
    same = FenceVerdict.COPY if is_copy(ledger, home) else FenceVerdict.SAME
    if store is None:
        return FenceVerdict.MISSING if ledger.epoch and same is FenceVerdict.SAME else same
    if isinstance(store, UnreadableRecord):
        return FenceVerdict.UNREADABLE
    written = {mark for mark in (ledger.mark, ledger.intended) if mark}
    if store.mark in written:
        return same
    return FenceVerdict.OLDER if 0 < ledger.epoch < store.epoch else FenceVerdict.OTHER


def is_copy(ledger: FenceState, home: str) -> bool:
    """Whether the ledger is a copy of the database that raised the fence. The store need not be asked."""
    return bool(ledger.home) and ledger.home != home


def must_report(reported: Collection[BegunRun], begun: Sequence[BegunRun]) -> bool:
    """Whether a run has reached a stage that the store was not told of."""
    reported_stages = {(run.run_id, run.stage) for run in reported}
    return any((run.run_id, run.stage) not in reported_stages for run in begun)


def runs_to_report(
    reported: Sequence[BegunRun], begun: Sequence[BegunRun], *, most: int
) -> tuple[BegunRun, ...]:
    """Return the latest runs with their present stage: those reported before, and those begun since."""
    runs = {run.run_id: run for run in (*reported, *begun)}
    return tuple(sorted(runs.values(), key=lambda run: run.run_id)[-most:])
