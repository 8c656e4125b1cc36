"""The boundary around one item of a loop: its fault is recorded with a reference, and the loop goes on with the next item.

Whatever the class of the exception, it is the item's, unless it concerns everybody (`concerns_everybody`): the store stops or
pauses, the database is away, or the process ends. Never open a boundary inside a transaction of one's own: the fault is written
in another one.

What a boundary leaves behind is what a process leaves behind that dies at that point: what was committed before holds, the rest
is rolled back. So an item that fails amid minting or sending keeps its exact state, and the crash points of its stage say how it
goes on.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy.engine import Engine

from tillroll.campaign.states import FaultState, ItemKind, Stage
from tillroll.errors import NeedsPerson, OutcomeUnknown, TryLater
from tillroll.ledger.availability import is_unavailable
from tillroll.ledger.faults.rows import FaultyItem, record_fault
from tillroll.ledger.records import ItemFault

log = structlog.get_logger("tillroll.faults")

_PACKAGE = Path(__file__).parent.parent.parent
_OURS = ("ledger/faults/", "ledger/engine.py")  # where a fault passes through, never where it comes from


@dataclass(kw_only=True)
class Outcome:
    """What came of a block inside a boundary."""

    fault: ItemFault | None = None  # as it was recorded; None: the block ended well, or has not ended

    @property
    def failed(self) -> bool:
        """Whether the block raised a fault of its item."""
        return self.fault is not None

    @property
    def is_tried_again(self) -> bool:
        """Whether the block failed and its item is not set aside."""
        return self.fault is not None and self.fault.state is FaultState.OPEN


def concerns_everybody(fault: BaseException) -> bool:
    """Return whether a fault is no single item's: the store stops or pauses, the database is away, or the process ends."""
    if not isinstance(fault, Exception):
        return True
    return isinstance(fault, NeedsPerson | TryLater | OutcomeUnknown) or is_unavailable(fault)


@contextmanager
def contained(
    engine: Engine,
    item: FaultyItem,
    *,
    stage: Stage,
    now: datetime,
    for_good: bool = False,
    raised: tuple[type[Exception], ...] = (),
) -> Iterator[Outcome]:
    """Record a fault of the item and go on after the block. What concerns everybody is raised, and the classes in `raised`.

    `for_good`: the item is set aside at the first fault, since nothing would try it again anyway.
    """
    outcome = Outcome()
    try:
        yield outcome
    except Exception as fault:
        if concerns_everybody(fault) or isinstance(fault, raised):
            raise
        outcome.fault = note(engine, item, fault, stage=stage, now=now, for_good=for_good)


def note(
    engine: Engine, item: FaultyItem, fault: Exception, *, stage: Stage, now: datetime, for_good: bool = False
) -> ItemFault:
    """Record a fault of an item, log it in full under its reference, and return it as recorded."""
    error, place = type(fault).__name__, place_of(fault)
    noted = record_fault(engine, item, stage=stage, error=error, place=place, now=now, for_good=for_good)
    log.error(
        "item.set_aside" if noted.state is FaultState.SET_ASIDE else "item.fault",
        reference=noted.reference,
        store=item.store_id,
        kind=item.kind.value,
        item="" if item.kind is ItemKind.CODE else item.name,
        stage=stage.value,
        times=noted.count,
        exc_info=fault,
    )
    return noted


def place_of(fault: BaseException) -> str:
    """Return the module and line of the product in which a fault was raised; empty if it passed none."""
    for frame, line in reversed(list(traceback.walk_tb(fault.__traceback__))):
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(_PACKAGE):
            inside = path.relative_to(_PACKAGE).as_posix()
            if not inside.startswith(_OURS):
                return f"{inside}:{line}"
    return ""
