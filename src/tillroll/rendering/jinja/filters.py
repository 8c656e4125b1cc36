"""The filters and tests that a template may use: Jinja's, each paid for from the rendering's budget.

`campaign/folder/templates.py` names them, so that `tillroll check` reports others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from jinja2.filters import FILTERS
from jinja2.tests import TESTS

from tillroll.campaign.folder.template_words import FILTER_NAMES, OUR_FILTERS, TEST_NAMES
from tillroll.rendering.jinja.budget import CHARACTERS_A_STEP, TemplateLimit, kept, pay, weigh
from tillroll.rendering.jinja.operators import pay_for_format, pay_for_search

_LARGEST_NUMBERS = {
    **dict.fromkeys(("batch", "center", "indent", "slice", "truncate", "urlize", "wordwrap"), 10_000),
    "round": 100,
    "tojson": 0,  # it would indent each level by so many spaces
}
"""The largest width, count or precision that these filters take."""

_OURS = 20  # steps: formatting an amount or a date takes as long
_TESTS_OF_KIND = """
    boolean callable defined escaped false float integer iterable mapping none number sameas sequence
    string true undefined
"""
_TAKES_ANYTHING = frozenset(_TESTS_OF_KIND.split())
"""Tests that only look at what kind of value it is."""

_MANY_CALLS = {"sort", "unique", "groupby", "min", "max", "dictsort"}  # they compare each value several times
_Price = Callable[[Any, list[Any]], None]


def _longest(args: list[Any]) -> int:
    """Return how much a filter's arguments can add at each place."""
    return max(
        (len(arg) if isinstance(arg, str) else arg for arg in args if isinstance(arg, str | int)), default=0
    )


def _everywhere(value: Any, args: list[Any]) -> None:
    """Pay for a filter that may add its arguments between all characters or items."""
    size = len(value) if hasattr(value, "__len__") else CHARACTERS_A_STEP
    pay((size + 1) * max(0, _longest(args)) // CHARACTERS_A_STEP)
    for wanted in args:
        pay_for_search(value, wanted)


def _once(value: Any, args: list[Any]) -> None:
    """Pay for a filter that fills up to a width or a number."""
    pay(max(0, _longest(args)))


def _squared(size: int) -> _Price:
    """Return the price of a filter that takes the square of a text's length; `size` characters take a step."""

    def price(value: Any, args: list[Any]) -> None:
        pay((len(str(value)) // size) ** 2)
        _everywhere(value, [arg for arg in args if isinstance(arg, str)])

    return price


def _format(value: Any, args: list[Any]) -> None:
    pay_for_format(str(value), weigh(args))


def _sum(value: Any, args: list[Any]) -> None:
    if any(not isinstance(arg, int | float | str | None) for arg in args):
        raise TemplateLimit("sum starts with a number")


_PRICES: Mapping[str, _Price] = {
    "center": _once,
    "batch": _once,
    "slice": _once,
    "indent": _everywhere,
    "replace": _everywhere,
    "join": _everywhere,
    "wordwrap": _squared(50),
    "urlize": _squared(20),
    "striptags": _squared(200),
    "format": _format,
    "sum": _sum,
}


def _paid_filter(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter that pays for its values, its work and its result."""
    price, is_ours = _PRICES.get(name), name in OUR_FILTERS
    largest = _LARGEST_NUMBERS.get(name)
    first = 1 if hasattr(function, "jinja_pass_arg") else 0  # before the value: Jinja's context

    @wraps(function)
    def paid(*args: Any, **kwargs: Any) -> Any:
        given = [*args[first + 1 :], *kwargs.values()]
        weight = weigh([*args[first:], *kwargs.values()])
        if largest is not None and any(isinstance(arg, int) and abs(arg) > largest for arg in given):
            raise TemplateLimit(f"{name} takes no number above {largest}")
        if price is not None:
            price(args[first], given)
        if is_ours:
            pay(_OURS)
        elif name in _MANY_CALLS:
            pay(4 * weight)
        return kept(function(*args, **kwargs))

    return paid


def _paid_test(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a test that pays for its values."""
    first = 1 if hasattr(function, "jinja_pass_arg") else 0
    opaque = name in _TAKES_ANYTHING

    @wraps(function)
    def paid(*args: Any, **kwargs: Any) -> Any:
        weigh([*args[first:], *kwargs.values()], opaque=opaque)
        if name == "in":
            pay_for_search(args[1], args[0])
        return function(*args, **kwargs)

    return paid


def bounded_filters(ours: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """Return all filters of a template; `ours` are those of the store, which format its money and dates."""
    return {**_FILTERS_OF_JINJA, **{name: _paid_filter(name, function) for name, function in ours.items()}}


_FILTERS_OF_JINJA: Mapping[str, Callable[..., Any]] = {
    name: _paid_filter(name, function) for name, function in FILTERS.items() if name in FILTER_NAMES
}


_tests_of_jinja: Mapping[str, Any] = TESTS

TESTS_OF_TEMPLATES: Mapping[str, Callable[..., Any]] = {
    name: _paid_test(name, function) for name, function in _tests_of_jinja.items() if name in TEST_NAMES
}
