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
from tillroll.campaign.language.value import Figure
from tillroll.ledger.engine import streaming
from tillroll.ledger.exposure import left_lately
from tillroll.ledger.tables import customers
from tillroll.plan.segments.query import SegmentQuery
from tillroll.plan.segments.question import ask


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


def select_recipients(connection: Connection, asked: Asked, selection: Selection) -> Iterator[dict[str, Any]]:
    """The recipients in the order of their customer ids, one at a time; what is left out is counted by reason.

    Somebody without consent or address is never a recipient, whatever the segment says.
    """
    revision, now = asked.revision, asked.now
    who, segments = revision.campaign.who, revision.segments
    asked_for = [segments[one] for one in (*who.exclude, *([who.segment] if who.segment else []))]
    question = ask(
        connection,
        store_id=asked.store_id,
        segments=asked_for,
        lists=revision.lists,
        now=now,
        only=asked.only,
    )
    asking = SegmentQuery(question)
    excluded = [asking.flag(segments[one]).label(f"x_{i}") for i, one in enumerate(who.exclude)]
    chosen = asking.matches(segments[who.segment]) if who.segment else sa.true()
    most = revision.guardrails.messages_per_person_per_week
    had = sa.null() if most is None else _had_lately(asked)
    query = sa.select(customers, *excluded, had.label("had")).select_from(asking.source)
    query = query.where(asking.whose, chosen)
    weights = [(one.name, one.weight) for one in revision.campaign.variants]
    offers = {arm: revision.as_run(step=asked.step, arm=arm).offer for arm in revision.arms}
    with streaming(connection, query.order_by(customers.c.customer_id)) as rows:
        for row in rows:
            selection.matched += 1
            arm = arm_of(campaign=revision.name, customer_id=row.customer_id, arms=weights, key=asked.key)
            offer, value = offers[arm], None
            reason = _left_out(row, asked, selection.count)
            if not reason and offer is not None and offer.per_customer is not None:
                value = offer.per_customer.value_for(figures_of(row, asked.facts, now))
                reason = "too little for a code" if value is None else ""
            if reason:
                selection.excluded[reason] += 1
                continue
            selection.take(row, arm, value)
            yield {
                "customer_id": row.customer_id,
                "email": row.email,
                "name": row.name,
                "first_name": row.first_name,
                "language": row.language,
                "country": row.country,
                "arm": arm,
                "value": value,
            }


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


def _left_out(row: sa.Row[Any], asked: Asked, so_far: int) -> str:
    """Why a customer of the segment gets nothing; empty when they do."""
    who = asked.revision.campaign.who
    for index, excluded in enumerate(who.exclude):
        if getattr(row, f"x_{index}"):
            return f"in {excluded}"
    if row.accepts_marketing is not True:
        return "no consent to e-mails"
    if "@" not in row.email:
        return "no e-mail address"
    most = asked.revision.guardrails.messages_per_person_per_week
    if most is not None and row.had >= most:
        return f"had {most} e-mail{'s' if most > 1 else ''} in the last 7 days"
    name = asked.revision.name
    if held_back(campaign=name, customer_id=row.customer_id, share=who.holdout, key=asked.key):
        return "held back to compare with"
    if who.limit is not None and so_far >= who.limit:
        return f"over the limit of {who.limit}"
    return ""
