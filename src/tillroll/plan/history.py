"""What a plan's cost is computed from: the orders of the audience, and the uptake of earlier runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.figures.uptake import EarlierRun, Uptake, uptake
from tillroll.campaign.language.models import Offer, OfferKind
from tillroll.campaign.states import RunState
from tillroll.campaign.text.money import smallest_unit
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.plans import load_revision
from tillroll.ledger.tables import customers, plans, redemptions, runs
from tillroll.plan import decide
from tillroll.plan.audience.select import Selection
from tillroll.plan.audience.subject import Subject

_MOST_OWN, _MOST_SIMILAR = 1_000, 200
"""How many of the latest runs are read: of the campaign itself, and of others with a similar offer."""

_QUARTER, _THREE_QUARTERS = Decimal("0.25"), Decimal("0.75")


def figures_by_arm(
    engine: Engine,
    subject: Subject,
    offers: Mapping[str, Offer | None],
    selection: Selection,
    *,
    now: datetime,
) -> dict[str, decide.Figures]:
    """Return the figures that each arm's cost is computed from."""
    with reading(engine) as connection:
        baskets = _baskets(connection, subject.store.id, selection)
        uptakes = {arm: _uptake(connection, subject, offer, now) for arm, offer in offers.items()}
    figures, unit = {}, smallest_unit(subject.store.currency)
    for arm, offer in offers.items():
        count = selection.arms[arm]
        value = offer.applied(None, unit).fixed_value if offer is not None else None
        fixed = value * count if value is not None else Decimal(0)
        figures[arm] = decide.Figures(
            currency=subject.store.currency,
            codes=count,
            values=selection.values.get(arm, fixed),
            largest_average_order=selection.largest_average,
            baskets=baskets,
            uptake=uptakes[arm],
        )
    return figures


def _baskets(connection: Connection, store_id: int, selection: Selection) -> decide.Baskets | None:
    """Return what an order costs: in the audience, else in the store; None if nobody ever ordered."""
    if selection.orders:
        average = selection.spent / selection.orders
        low, high = (selection.averages.quantile(share) or average for share in (_QUARTER, _THREE_QUARTERS))
        return decide.Baskets(
            low=min(low, average), average=average, high=max(high, average), of_audience=True
        )
    everyone = sa.select(sa.func.sum(customers.c.orders), sa.func.sum(customers.c.spent))
    orders, spent = connection.execute(everyone.where(customers.c.store_id == store_id)).one()
    if not orders:
        return None
    average = Decimal(spent) / int(orders)
    return decide.Baskets(low=average, average=average, high=average, of_audience=False)


def _uptake(connection: Connection, subject: Subject, offer: Offer | None, now: datetime) -> Uptake:
    """Return how many of an arm's codes will be used, judging by runs whose codes have expired."""
    name = runs.c.campaign
    own = _ended(subject, now).where(name == subject.revision.name, runs.c.step == subject.step)
    others = _ended(subject, now).where(name != subject.revision.name)
    kind = offer.coupon_kind if offer is not None else None
    return uptake(
        [run.uptake() for run in _read(connection, own.limit(_MOST_OWN))],
        list(_with_similar_offers(connection, others.limit(_MOST_SIMILAR), kind)),
    )


def _ended(subject: Subject, now: datetime) -> sa.Select[Any]:
    """Select the runs of the store whose codes have expired, the latest first, with how many they gave and how many were used."""
    used = sa.select(sa.func.count()).where(redemptions.c.run_id == runs.c.id).scalar_subquery().label("used")
    return (
        sa.select(plans.c.revision_id, runs.c.step, plans.c.code_count, plans.c.audience_count, used)
        .join(plans, plans.c.id == runs.c.plan_id)
        .where(
            runs.c.store_id == subject.store.id,
            runs.c.state.in_((RunState.TRACKING, RunState.DONE)),
            runs.c.valid_until <= now,
            plans.c.code_count > 0,
        )
        .order_by(runs.c.id.desc())
    )


def _with_similar_offers(
    connection: Connection, query: sa.Select[Any], kind: OfferKind | None
) -> Iterator[EarlierRun]:
    """Yield the runs whose offer is of the same kind."""
    for run in _read(connection, query):
        offer = load_revision(connection, run.revision_id).as_run(step=run.step).offer
        if offer is not None and offer.coupon_kind is kind:
            yield run.uptake()


@dataclass(frozen=True, kw_only=True)
class _EndedRun:
    """A run whose codes have expired."""

    revision_id: int
    step: int
    code_count: int
    audience_count: int
    used: int  # how many redemptions its codes had

    def uptake(self) -> EarlierRun:
        """Return how many codes it gave and how many were used; a shared code is one code that everybody got."""
        return EarlierRun(given=max(self.code_count, self.audience_count), used=self.used)


def _read(connection: Connection, query: sa.Select[Any]) -> list[_EndedRun]:
    return [_EndedRun(**row._mapping) for row in connection.execute(query)]
