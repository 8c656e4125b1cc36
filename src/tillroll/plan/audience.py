"""Whom a run reaches: the recipients that its segment selects, and why the others of it are left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign import Revision
from tillroll.campaign.figures.holdout import arm_of, held_back
from tillroll.campaign.figures.spread import Spread
from tillroll.campaign.frozen.proposal import RECIPIENT_FIELDS
from tillroll.campaign.language.value import Figure
from tillroll.ledger.engine import streaming
from tillroll.ledger.exposure import left_lately
from tillroll.ledger.tables import customers
from tillroll.plan.segments.query import SegmentQuery
from tillroll.plan.segments.question import ask

FIGURES = (customers.c.orders, customers.c.spent, customers.c.last_order_at)
"""What a value of one's own is worked out from."""

COLUMNS = (*(customers.c[name] for name in RECIPIENT_FIELDS), customers.c.accepts_marketing, *FIGURES)
"""What is read of a customer."""


_HAD = 1 << 15  # beside an exclusion's number


@dataclass(kw_only=True)
class Selection:
    """What selecting an audience found; filled as the recipients are read."""

    matched: int = 0
    excluded: Counter[str] = field(default_factory=Counter)
    count: int = 0
    orders: int = 0
    spent: Decimal = Decimal(0)
    largest_average: Decimal = Decimal(0)
    averages: Spread = field(default_factory=Spread)  # what an order of each costs on average
    arms: Counter[str] = field(default_factory=Counter)  # recipients by arm
    values: dict[str, Decimal] = field(default_factory=dict)  # their own values, added up by arm
    least_value: Decimal | None = None
    most_value: Decimal | None = None

    def take(self, row: sa.Row[Any], arm: str, value: Decimal | None) -> None:
        """Count one recipient in; `value` is their own, if they have one."""
        self.count += 1
        self.orders += row.orders
        self.spent += row.spent
        if row.orders:
            average = row.spent / row.orders
            self.largest_average = max(self.largest_average, average)
            self.averages.add(average, row.orders)
        self.arms[arm] += 1
        if value is not None:
            self.values[arm] = self.values.get(arm, Decimal(0)) + value
            self.least_value = value if self.least_value is None else min(self.least_value, value)
            self.most_value = value if self.most_value is None else max(self.most_value, value)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Whom a run asks for."""

    store_id: int
    revision: Revision
    step: int = 1
    only: int | None = None  # the customer that the run's event happened to
    facts: Mapping[str, Any] = field(default_factory=dict)
    key: bytes  # of the splits
    now: datetime


class Choosing:
    """Who of the customers that a segment selects is a recipient; what is left out is counted by reason in the selection.

    Somebody without consent or address is never a recipient, whatever the segment says.
    """

    def __init__(self, asked: Asked, selection: Selection) -> None:
        self.asked, self.selection = asked, selection
        revision = asked.revision
        self._weights = [(one.name, one.weight) for one in revision.campaign.variants]
        self._offers = {arm: revision.as_run(step=asked.step, arm=arm).offer for arm in revision.arms}
        self.own_values = any(
            one is not None and one.per_customer is not None for one in self._offers.values()
        )

    def recipient(self, row: sa.Row[Any], said: int) -> dict[str, Any] | None:
        """One customer of the segment as a recipient, or None; `said`: what `Segmented.every` says of them."""
        self.selection.matched += 1
        arm = self._arm(row.customer_id)
        reason = _left_out(row, self.asked, said, self.selection.count)
        value = None
        if not reason and self.own_values:
            value, reason = self._value(row, arm)
        if reason:
            self.selection.excluded[reason] += 1
            return None
        self.selection.take(row, arm, value)
        return {**{name: getattr(row, name) for name in RECIPIENT_FIELDS}, "arm": arm, "value": value}

    def counts(self, row: sa.Row[Any]) -> bool:
        """Whether somebody whom the query leaves in is a recipient too, the limit aside."""
        name, share = self.asked.revision.name, self.asked.revision.campaign.who.holdout
        if held_back(campaign=name, customer_id=row.customer_id, share=share, key=self.asked.key):
            return False
        return not self.own_values or not self._value(row, self._arm(row.customer_id))[1]

    def _arm(self, customer_id: int) -> str:
        name, key = self.asked.revision.name, self.asked.key
        return arm_of(campaign=name, customer_id=customer_id, arms=self._weights, key=key)

    def _value(self, row: sa.Row[Any], arm: str) -> tuple[Decimal | None, str]:
        """Their own value of the discount, and why they get none."""
        offer = self._offers[arm]
        if offer is None or offer.per_customer is None:
            return None, ""
        value = offer.per_customer.value_for(figures_of(row, self.asked.facts, self.asked.now))
        return value, "too little for a code" if value is None else ""


class Segmented:
    """The query that a run's segment and exclusions come to, on one connection."""

    def __init__(self, connection: Connection, asked: Asked) -> None:
        revision = asked.revision
        who, segments = revision.campaign.who, revision.segments
        asked_for = [segments[one] for one in (*who.exclude, *([who.segment] if who.segment else []))]
        question = ask(
            connection,
            store_id=asked.store_id,
            segments=asked_for,
            lists=revision.lists,
            now=asked.now,
            only=asked.only,
        )
        self._asking = SegmentQuery(question)
        self._excluded = [self._asking.flag(segments[one]) for one in who.exclude]
        self._chosen = self._asking.matches(segments[who.segment]) if who.segment else sa.true()
        most = revision.guardrails.messages_per_person_per_week
        self._had = sa.false() if most is None else _had_lately(asked) >= most

    def every(self, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
        """Who is in the segment, by their ids: these columns of them, and as `said` the first exclusion they are in, counted
        from 1, and whether they had as many e-mails as they may."""
        cases = [(flag, index) for index, flag in enumerate(self._excluded, start=1)]
        out = sa.case(*cases, else_=0) if cases else sa.literal(0)
        said = (out + sa.case((self._had, _HAD), else_=0)).label("said")
        query = sa.select(*columns, said).select_from(self._asking.source)
        return query.where(self._asking.whose, self._chosen).order_by(customers.c.customer_id)

    def left_in(self, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
        """Those of them whom nothing that the database knows leaves out."""
        query = sa.select(*columns).select_from(self._asking.source)
        return query.where(
            self._asking.whose,
            self._chosen,
            *(sa.not_(flag) for flag in self._excluded),
            customers.c.accepts_marketing.is_(sa.true()),
            customers.c.email.contains("@"),
            sa.not_(self._had),
        ).order_by(customers.c.customer_id)


def select_recipients(connection: Connection, asked: Asked, selection: Selection) -> Iterator[dict[str, Any]]:
    """The recipients in the order of their customer ids, one at a time; what is left out is counted by reason."""
    choosing = Choosing(asked, selection)
    with streaming(connection, Segmented(connection, asked).every(*COLUMNS)) as rows:
        for row in rows:
            recipient = choosing.recipient(row, row.said)
            if recipient is not None:
                yield recipient


def _had_lately(asked: Asked) -> sa.ScalarSelect[Any]:
    """How many e-mails a customer had in the last 7 days."""
    customer = customers.c.customer_id
    return left_lately(sa.func.count(), store_id=asked.store_id, customer=customer, now=asked.now)


def figures_of(row: sa.Row[Any], facts: Mapping[str, Any], now: datetime) -> dict[str, Decimal]:
    """What a formula or a table may ask of a customer; `facts` are those of the event, if one happened."""
    found = {Figure.ORDERS: Decimal(row.orders), Figure.SPENT: Decimal(row.spent)}
    if row.orders:
        found[Figure.AVERAGE_ORDER] = Decimal(row.spent) / row.orders
    if row.last_order_at is not None:
        found[Figure.DAYS_SINCE_LAST_ORDER] = Decimal((now - row.last_order_at).days)
    for figure, name in ((Figure.ORDER_TOTAL, "order"), (Figure.CART_TOTAL, "cart")):
        if name in facts:
            found[figure] = Decimal(str(facts[name]["total"]))
    return {figure.value: number for figure, number in found.items()}


def _left_out(row: sa.Row[Any], asked: Asked, said: int, so_far: int) -> str:
    """Why a customer of the segment gets nothing; empty when they do."""
    who = asked.revision.campaign.who
    if out := said & ~_HAD:
        return f"in {who.exclude[out - 1]}"
    if row.accepts_marketing is not True:
        return "no consent to e-mails"
    if "@" not in row.email:
        return "no e-mail address"
    if said & _HAD:
        most = asked.revision.guardrails.messages_per_person_per_week or 0
        return f"had {most} e-mail{'s' if most > 1 else ''} in the last 7 days"
    name = asked.revision.name
    if held_back(campaign=name, customer_id=row.customer_id, share=who.holdout, key=asked.key):
        return "held back to compare with"
    if who.limit is not None and so_far >= who.limit:
        return f"over the limit of {who.limit}"
    return ""
