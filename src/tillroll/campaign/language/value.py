"""What a discount is worth to one customer: a figure, a table over one of their figures, or a formula over several.

A formula is arithmetic and nothing else: numbers, the figures below, + - * /, brackets, min, max, round, floor, ceil, and
`a if b > c else d`. It is parsed by Python's own parser and walked node by node; anything else in it is refused where it stands.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal, DecimalException
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from tillroll.campaign.language.money import Amount
from tillroll.campaign.text.units import KeyFault, Number, parse_decimal, shown
from tillroll.campaign.text.words import Words

_CENT = Decimal("0.01")
_LONGEST = 500  # signs of a formula
_DEEPEST = 40


class Figure(StrEnum):
    """What is known of a customer as a number."""

    ORDERS = "orders"
    SPENT = "spent"
    AVERAGE_ORDER = "average_order"
    DAYS_SINCE_LAST_ORDER = "days_since_last_order"
    ORDER_TOTAL = "order_total"  # of the order the event is about
    CART_TOTAL = "cart_total"  # of the cart the event is about


FIGURES = tuple(one.value for one in Figure)
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
    """The text of a formula that can be worked out, or a `ValueError` that says what in it can't."""
    if not isinstance(raw, str):
        raise ValueError(f"{shown(raw)} is not a formula; write it in quotes, like 'min(0.15 * spent, 20)'")
    text = " ".join(raw.split())
    if len(text) > _LONGEST:
        raise ValueError(f"the formula is longer than {_LONGEST} signs")
    _check(_tree(text), 0)
    return text


def _tree(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"{shown(text)} is not a formula; write it like min(0.15 * spent, 20)") from None


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
                f"{shown(ast.unparse(node))} can't stand in a formula: it has numbers, {', '.join(FIGURES)}, + - * /, "
                "min, max, round, floor, ceil, and a if b > c else d"
            )
    for part in parts:
        _check(part, depth + 1)


def work_out(formula: str, figures: Mapping[str, Decimal]) -> Decimal:
    """The formula's value; a figure that isn't known is 0, and so is a division by it."""
    try:
        return _evaluate(_tree(formula), figures)
    except DecimalException:  # over the edge of what Decimal holds: nobody's discount
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
            return _FUNCTIONS[name](*(_evaluate(one, figures) for one in args))
        case ast.IfExp(test=ast.Compare(left=left, ops=[op], comparators=[right]), body=body, orelse=other):
            holds = _COMPARISONS[type(op)](_evaluate(left, figures), _evaluate(right, figures))
            return _evaluate(body if holds else other, figures)
    raise AssertionError("a checked formula has nothing else in it")


Formula = Annotated[str, BeforeValidator(parse_formula)]


class Row(Words):
    """One line of a table: from this figure on, this value."""

    from_: Number = Field(alias="from", ge=0)
    value: Number = Field(gt=0)


class Table(Words):
    """A value by steps over one figure of the customer; below the first step there is no code."""

    by: Figure
    rows: tuple[Row, ...] = Field(min_length=1, max_length=50)

    @model_validator(mode="after")
    def _climbs(self) -> Self:
        starts = [row.from_ for row in self.rows]
        if any(later <= earlier for earlier, later in pairwise(starts)):
            raise KeyFault("rows", "each from: must be more than the one before it")
        return self


class PerCustomer(Words):
    """A value for each customer: a table or a formula, within bounds."""

    table: Table | None = None
    formula: Formula | None = Field(default=None, examples=["min(0.15 * average_order, 20)"])
    at_least: Number = Field(default=_CENT, gt=0, description="Less than this, and there is no code.")
    at_most: Number | None = Field(
        default=None, gt=0, description="Never more than this; a formula needs it."
    )
    step: Number = Field(default=_CENT, ge=_CENT, description="Rounded down to a multiple of this.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.table is None) == (self.formula is None):
            raise ValueError("give either table: or formula:")
        if self.formula is not None and self.at_most is None:
            raise ValueError("a formula needs at_most:, so that the worst case can be told")
        if self.at_most is not None and self.at_most < self.at_least:
            raise KeyFault("at_most", "at_most: is less than at_least:")
        return self

    @property
    def largest(self) -> Decimal:
        """The most it can come to."""
        most = self.at_most
        if self.table is not None:
            top = max(row.value for row in self.table.rows)
            return top if most is None else min(top, most)
        assert most is not None  # noqa: S101 - the model refuses a formula without it
        return most

    def value_for(self, figures: Mapping[str, Decimal]) -> Decimal | None:
        """What it is worth to a customer with these figures; None: too little for a code."""
        if self.table is not None:
            figure = figures.get(self.table.by.value) or Decimal(0)
            fitting = [row.value for row in self.table.rows if row.from_ <= figure]
            found = fitting[-1] if fitting else Decimal(0)
        else:
            found = work_out(self.formula or "0", figures)
        found = min(found, self.largest)
        found -= found % self.step if found > 0 else Decimal(0)
        return found if found >= self.at_least else None


def _form(raw: Any) -> str:
    return "each" if isinstance(raw, dict | PerCustomer) else "all"


Value = Annotated[Annotated[Amount, Tag("all")] | Annotated[PerCustomer, Tag("each")], Discriminator(_form)]
"""A percentage or an amount: one for all, or one for each customer."""
