"""What an order means for a code, and whether a ledger is the one that last worked for a store. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from tillroll.campaign.states import NO_SALE

GRACE = timedelta(days=1)
"""Orders are still looked for so long after a run's codes expired: payment may come late."""


def counts(payment_status: str) -> bool:
    """Whether an order with this payment status is a sale; one that was cancelled later no longer counts."""
    return payment_status not in NO_SALE


def run_is_over(valid_until: datetime | None, now: datetime) -> bool:
    """Whether nothing more can come of a run's codes."""
    return valid_until is not None and now >= valid_until + GRACE


class Stage(StrEnum):
    """How far a run had come when the store was last told."""

    MINT = "mint"  # codes were about to be made
    SEND = "send"  # e-mails were about to leave


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A run that something was done for which can't be taken back."""

    run_id: int
    campaign: str
    slot_key: str
    stage: Stage

    def to_row(self) -> list[int | str]:
        """As JSON has it."""
        return [self.run_id, self.campaign, self.slot_key, self.stage.value]

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> Begun:
        """From JSON; `ValueError` or `TypeError` if it is something else."""
        run_id, campaign, slot_key, stage = row
        return cls(run_id=int(run_id), campaign=str(campaign), slot_key=str(slot_key), stage=Stage(stage))


@dataclass(frozen=True, kw_only=True)
class Record:
    """What the store keeps of the ledger that works for it."""

    epoch: int
    mark: str  # drawn at each raise: two ledgers that count alike still differ
    at: str  # when it was written, by the ledger's clock
    runs: tuple[Begun, ...] = ()  # the latest that had begun
    whole: bool = True  # whether there was room for the runs


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What the ledger believes that the store keeps."""

    epoch: int
    mark: str
    intended: str  # of a raise whose answer was never written down
    home: str  # which database it was


class Verdict(StrEnum):
    """Whether this ledger may go on."""

    SAME = "same"
    OLDER = "older"  # restored: it has done more than it knows
    COPY = "copy"  # cloned, or moved: the one it was copied from may still be at work
    OTHER = "other"  # another ledger works for the store


def stand(ledger: Standing, store: Record | None, home: str) -> Verdict:
    """Hold the ledger against what the store keeps. A store that keeps nothing (any more) says nothing against it."""
    moved = ledger.home not in {"", home}
    if store is None:
        return Verdict.COPY if moved else Verdict.SAME
    if ledger.epoch and store.mark in {ledger.mark, ledger.intended}:
        return Verdict.COPY if moved else Verdict.SAME
    if store.mark and store.mark == ledger.intended:
        return Verdict.SAME
    return Verdict.OLDER if 0 < ledger.epoch < store.epoch else Verdict.OTHER


def must_tell(told: Collection[Begun], begun: Sequence[Begun]) -> bool:
    """Whether a run is further than the store was told."""
    known = {(one.run_id, one.stage) for one in told}
    return any((one.run_id, one.stage) not in known for one in begun)


def to_tell(told: Sequence[Begun], begun: Sequence[Begun], *, most: int) -> tuple[Begun, ...]:
    """The latest runs with how far they are: what was told before, brought up to date."""
    runs = {one.run_id: one for one in (*told, *begun)}
    return tuple(sorted(runs.values(), key=lambda one: one.run_id)[-most:])
