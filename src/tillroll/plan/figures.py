"""What the ledger knows of the past, for a plan's money: orders of the audience, and how earlier runs went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.figures.uptake import Earlier, Uptake, uptake
from tillroll.campaign.language.models import Offer, OfferKind
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import reading
from tillroll.ledger.plans import load_revision
from tillroll.ledger.tables import customers, plans, redemptions, runs
from tillroll.plan import decide
from tillroll.plan.audience import Selection
from tillroll.plan.subject import Subject

_OWN, _ALIKE = 1_000, 200
"""So many of the latest runs are looked at: those of the campaign, and those of others."""

_QUARTER, _THREE_QUARTERS = Decimal("0.25"), Decimal("0.75")


def figures_by_arm(
    engine: Engine,
    subject: Subject,
    offers: Mapping[str, Offer | None],
    selection: Selection,
    *,
    now: datetime,
) -> dict[str, decide.Figures]:
    """The figures that each arm's cost is worked out from."""
    with reading(engine) as connection:
        baskets = _baskets(connection, subject.store.id, selection)
        used = {arm: _uptake(connection, subject, offer, now) for arm, offer in offers.items()}
    found = {}
    for arm, offer in offers.items():
        count = selection.arms[arm]
        same = (
            offer.fixed_value * count if offer is not None and offer.fixed_value is not None else Decimal(0)
        )
        found[arm] = decide.Figures(
            currency=subject.store.currency,
            codes=count,
            values=selection.values.get(arm, same),
            largest_average_order=selection.largest_average,
            baskets=baskets,
            uptake=used[arm],
        )
    return found


def _baskets(connection: Connection, store_id: int, selection: Selection) -> decide.Baskets | None:
    """What orders cost: the audience's own, else the store's; None when nobody ever ordered."""
    if selection.orders:
        average = selection.spent / selection.orders
        low, high = (selection.averages.ends(share) or average for share in (_QUARTER, _THREE_QUARTERS))
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
    """How many of an arm's codes will be used, by the runs whose codes have expired."""
    name = runs.c.campaign
    own = _ended(subject, now).where(name == subject.revision.name, runs.c.step == subject.step)
    alike = _ended(subject, now).where(name != subject.revision.name)
    kind = offer.kind if offer is not None else None
    return uptake(
        [_earlier(row) for row in connection.execute(own.limit(_OWN))],
        list(_with_offers_like(connection, alike.limit(_ALIKE), kind)),
    )


def _ended(subject: Subject, now: datetime) -> sa.Select[Any]:
    """Runs of the store that gave codes which no longer work, the latest first: what they gave, and what was used."""
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


def _with_offers_like(
    connection: Connection, query: sa.Select[Any], kind: OfferKind | None
) -> Iterator[Earlier]:
    for row in connection.execute(query).all():
        offer = load_revision(connection, row.revision_id).as_run(step=row.step).offer
        if offer is not None and offer.kind is kind:
            yield _earlier(row)


def _earlier(row: sa.Row[Any]) -> Earlier:
    """A shared code is one code, given to everybody."""
    return Earlier(given=max(row.code_count, row.audience_count), used=row.used)
