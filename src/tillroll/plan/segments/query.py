"""A segment as one SQL query over the ledger's mirror, the same on SQLite and PostgreSQL.

A condition on a column of the customer's own row is a comparison. A condition on other tables (what they bought, got, used,
marked) is a set of customer ids that is computed once (`ledger/bulk/id_sets.py`), also under `not:` and `any:`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from tillroll.campaign.segments.conditions import Count, Moment, Score, Scores, Spent, Sum
from tillroll.campaign.segments.lists import fold_address
from tillroll.campaign.segments.scores import FIFTHS, HUNDREDTHS
from tillroll.campaign.segments.segment import Condition, Segment
from tillroll.ledger.bulk.id_sets import Sets
from tillroll.ledger.folding import folded
from tillroll.ledger.tables import customers
from tillroll.plan.segments import codes as segment_codes
from tillroll.plan.segments import sets as segment_sets
from tillroll.plan.segments.question import Question

Clause = sa.ColumnElement[bool]


class SegmentQuery:
    """Segments that are queried together, over one `customers`; equal conditions are computed once."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self._sets = Sets.on(question.dialect, customers.c.customer_id)

    def matches(self, segment: Segment) -> Clause:
        """Return a segment as a condition for `where`. It is null where data is missing, which counts as no match."""
        return self._condition(segment.where)

    def flag(self, segment: Segment) -> Clause:
        """Return whether a customer is in the segment, as a column that is never null."""
        return sa.func.coalesce(self._condition(segment.where), sa.false())

    @property
    def source(self) -> sa.FromClause:
        """What to select from, after `matches` and `flag` were called for all segments."""
        return self._sets.joined_to(customers)

    @property
    def scope(self) -> Clause:
        """The condition for all customers of the store, or for the one customer that the question is limited to."""
        of_store = customers.c.store_id == self.question.store_id
        only = self.question.only
        return of_store if only is None else sa.and_(of_store, customers.c.customer_id == only)

    def _condition(self, condition: Condition) -> Clause:
        name, value = condition.only_key
        if name == "all":
            return sa.and_(*(self._condition(part) for part in value))
        if name == "any":
            return sa.or_(*(self._condition(part) for part in value))
        if name == "not_":
            # null is no match, so it matches the opposite
            return sa.not_(sa.func.coalesce(self._condition(value), sa.false()))
        if name in _OWN:
            return _OWN[name](value, self.question)
        if name in {"orders", "spent"}:
            return self._bounded(name, value)
        return self._in(name, value, _SETS[name])

    def _bounded(self, name: str, bounds: Count | Spent) -> Clause:
        """Compare orders or money: the store's own total, or the sum over the orders of a period."""
        if bounds.within is None:
            return _between(customers.c[name], bounds)
        if not bounds.at_least and bounds.at_most is None:
            return sa.true()
        figure = segment_sets.ordered if name == "orders" else segment_sets.paid
        if bounds.at_least:
            return self._in(name, bounds, figure)
        # customers without an order in that period are within the bounds too: so all except those above
        return sa.not_(self._in(name, bounds, figure))

    def _in(self, name: str, value: Any, query: Callable[[Any, Question], sa.Select[Any]]) -> Clause:
        return self._sets.among((name, value), query(value, self.question))


def _between(column: sa.ColumnElement[Any], bounds: Count | Sum) -> Clause:
    parts: list[Clause] = []
    if bounds.at_least is not None:
        parts.append(column >= bounds.at_least)
    if bounds.at_most is not None:
        parts.append(column <= bounds.at_most)
    return sa.and_(*parts)


def _average(bounds: Sum, _question: Question) -> Clause:
    """Compare the average order without a division: the amount spent with the bound times the number of orders."""
    parts: list[Clause] = [customers.c.orders > 0]
    spent = sa.type_coerce(customers.c.spent, sa.BigInteger)
    for bound, compare in ((bounds.at_least, "ge"), (bounds.at_most, "le")):
        if bound is not None:
            product = customers.c.orders * sa.literal(int(bound * 10_000), sa.BigInteger)
            parts.append(spent >= product if compare == "ge" else spent <= product)
    return sa.and_(*parts)


def _when(column: sa.Column[datetime]) -> Callable[[Moment, Question], Clause]:
    def clause(moment: Moment, question: Question) -> Clause:
        if moment.never:
            return column.is_(None)
        parts: list[Clause] = []
        if moment.more_than is not None:
            parts.append(column < _back(question, moment.more_than))
        if moment.less_than is not None:
            parts.append(column > _back(question, moment.less_than))
        return sa.and_(*parts)

    return clause


def _back(question: Question, length: timedelta) -> datetime:
    return question.now - length


def _one_of(column: sa.Column[str]) -> Callable[[Any, Question], Clause]:
    return lambda names, _question: column.in_(names.in_)


def _place(column: sa.Column[str]) -> Callable[[Any, Question], Clause]:
    return lambda names, _question: folded(column).in_([fold_address(name) for name in names.in_])


def _consent(agreed: bool, _question: Question) -> Clause:
    return customers.c.accepts_marketing.is_(sa.true() if agreed else sa.false())


def _scores(scores: Scores, question: Question) -> Clause:
    """Compare each figure with the boundaries between scores (`campaign/segments/scores.py`); no order, no score."""
    marks = question.marks
    if marks is None:
        return sa.false()
    parts: list[Clause] = [customers.c.orders > 0, customers.c.last_order_at.is_not(None)]
    for score, column, fifths, hundredths in (
        (scores.recency, customers.c.last_order_at, marks.recency, marks.recency_hundredths),
        (scores.frequency, customers.c.orders, marks.frequency, marks.frequency_hundredths),
        (scores.monetary, customers.c.spent, marks.monetary, marks.monetary_hundredths),
    ):
        if score is not None and score.top is not None:
            parts.append(
                column > hundredths[HUNDREDTHS - 1 - int(score.top * 100)] if hundredths else sa.false()
            )
        elif score is not None:
            parts += _score(score, column, fifths)
    return sa.and_(*parts)


def _score(score: Score, column: sa.Column[Any], boundaries: tuple[Any, ...]) -> list[Clause]:
    if not boundaries:
        return [sa.false()]
    least, most = score.at_least or 1, score.at_most or FIFTHS
    parts: list[Clause] = []
    if least > 1:
        parts.append(column > boundaries[least - 2])
    if most < FIFTHS:
        parts.append(column <= boundaries[most - 1])
    return parts


_OWN: Mapping[str, Callable[[Any, Question], Clause]] = {
    "average_order": _average,
    "first_order": _when(customers.c.first_order_at),
    "last_order": _when(customers.c.last_order_at),
    "registered": _when(customers.c.registered_at),
    "rfm": _scores,
    "accepts_marketing": _consent,
    "country": _one_of(customers.c.country),
    "language": _one_of(customers.c.language),
    "group": _one_of(customers.c.group_name),
    "region": _place(customers.c.region),
    "city": _place(customers.c.city),
}
_SETS: Mapping[str, Callable[[Any, Question], sa.Select[Any]]] = {
    "bought": segment_sets.bought,
    "field": segment_sets.field,
    "tier": segment_sets.tiered,
    "favourite": segment_sets.favourite,
    "reviewed": segment_sets.reviewed,
    "list": segment_sets.listed,
    "got_email": segment_codes.got_email,
    "got_code": segment_codes.got_code,
    "used_code": segment_codes.used_code,
    "ignored_code": segment_codes.ignored_code,
}
