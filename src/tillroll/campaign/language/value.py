"""The value of a discount: one number, or one per customer from a table or a formula over the customer's figures.

A formula is plain arithmetic: numbers, the figures below, + - * /, brackets, min, max, round, floor, ceil, and
`a if b > c else d`. Python's parser reads it and every node is checked; anything else is refused.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal, DecimalException
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from tillroll.campaign.text.block import Block
from tillroll.campaign.text.money import Amount, Limit
from tillroll.campaign.text.units import KeyFault, Number, parse_decimal, show_value

_CENT = Decimal("0.01")
_LONGEST = 500  # characters of a formula
_DEEPEST = 40


class Figure(StrEnum):
    """A number known about a customer."""

    ORDERS = "orders"
    SPENT = "spent"
    AVERAGE_ORDER = "average_order"
    DAYS_SINCE_LAST_ORDER = "days_since_last_order"
    ORDER_TOTAL = "order_total"  # of the event's order
    CART_TOTAL = "cart_total"  # of the event's cart


FIGURES = tuple(figure.value for figure in Figure)
_FUNCTIONS: Mapping[str, Callable[..., Decimal]] = {
    "min": min,
    "max": max,
    "round": lambda number: number.to_integral_value(ROUND_HALF_UP),
    "floor": lambda number: number.__floor__() * Decimal(1),
    "ceil": lambda number: number.__ceil__() * Decimal(1),
}
_OPERATORS: Mapping[type[ast.AST], Callable[[Decimal, Decimal], Decimal]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.Div: lambda left, right: left / right if right else Decimal(0),
}
_COMPARISONS: Mapping[type[ast.AST], Callable[[Decimal, Decimal], bool]] = {
    ast.Lt: lambda left, right: left < right,
    ast.LtE: lambda left, right: left <= right,
    ast.Gt: lambda left, right: left > right,
    ast.GtE: lambda left, right: left >= right,
    ast.Eq: lambda left, right: left == right,
}


def parse_formula(raw: Any) -> str:
    """Return a valid formula with normalised blanks; `ValueError` says what is wrong with it."""
    if not isinstance(raw, str):
        raise ValueError(
            f"{show_value(raw)} is not a formula; write it in quotes, like 'min(0.15 * spent, 20)'"
        )
    text = " ".join(raw.split())
    if len(text) > _LONGEST:
        raise ValueError(f"the formula is longer than {_LONGEST} characters")
    _check(_tree(text), 0)
    return text


def _tree(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(
            f"{show_value(text)} is not a formula; write it like min(0.15 * spent, 20)"
        ) from None


def _check(node: ast.expr, depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError("the formula is nested too deeply")
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            parse_decimal(number)
            return
        case ast.Name(id=name):
            if name not in FIGURES:
                raise ValueError(f"there is no figure {name!r}; there are {', '.join(FIGURES)}")
            return
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            parts = [operand]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            parts = [left, right]
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            most = 1 if name in {"round", "floor", "ceil"} else 20
            if not 1 <= len(args) <= most:
                raise ValueError(f"{name}() takes {'one value' if most == 1 else 'one value or more'}")
            parts = args
        case ast.IfExp(
            test=ast.Compare(left=left, ops=[op], comparators=[right]), body=body, orelse=other
        ) if type(op) in _COMPARISONS:
            parts = [left, right, body, other]
        case _:
            raise ValueError(
                f"{show_value(ast.unparse(node))} is not allowed in a formula: use numbers, {', '.join(FIGURES)}, + - * /, "
                "min, max, round, floor, ceil, and a if b > c else d"
            )
    for part in parts:
        _check(part, depth + 1)


def evaluate_formula(formula: str, figures: Mapping[str, Decimal]) -> Decimal:
    """Return the value of a checked formula; an unknown figure counts as 0, and so does a division by 0."""
    try:
        return _evaluate(_tree(formula), figures)
    except DecimalException:  # more than Decimal can hold
        return Decimal(0)


def _evaluate(node: ast.expr, figures: Mapping[str, Decimal]) -> Decimal:
    match node:
        case ast.Constant(value=number):
            return Decimal(str(number))
        case ast.Name(id=name):
            return figures.get(name) or Decimal(0)
        case ast.UnaryOp(op=op, operand=operand):
            value = _evaluate(operand, figures)
            return -value if isinstance(op, ast.USub) else value
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_evaluate(left, figures), _evaluate(right, figures))
        case ast.Call(func=ast.Name(id=name), args=args):
            return _FUNCTIONS[name](*(_evaluate(arg, figures) for arg in args))
        case ast.IfExp(test=ast.Compare(left=left, ops=[op], comparators=[right]), body=body, orelse=other):
            holds = _COMPARISONS[type(op)](_evaluate(left, figures), _evaluate(right, figures))
            return _evaluate(body if holds else other, figures)
    raise AssertionError("a checked formula has no other nodes")


Formula = Annotated[str, BeforeValidator(parse_formula)]


class Row(Block):
    """One line of a table: the value from a figure on."""

    from_: Number = Field(alias="from", ge=0)
    value: Number = Field(gt=0)


class Table(Block):
    """A value that depends on one figure of the customer; below the first row, there is no code."""

    by: Figure
    rows: tuple[Row, ...] = Field(min_length=1, max_length=50)

    @model_validator(mode="after")
    def _climbs(self) -> Self:
        starts = [row.from_ for row in self.rows]
        if any(later <= earlier for earlier, later in pairwise(starts)):
            raise KeyFault("rows", "each from: must be more than the previous one")
        return self


class PerCustomer(Block):
    """A value for each customer, from a table or a formula, within limits."""

    meant: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(
            ("percent", "percentage", "rate", "share"),
            "for a percentage of at most an amount, write in offer: kind: percent, value: 15 and at_most: 30",
        ),
        **dict.fromkeys(
            ("cap", "max", "maximum", "limit", "up_to", "upto"), "write at_most: for the highest value"
        ),
        **dict.fromkeys(("min", "minimum"), "write at_least: for the lowest value"),
        **dict.fromkeys(
            ("round", "rounding", "round_to", "multiple_of"), "write step: with the amount to round down to"
        ),
    }

    table: Table | None = None
    formula: Formula | None = Field(default=None, examples=["min(0.15 * average_order, 20)"])
    at_least: Limit = Field(default=_CENT, gt=0, description="Customers whose value is lower get no code.")
    at_most: Limit | None = Field(
        default=None,
        gt=0,
        description="The highest value; required with a formula. Of a percentage, it is written with its sign.",
        examples=[20, "20%"],
    )
    step: Number = Field(
        default=_CENT, ge=_CENT, description="Values are rounded down to a multiple of this."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.table is None) == (self.formula is None):
            raise ValueError("give either table: or formula:")
        if self.formula is not None and self.at_most is None:
            raise ValueError("a formula needs at_most:, so that the worst case is known")
        if self.at_most is not None and self.at_most < self.at_least:
            raise KeyFault("at_most", "at_most: is less than at_least:")
        return self

    @property
    def largest(self) -> Decimal:
        """The largest value that any customer can get."""
        most = None if self.at_most is None else Decimal(self.at_most)
        if self.table is not None:
            top = max(row.value for row in self.table.rows)
            return top if most is None else min(top, most)
        assert most is not None  # noqa: S101 - the model refuses a formula without it
        return most

    @property
    def limits(self) -> Iterator[tuple[str, Decimal]]:
        """The limits that the file gives, each with its key."""
        for name in ("at_least", "at_most"):
            if name in self.model_fields_set and getattr(self, name) is not None:
                yield name, getattr(self, name)

    def amounts(self) -> Iterator[tuple[str, Decimal | None]]:
        """Yield the values that the file gives, each with its key."""
        for name in ("at_least", "at_most", "step"):
            if name in self.model_fields_set:
                yield f"value.{name}", getattr(self, name)
        for index, row in enumerate(self.table.rows if self.table is not None else ()):
            yield f"value.table.rows[{index}].value", row.value

    def value_for(self, figures: Mapping[str, Decimal], unit: Decimal | None = None) -> Decimal | None:
        """Return the value for a customer with these figures; None if it is too small for a code.

        `unit` is the currency's smallest, for an amount: the value is rounded down to a multiple of it too.
        """
        if self.table is not None:
            figure = figures.get(self.table.by.value) or Decimal(0)
            fitting = [row.value for row in self.table.rows if row.from_ <= figure]
            value = fitting[-1] if fitting else Decimal(0)
        else:
            value = evaluate_formula(self.formula or "0", figures)
        value = min(value, self.largest)
        for step in (self.step, *((unit,) if unit is not None else ())):
            value -= value % step if value > 0 else Decimal(0)
        return value if value >= self.at_least else None


def _form(raw: Any) -> str:
    return "each" if isinstance(raw, dict | PerCustomer) else "all"


Value = Annotated[Annotated[Amount, Tag("all")] | Annotated[PerCustomer, Tag("each")], Discriminator(_form)]
"""A percentage or an amount: one for all customers, or one for each."""
