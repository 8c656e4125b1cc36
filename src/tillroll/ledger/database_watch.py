"""What one process knows about its database: whether it is away, since when, and when to try it again.

A database that is away is nobody's fault and ends no process (`availability.py` tells it from a bug). Each process keeps one
`DatabaseWatch`. Whoever meets the outage notes it, lets its work rest until `may_try`, and begins it anew: what counts is in
the ledger. The log says once that the database is away and once that it is back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import structlog

from tillroll.campaign.figures.retry import RetryPolicy
from tillroll.clock import Clock, SystemClock
from tillroll.ledger.availability import is_unavailable

log = structlog.get_logger("tillroll.database")

LONGEST_PAUSE = timedelta(seconds=4)
"""The longest pause between two attempts. With a connection's ten seconds, work goes on within 15 s of the database's return."""


class StoppedWaiting(Exception):
    """The process was told to end while it waited for its database."""


_PAUSES = RetryPolicy(first_pause=timedelta(seconds=0.25), longest_pause=LONGEST_PAUSE)
_STEADY = 3.0  # seconds without a failure after which it counts as back: a full disk takes a small write now and then
_NOTICED = 20.0  # seconds until every process that lives has noticed that the database is back
_T = TypeVar("_T")


class DatabaseWatch:
    """Whether this process's database is away. Safe to use from any thread."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self.is_asked = False  # a thread of this process asks the database regularly
        self.suspected = False  # a request met an outage, and nobody has asked the database since
        self._away_since: float | None = None
        self._answers_since: float | None = None  # since the last failure of this outage
        self._back_at: float | None = None  # when the last outage ended
        self._failures = 0
        self._try_at = 0.0

    @property
    def is_away(self) -> bool:
        """Whether the last attempt failed."""
        return self._away_since is not None and self._answers_since is None

    @property
    def was_away_lately(self) -> bool:
        """Whether the database is away, or came back so lately that other processes may not have noticed yet."""
        with self._lock:
            since = self._answers_since if self._away_since is not None else self._back_at
            is_away = self._away_since is not None and self._answers_since is None
            return is_away or (since is not None and self._clock.monotonic() - since < _NOTICED)

    @property
    def stopped(self) -> bool:
        """Whether the process has been told to end."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """End all waiting: the process is to end. Safe to call from a signal handler."""
        self._stopped.set()

    def may_try(self) -> bool:
        """Return whether the pause after the last failure is over."""
        return self._clock.monotonic() >= self._try_at

    def failed(self, fault: BaseException) -> bool:
        """Note an error. Return whether it means that the database is away; the first of an outage is logged."""
        if not is_unavailable(fault):
            return False
        self.note_away(reason_of(fault))
        return True

    def suspect(self, fault: BaseException) -> bool:
        """Return whether an error means that the database is away. Whoever asks it regularly finds out whether it is for long."""
        if not is_unavailable(fault):
            return False
        self.suspected = True
        return True

    def note_away(self, reason: str) -> None:
        """Note that an attempt failed. Failures of several threads at the same time count as one."""
        now = self._clock.monotonic()
        with self._lock:
            is_new = self._away_since is None
            if is_new:
                self._away_since, self._failures = now, 0
            self._answers_since = None
            if is_new or now >= self._try_at:
                self._failures += 1
                self._try_at = now + _PAUSES.pause_before(self._failures).total_seconds()
        if is_new:
            log.warning(
                "database.away",
                reason=reason,
                do="Nothing is lost, and work goes on by itself. Check that the database runs, can be reached, has free space "
                "and may be written to.",
            )

    def note_return(self, seconds_ago: float) -> None:
        """Note when the database came back, as a process learns that has just begun."""
        with self._lock:
            self._back_at = self._clock.monotonic() - seconds_ago

    def note_answer(self) -> None:
        """Note that the database did some work."""
        if self._away_since is not None and (seconds := self._time_away()) is not None:
            log.info("database.back", away_seconds=round(seconds, 1), note="Work goes on where it stopped.")

    def _time_away(self) -> float | None:
        """Return how long the outage was if this answer ends it, otherwise None."""
        now = self._clock.monotonic()
        with self._lock:
            if self._away_since is None:
                return None
            self._answers_since = now if self._answers_since is None else self._answers_since
            if now - self._answers_since < _STEADY:
                return None
            seconds = self._answers_since - self._away_since
            self._back_at = self._answers_since
            self._away_since = self._answers_since = None
            return seconds

    def wait(self) -> None:
        """Wait until the next attempt is due, or the process is to end."""
        self._stopped.wait(max(0.0, self._try_at - self._clock.monotonic()))

    def insist(self, action: Callable[[], _T]) -> _T:
        """Return what the action returns; try it again as long as the database is away.

        The action must be safe to repeat: it may have been carried out although its answer was lost. Raises `StoppedWaiting`
        when the process is to end meanwhile.
        """
        while True:
            try:
                result = action()
            except Exception as fault:
                if not self.failed(fault):
                    raise
                self.wait()
                if self.stopped:
                    raise StoppedWaiting from fault
            else:
                self.note_answer()
                return result


def reason_of(fault: BaseException) -> str:
    """Return the driver's own words on one line; no statement and no parameters, which may hold codes or addresses."""
    cause: BaseException = fault
    while (inner := getattr(cause, "orig", None) or cause.__cause__) is not None:
        cause = inner
    lines = (" ".join(line.split()) for line in str(cause).splitlines())
    return "; ".join(line for line in lines if line) or type(cause).__name__
