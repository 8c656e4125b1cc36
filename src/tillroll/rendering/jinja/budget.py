"""The budget of one rendering: how many steps a template may take, how much text it may make, and how deep it may call itself.

Everything a template can do is paid for before it is done or, where the result can't be much larger than what went in, right
after. So no template runs for long, whatever it says. The bound counts steps, not seconds: a template that renders today
renders on a busy machine too. The time limit behind it is in seconds of the thread's own CPU time.
"""

from __future__ import annotations

import time
from collections.abc import ItemsView, Iterable, Iterator, KeysView, ValuesView
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, timedelta, tzinfo
from datetime import time as time_of_day
from decimal import Decimal
from typing import Any

from jinja2 import TemplateRuntimeError, Undefined

MOST_STEPS = 50_000
"""Of one e-mail. A long newsletter takes about 2,000."""

CHARACTERS_A_STEP = 100
MOST_CALLS_WITHIN = 50
"""Macros, blocks and recursive loops that may be inside each other."""

MOST_BITS = 3_000
"""Of a whole number: 900 digits."""

MOST_DIGITS = 1_000
"""Of a decimal number, before or after its point."""

_MOST_SECONDS = 5.0
_LOOK_EVERY = 2_000  # steps between two looks at the clock
_SCALARS = (float, complex, type(None), date, time_of_day, timedelta, tzinfo, Undefined)
_LISTS = (list, tuple, set, frozenset)
_PASSING = (Iterator, KeysView, ValuesView, ItemsView)


class TemplateLimit(TemplateRuntimeError):
    """A template took more than it may."""


class Meter:
    """What is left of one rendering's budget."""

    __slots__ = ("_deadline", "_looks_at", "depth", "left")

    def __init__(self) -> None:
        self.left = MOST_STEPS
        self.depth = 0
        self._looks_at = MOST_STEPS - _LOOK_EVERY
        self._deadline: float | None = None  # most e-mails take fewer steps than until the first look

    def pay(self, steps: int) -> None:
        """Take steps from the budget. Raises `TemplateLimit` when it is spent."""
        self.left -= steps
        if self.left < self._looks_at:
            self._look()

    def _look(self) -> None:
        if self.left < 0:
            raise TemplateLimit("it takes too many steps or makes too much text")
        now = time.thread_time()
        if self._deadline is None:
            self._deadline = now + _MOST_SECONDS
        if now > self._deadline:
            raise TemplateLimit("it takes too long")
        self._looks_at = self.left - _LOOK_EVERY if self.left > _LOOK_EVERY else 0


_meter: ContextVar[Meter] = ContextVar("meter")


@contextmanager
def metered() -> Iterator[Meter]:
    """Render within this block, on a new budget."""
    meter = Meter()
    token = _meter.set(meter)
    try:
        yield meter
    finally:
        _meter.reset(token)


def pay(steps: int) -> None:
    """Take steps from the budget of the rendering that runs."""
    _meter.get().pay(steps)


def pay_text(characters: int) -> None:
    """Pay for a text of this length."""
    _meter.get().pay(1 + characters // CHARACTERS_A_STEP)


@contextmanager
def one_deeper() -> Iterator[None]:
    """Call a macro, a block or a loop within this block. Raises `TemplateLimit` when too many are inside each other."""
    meter = _meter.get()
    if meter.depth >= MOST_CALLS_WITHIN:
        raise TemplateLimit(f"more than {MOST_CALLS_WITHIN} macros or loops call each other")
    meter.depth += 1
    try:
        yield
    finally:
        meter.depth -= 1


def weigh(value: Any, *, opaque: bool = False) -> int:
    """Pay for a value with all that it holds, and return the price: it has at most a hundred times as many characters.

    Raises `TemplateLimit` for a number of too many digits. Objects of Jinja (a macro, a loop, a namespace) can hold themselves,
    so they may not be turned into text, filtered or compared by what they hold; `opaque` lets them pass as what they are.
    """
    meter = _meter.get()
    before = meter.left
    if isinstance(value, str):
        meter.pay(1 + len(value) // CHARACTERS_A_STEP)
        return before - meter.left
    waiting = [value]
    while waiting:
        one = waiting.pop()
        meter.pay(1)
        if isinstance(one, str):
            meter.pay(len(one) // CHARACTERS_A_STEP)
        elif isinstance(one, _LISTS):
            meter.pay(len(one))
            waiting.extend(one)
        elif isinstance(one, dict):
            meter.pay(len(one))
            waiting.extend(one)
            waiting.extend(one.values())
        elif isinstance(one, int | Decimal):
            _refuse_long(one)
        elif isinstance(one, range):
            meter.pay(len(one))
        elif not (opaque or isinstance(one, _SCALARS)):
            raise TemplateLimit(f"an e-mail can't show a {type(one).__name__}")
    return before - meter.left


def _refuse_long(number: int | Decimal) -> None:
    if isinstance(number, int):
        is_long = number.bit_length() > MOST_BITS
    else:
        _, digits, exponent = number.as_tuple()
        is_long = isinstance(exponent, int) and not (
            len(digits) <= MOST_DIGITS and abs(number.adjusted()) <= MOST_DIGITS >= abs(exponent)
        )
    if is_long:
        raise TemplateLimit("it makes a number of too many digits")


def kept(value: Any) -> Any:
    """Return a result that the template may use: paid for, and a list instead of an iterator."""
    if isinstance(value, _PASSING):
        value = list(_paid(value))
    weigh(value, opaque=True)
    return value


def iterated(iterable: Iterable[Any]) -> Iterable[Any]:
    """Return what a loop goes through; each of its turns is paid for."""
    if isinstance(iterable, str):
        pay(len(iterable))
        return iterable
    return list(_paid(iterable))


def _paid(values: Iterable[Any]) -> Iterator[Any]:
    meter = _meter.get()
    for value in values:
        meter.pay(1)
        yield value
