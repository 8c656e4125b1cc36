"""Writing many items in one transaction; if one of them fails, each in a transaction of its own, so that only one is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.states import Stage
from tillroll.ledger.engine import writing
from tillroll.ledger.faults.boundary import concerns_everybody, contained
from tillroll.ledger.faults.rows import FaultyItem
from tillroll.ledger.records import ItemFault

T = TypeVar("T")


def write_pieces(
    engine: Engine,
    items: Sequence[T],
    write: Callable[[Connection, Sequence[T]], object],
    *,
    name: Callable[[T], FaultyItem],
    stage: Stage,
    now: datetime,
    for_good: bool = False,
    also: Callable[[Connection, Sequence[tuple[T, ItemFault]]], object] | None = None,
) -> list[tuple[T, ItemFault]]:
    """Write all items together; if that fails, one by one. Returns the items that can't be written, with their faults.

    `write` is given a transaction and some of the items, and must be safe to repeat after a roll-back. `name` says how a fault
    calls an item. Items keep their order, so one that builds on an earlier one still comes after it.
    `also` writes what belongs to all of them, in their transaction or, if they are written one by one, in the last one; it is
    given the items that failed.
    """
    if not items and also is None:
        return []
    try:
        with writing(engine) as connection:
            write(connection, items)
            if also is not None:
                also(connection, ())
        return []
    except Exception as fault:
        if concerns_everybody(fault):
            raise
    failed = []
    for item in items:
        boundary = contained(engine, name(item), stage=stage, now=now, for_good=for_good)
        with boundary as outcome, writing(engine) as connection:
            write(connection, [item])
        if outcome.fault is not None:
            failed.append((item, outcome.fault))
    if also is not None:
        with writing(engine) as connection:
            also(connection, failed)
    return failed
