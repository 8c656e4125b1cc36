"""Faults at any line that runs for one victim: what its neighbours get must not depend on where it fails."""

from __future__ import annotations

import hashlib
import linecache
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

import tillroll
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.faults.rows import list_faults
from tillroll.ledger.records import ItemFault
from tillroll.ledger.tables import faults

PACKAGE = Path(tillroll.__file__).parent
SAFETY_NET = ("ledger/faults/", "ledger/audit.py", "ledger/engine.py")
"""What records a fault is not part of the victim's own work, and a fault of the database's use is another test's."""

NET_FUNCTIONS = frozenset(
    {"one_run", "one_chunk", "deferring_when_refused", "put_off", "_one", "_one_area", "name"}
    | {f"{kind}_item" for kind in ("message", "run", "chunk", "code", "campaign", "row", "entry")}
)
"""The boundaries of single stages, and what a fault calls an item."""

FAULTS: tuple[type[Exception], ...] = (ValueError, KeyError, RecursionError, RuntimeError, AttributeError)

BOTH_DATABASES = [
    pytest.param("sqlite_url", id="sqlite"),
    pytest.param("postgresql_url", id="postgresql", marks=[pytest.mark.postgres, pytest.mark.slow]),
]
"""SQLite, and PostgreSQL among the slow tests."""

T = TypeVar("T")

Place = tuple[str, int]
"""A module of the product and a line of it."""

IsVictim = Callable[[str, Any], bool]
"""Whether an argument of a function, by its name and value, says that the function was called for the victim alone."""


class EndOfProcess(BaseException):
    """Ends a process, like Ctrl-C: nothing may swallow it."""


@cache
def _looked_at(code: CodeType) -> tuple[str, tuple[str, ...]]:
    """Return the module of a function of the product and the names of its arguments; empty for other functions."""
    path = Path(code.co_filename)
    inside = path.relative_to(PACKAGE).as_posix() if path.is_relative_to(PACKAGE) else ""
    if inside.startswith(SAFETY_NET) or code.co_name in NET_FUNCTIONS:
        return "", ()
    return inside, code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _serves_the_net(frame: FrameType) -> bool:
    """Return whether what records a fault has called this function: for an item's name, or a row of its own."""
    caller, code = frame.f_back, frame.f_code
    if caller is None or not (
        code.co_name == "from_row" or (code.co_name == "<lambda>" and code.co_argcount == 1)
    ):
        return False
    path = Path(caller.f_code.co_filename)
    return path.is_relative_to(PACKAGE / "ledger" / "faults")


@dataclass(kw_only=True)
class LineTracer:
    """Sees every line of the product that runs while a function called for the victim is on the stack."""

    is_victim: IsVictim
    raises: Callable[[Place], BaseException | None] = lambda _place: None
    seen: dict[Place, int] = field(default_factory=dict)  # how often each line ran for the victim
    raised: int = 0
    _roots: list[FrameType] = field(default_factory=list)

    def __call__(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        inside, names = _looked_at(frame.f_code)
        if not inside or _serves_the_net(frame):
            return None
        if not self._roots:
            given = frame.f_locals
            if not any(self.is_victim(name, given[name]) for name in names):
                return None
            self._roots.append(frame)
        return self._line

    def _line(self, frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "return" and self._roots and frame is self._roots[-1]:
            self._roots.pop()
        if event == "line" and self._roots:
            place = (_looked_at(frame.f_code)[0], frame.f_lineno)
            self.seen[place] = self.seen.get(place, 0) + 1
            if (fault := self.raises(place)) is not None:
                self.raised += 1
                self._roots.clear()
                sys.setprofile(self._trace_again)
                raise fault
        return self._line

    def _trace_again(self, _frame: FrameType, _event: str, _argument: Any) -> None:
        """Trace again as soon as possible: Python stops tracing when a trace function raises."""
        sys.setprofile(None)
        sys.settrace(self)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Trace this thread for the length of a block."""
        before = sys.gettrace()
        sys.settrace(self)
        try:
            yield
        finally:
            sys.setprofile(None)
            sys.settrace(before)

    @contextmanager
    def pausing(self) -> Iterator[None]:
        """Trace nothing for the length of a block: what a test does in between."""
        before = sys.gettrace()
        sys.settrace(None)
        try:
            yield
        finally:
            sys.settrace(before)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One fault at one line, each time the line runs for the victim or only the first time."""

    place: Place
    kind: type[Exception]
    lasts: bool

    def tracer(self, is_victim: IsVictim) -> LineTracer:
        """Return a tracer that raises the fault."""
        left = [sys.maxsize if self.lasts else 1]

        def raises(place: Place) -> BaseException | None:
            if place != self.place or not left[0]:
                return None
            left[0] -= 1
            return self.kind(f"chaos at {place[0]}:{place[1]}")

        return LineTracer(is_victim=is_victim, raises=raises)


def scenarios(seen: Collection[Place], *, seed: int, most: int) -> Iterator[Scenario]:
    """Yield faults at lines that are spread over all that ran for the victim, chosen by the seed.

    Each line is drawn by its own text. So the same lines are drawn on every machine, although a few of the others run only at
    times (a question to the store is asked again when the machine is slow), and although code is added elsewhere.
    """
    drawn = sorted((_lot(place, seed), place) for place in seen)
    for lot, place in drawn[:most]:
        yield Scenario(place=place, kind=FAULTS[lot[-1] % len(FAULTS)], lasts=lot[-2] % 2 == 0)


def _lot(place: Place, seed: int) -> bytes:
    module, line = place
    text = linecache.getline(str(PACKAGE / module), line).strip()
    return hashlib.sha256(f"{seed} {module} {text}".encode()).digest()


def try_lines(
    attempt: Callable[[LineTracer], T],
    check: Callable[[T, Scenario], None],
    *,
    is_victim: IsVictim,
    seed: int,
    most: int,
    fewest: int,
    apart: bool = False,
    without: str = "nothing",
) -> None:
    """Attempt the same work with a fault at each of some lines, and check what comes of it.

    `fewest`: at least so many lines run for the victim. `apart`: the work is done for all items together first, and for each
    alone only if that fails; so it fails each time at the first line for the victim. `without`: a folder that is left out.
    """
    attempt(LineTracer(is_victim=is_victim))  # what is read only once, and then remembered, is not tried
    dry = LineTracer(is_victim=is_victim)
    dry.raises = _failing_first(dry.raises) if apart else dry.raises
    attempt(dry)
    seen = [place for place in dry.seen if not place[0].startswith(without)]
    assert len(seen) >= fewest, sorted(seen)
    missed = [
        scenario
        for scenario in scenarios(seen, seed=seed, most=most)
        if not _is_raised(attempt, check, scenario, is_victim, apart=apart)
    ]
    # a few lines run only at times: the pace asks the ledger when it has used up what it took
    assert len(missed) <= min(most, len(seen)) // 10 + 1, missed


def _is_raised(
    attempt: Callable[[LineTracer], T],
    check: Callable[[T, Scenario], None],
    scenario: Scenario,
    is_victim: IsVictim,
    *,
    apart: bool,
) -> bool:
    tracer = scenario.tracer(is_victim)
    tracer.raises = _failing_first(tracer.raises) if apart else tracer.raises
    check(attempt(tracer), scenario)
    return tracer.raised > 0


def _failing_first(
    raises: Callable[[Place], BaseException | None],
) -> Callable[[Place], BaseException | None]:
    has_failed = False

    def either(place: Place) -> BaseException | None:
        nonlocal has_failed
        if has_failed:
            return raises(place)
        has_failed = True
        return KeyError("chaos at the first line")

    return either


def told(engine: Engine, now: datetime, store_id: int = 1) -> list[ItemFault]:
    """Return the faults that people see."""
    with reading(engine) as connection:
        return list_faults(connection, store_id, now=now)


def end_pauses(engine: Engine) -> None:
    """End the pauses after faults, as if their time had come."""
    with writing(engine) as connection:
        connection.execute(sa.update(faults).values(not_before=None))
