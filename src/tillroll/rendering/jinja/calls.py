"""What a template may call: its macros, blocks and loops, a few functions, and methods of texts, numbers, dates and lists.

Everything else is refused. Methods that can make much of little are paid for before they are called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from types import BuiltinMethodType, MethodType
from typing import Any

from jinja2.runtime import BlockReference, LoopContext, Macro, Undefined
from jinja2.sandbox import SandboxedEscapeFormatter, SandboxedFormatter, safe_range
from jinja2.utils import Cycler, Joiner, Namespace

from tillroll.rendering.jinja.budget import (
    CHARACTERS_A_STEP,
    TemplateLimit,
    iterated,
    kept,
    one_deeper,
    pay,
    pay_text,
    weigh,
)
from tillroll.rendering.jinja.operators import pay_for_search, refuse_wide

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "range": safe_range,
    "dict": dict,
    "cycler": Cycler,
    "joiner": Joiner,
    "namespace": Namespace,
}
"""The functions that every template has. Jinja's `lipsum` is left out: an e-mail says the same at every attempt."""

_METHODS_OF_TEXT = """
    capitalize casefold center count endswith find index isalnum isalpha isascii isdecimal isdigit
    islower isnumeric isspace istitle isupper join ljust lower lstrip partition removeprefix
    removesuffix replace rfind rindex rjust rpartition rsplit rstrip split splitlines startswith strip
    swapcase title upper zfill striptags unescape
"""
_TEXT = frozenset(_METHODS_OF_TEXT.split())
_METHODS: tuple[tuple[tuple[type, ...], frozenset[str]], ...] = (
    ((str,), _TEXT),
    ((list, tuple, range), frozenset({"count", "index"})),
    ((dict,), frozenset({"get", "items", "keys", "values"})),
    (
        (date, time),  # a datetime is a date
        frozenset(
            [
                "ctime",
                "date",
                "isocalendar",
                "isoformat",
                "isoweekday",
                "replace",
                "strftime",
                "time",
                "timestamp",
                "weekday",
            ]
        ),
    ),
    ((timedelta,), frozenset({"total_seconds"})),
    ((Decimal,), frozenset({"normalize", "quantize", "to_integral_value"})),
    ((int, float), frozenset({"bit_length", "is_integer"})),
    ((LoopContext,), frozenset({"cycle", "changed"})),
    ((Cycler,), frozenset({"next", "reset"})),
)
_NESTED = (Macro, BlockReference, LoopContext)
_CALL = 10  # steps: Jinja takes as long to call a macro
_OF_JINJA = {"_loop_vars", "_block_vars"}  # arguments that Jinja adds to each call
_LONGEST_FORMAT = 200  # of a date: each part of it becomes at most some dozens of characters


def call(function: Any, do: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function of a template, by `do(function, …)`. Raises `TemplateLimit` if a template may not call it."""
    weigh(args, opaque=True)
    weigh([value for name, value in kwargs.items() if name not in _OF_JINJA], opaque=True)
    if isinstance(function, _NESTED):
        if isinstance(function, LoopContext):
            args = (iterated(args[0]), *args[1:]) if args else args
        pay(_CALL)
        with one_deeper():
            return kept(do(function, *args, **kwargs))
    is_ours = any(function is ours for ours in FUNCTIONS.values())
    if is_ours or isinstance(function, BoundedFormat | Joiner | Undefined):  # the last says what is undefined
        return kept(do(function, *args, **kwargs))
    if isinstance(function, BuiltinMethodType | MethodType):
        owner, name = function.__self__, function.__name__
        if any(isinstance(owner, kinds) and name in names for kinds, names in _METHODS):
            _pay_for_method(owner, name, args)
            return kept(do(function, *args, **kwargs))
        raise TemplateLimit(f"a template can't call {type(owner).__name__}.{name}()")
    raise TemplateLimit(f"a template can't call a {type(function).__name__}")


def _pay_for_method(owner: Any, name: str, args: tuple[Any, ...]) -> None:
    weigh(owner, opaque=True)
    if isinstance(owner, str):
        _pay_for_text(owner, name, args)
    elif isinstance(owner, date | time) and name == "strftime":
        if args and len(str(args[0])) > _LONGEST_FORMAT:
            raise TemplateLimit("the format of a date is too long")
        refuse_wide("".join(map(str, args)))


def _pay_for_text(text: str, name: str, args: tuple[Any, ...]) -> None:
    """Pay for a method of a text: what it searches, and what it makes longer."""
    for wanted in args:
        pay_for_search(text, wanted)
    if name == "join" and args:
        weigh(args[0])
        pay((len(text) + 1) * len(args[0]) // CHARACTERS_A_STEP)
    elif name == "replace" and len(args) > 1:
        pay((len(text) + 1) * len(str(args[1])) // CHARACTERS_A_STEP)
    elif name in {"center", "ljust", "rjust", "zfill"} and args and isinstance(args[0], int):
        pay(max(0, args[0]) // CHARACTERS_A_STEP)
    elif name == "striptags":
        pay((len(text) // 200) ** 2)


class _Bounded:
    """The part of a formatter that pays for each field."""

    def format_field(self, value: Any, format_spec: str) -> Any:
        """Format one field. Raises `TemplateLimit` for a large width or precision."""
        weigh(value)
        refuse_wide(format_spec)
        text = super().format_field(value, format_spec)  # type: ignore[misc] # of the formatter beside this class
        pay_text(len(text))
        return text

    def convert_field(self, value: Any, conversion: Any) -> Any:
        """Convert a field to text, for `{!s}` and `{!r}`."""
        weigh(value)
        return super().convert_field(value, conversion)  # type: ignore[misc] # of the formatter beside this class


class _BoundedFormatter(_Bounded, SandboxedFormatter):
    """Formats a text."""


class _BoundedEscapeFormatter(_Bounded, SandboxedEscapeFormatter):
    """Formats a text of HTML: the values are escaped."""


class BoundedFormat:
    """`text.format` and `text.format_map` of a template."""

    def __init__(self, environment: Any, text: str, *, takes_map: bool) -> None:
        self._text = text
        self._takes_map = takes_map
        escape = getattr(text, "escape", None)  # of Markup
        self._formatter: SandboxedFormatter = (
            _BoundedEscapeFormatter(environment, escape=escape)
            if escape is not None
            else _BoundedFormatter(environment)
        )

    def __call__(self, *args: Any, **kwargs: Any) -> str:
        """Return the text with its fields filled in."""
        pay(len(self._text))
        if self._takes_map:
            (kwargs,), args = args, ()
        return type(self._text)(self._formatter.vformat(self._text, args, kwargs))
