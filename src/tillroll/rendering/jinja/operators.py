"""The operators of a template, each paid for from the rendering's budget before it makes something large."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from jinja2.nodes import EvalContext
from jinja2.runtime import markup_join, str_join

from tillroll.rendering.jinja.budget import (
    CHARACTERS_A_STEP,
    MOST_BITS,
    TemplateLimit,
    kept,
    pay,
    weigh,
)

BINARY: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}
UNARY: Mapping[str, Callable[[Any], Any]] = {"+": operator.pos, "-": operator.neg}

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gteq": operator.ge,
    "lt": operator.lt,
    "lteq": operator.le,
    "in": lambda left, right: left in right,
    "notin": lambda left, right: left not in right,
}
_SEARCH = 10_000  # pairs of characters that a search compares in a step, at worst
_POWER = 20  # steps: a power of decimal numbers takes as long
_WIDTH = re.compile(r"\d+|\*")  # of a format with %, or its precision
_FLAGS = "#0- +.123456789"
_WIDE = re.compile(r"\d{4}")  # in a format with {}; digits of any script count
_TOO_WIDE = "a width or precision in a format has more than three digits"


def calculate(sign: str, left: Any, right: Any) -> Any:
    """Return `left sign right`."""
    weight = weigh(left, opaque=True) + weigh(right, opaque=True)
    if sign == "*":
        _pay_for_repetition(left, right)
    elif sign == "**":
        _pay_for_power(left, right)
    elif sign == "%" and isinstance(left, str):
        pay_for_format(left, weigh(right))
    elif sign == "+" and isinstance(left, str | list | tuple):
        pay(weight)
    return kept(BINARY[sign](left, right))


def sign_of(sign: str, value: Any) -> Any:
    """Return `+value` or `-value`."""
    weigh(value, opaque=True)
    return UNARY[sign](value)


def join_texts(context: EvalContext, parts: Sequence[Any]) -> str:
    """Return the parts of a `~` as one text; escaped where the template escapes."""
    pay(weigh(parts))
    return markup_join(parts) if context.autoescape else str_join(parts)


def compare(first: Any, *others: tuple[str, Any]) -> bool:
    """Return whether a chain of comparisons holds: `first < second <= third`."""
    for sign, second in others:
        weigh(first, opaque=True)
        weigh(second, opaque=True)
        if sign in ("in", "notin"):
            pay_for_search(second, first)
        if not _COMPARE[sign](first, second):
            return False
        first = second
    return True


def cut(value: Any, start: Any, stop: Any, step: Any) -> Any:
    """Return `value[start:stop:step]`."""
    weigh(value, opaque=True)
    return kept(value[slice(start, stop, step)])


def pay_for_search(text: Any, wanted: Any) -> None:
    """Pay for looking for one text in another: at worst, each character is compared with each."""
    if isinstance(text, str) and isinstance(wanted, str):
        pay(len(text) * len(wanted) // _SEARCH)


def pay_for_format(text: str, weight: int) -> None:
    """Pay for `text % values` beforehand; `weight` is the price of the values. Raises `TemplateLimit` for a large width."""
    for width in _WIDTH.finditer(text):
        if (len(width[0]) > 3 or width[0] == "*") and _is_of_format(text, width.start()):
            raise TemplateLimit(_TOO_WIDE)
    pay(text.count("%") * (1_000 // CHARACTERS_A_STEP + weight))


def _is_of_format(text: str, at: int) -> bool:
    """Whether the place is inside of a `%-010.3f` or `%(name)10d`."""
    while at > 0 and text[at - 1] in _FLAGS:
        at -= 1
    return at > 0 and text[at - 1] in "%)"


def refuse_wide(specification: str) -> None:
    """Raise `TemplateLimit` for a large width or precision in `'{:10.3f}'`."""
    if _WIDE.search(specification):
        raise TemplateLimit(_TOO_WIDE)


def _pay_for_repetition(left: Any, right: Any) -> None:
    for many, times in ((left, right), (right, left)):
        if isinstance(times, int) and times > 0:
            if isinstance(many, str):
                pay(len(many) * times // CHARACTERS_A_STEP)
            elif isinstance(many, list | tuple):
                pay(len(many) * times)


def _pay_for_power(base: Any, exponent: Any) -> None:
    pay(_POWER)
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * exponent > 2 * MOST_BITS:
        raise TemplateLimit("it makes a number of too many digits")
    if (
        isinstance(base, Decimal)
        and isinstance(exponent, int | Decimal)
        and not -MOST_BITS < exponent < MOST_BITS
    ):
        raise TemplateLimit("it makes a number of too many digits")
