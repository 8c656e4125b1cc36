"""What a plan says beforehand of its control group: the smallest change that the comparison would most likely show."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.figures.power import smallest_seen
from tillroll.campaign.states import NO_SALE
from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.zones import zone_of
from tillroll.campaign.timing.validity import validity
from tillroll.campaign.timing.window import window_of
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import customers, orders
from tillroll.plan.audience.select import Selection
from tillroll.plan.audience.subject import Subject

_HOPELESS = 0.2  # nobody expects a campaign to make so many more people order


def say_power(engine: Engine, subject: Subject, selection: Selection, now: datetime) -> str:
    """Return which change the report would notice; empty if the run has no control group, or the store no orders.

    Runs about one customer's event are compared all together, so none of them says anything by itself.
    """
    treated, control = selection.count, selection.in_control
    if not control or not treated or subject.makes_pool or subject.only is not None or subject.step > 1:
        return ""
    window = _window(subject, now)
    with reading(engine) as connection:
        share = _share_of_buyers(connection, subject.store.id, now - window, now)
    if not 0 < share < 1:
        return ""
    least = smallest_seen(share=share, treated=treated, control=control)
    groups = (
        f"{count_of(treated, 'recipient')} beside {control:,} held back, and {share * 100:.1f}% of the store's customers "
        f"ordered within the last {count_of(window.days, 'day')}"
    )
    if least > _HOPELESS:
        return f"This run alone is too small to show what it changes: {groups}."
    return (
        f"The report would notice a change of about {least * 100:.1f} orders in 100 people or more: {groups}."
    )


def _window(subject: Subject, now: datetime) -> timedelta:
    """Return how long the orders of the run's people will count."""
    zone = zone_of(subject.store.timezone)
    offers = [offer for offer in subject.offers.values() if offer is not None]
    lengths = [end - start for start, end in (validity(offer.valid, zone, now) for offer in offers)]
    return window_of(subject.revision.campaign, max(lengths, default=None))


def _share_of_buyers(connection: Connection, store_id: int, since: datetime, now: datetime) -> float:
    """Return which share of the store's customers ordered in a time; 0 if it has none."""
    everyone = sa.select(sa.func.count()).select_from(customers).where(customers.c.store_id == store_id)
    in_time = (orders.c.created_at >= since, orders.c.created_at <= now)
    bought = sa.select(sa.func.count(sa.distinct(orders.c.customer_id))).where(
        orders.c.store_id == store_id, *in_time, orders.c.payment_status.not_in(NO_SALE)
    )
    people = connection.scalar(everyone) or 0
    return (connection.scalar(bought) or 0) / people if people else 0.0
