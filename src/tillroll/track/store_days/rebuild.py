"""Counting the kept days of a store anew, and mending those that differ."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.engine import Connection, Engine

from tillroll.ledger.engine import lock_store_row, writing
from tillroll.ledger.records import Store
from tillroll.track.store_days.judge import StoreDay
from tillroll.track.store_days.kept import count_day, days_between, first_and_last, write_days


@dataclass(frozen=True, kw_only=True)
class DayDifference:
    """A kept day that was not what its orders add up to."""

    day: str  # ISO 8601
    kept: StoreDay | None  # None: it was missing between others
    counted: StoreDay


def rebuild_days(engine: Engine, store: Store) -> list[DayDifference]:
    """Count the days from the first kept one to the last anew, in one transaction. Returns those that were wrong. Safe to repeat.

    A day that is not over or whose orders haven't all been read is none of them, so it stays for the notice of odd days to count.
    """
    with writing(engine) as connection:
        lock_store_row(connection, store.id)
        wrong = _compare(connection, store)
        write_days(connection, store.id, [one.counted for one in wrong])
    return wrong


def _compare(connection: Connection, store: Store) -> list[DayDifference]:
    ends = first_and_last(connection, store.id)
    if ends is None:
        return []
    first, last = ends
    kept = days_between(connection, store.id, first.isoformat(), last.isoformat())
    found = []
    for number in range((last - first).days + 1):
        counted = count_day(connection, store, first + timedelta(days=number))
        was = kept.get(counted.day)
        if was != counted:
            found.append(DayDifference(day=counted.day, kept=was, counted=counted))
    return found
