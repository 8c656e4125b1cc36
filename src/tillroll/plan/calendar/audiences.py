"""Whom each campaign would reach now, and how the campaigns meet: all of them in one look at the customers.

A look reads so many customers at most; of a larger store it takes an even sample.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign import Revision
from tillroll.campaign.figures.holdout import arm_of, held_back
from tillroll.ledger.engine import streaming
from tillroll.ledger.tables import customers
from tillroll.plan.audience import Selection, figures_of
from tillroll.plan.freeze import split_key
from tillroll.plan.segments.query import SegmentQuery
from tillroll.plan.segments.question import ask

MOST_LOOKED_AT = 200_000
"""Customers that one look reads."""

_MIX, _PRIME = 7_919, 104_729  # an even sample, whatever pattern the store's numbers have


@dataclass(kw_only=True)
class Reached:
    """One campaign's audience as it comes together."""

    revision: Revision
    wanted: int  # bits of the segments it asks for
    barred: int  # bits of those it leaves out
    arms: list[tuple[str, int]]
    selection: Selection = field(default_factory=Selection)


def look_at_all(
    connection: Connection, store: sa.Row[Any], revisions: Sequence[Revision], now: datetime, most: int
) -> tuple[dict[str, Reached], dict[frozenset[str], int], int]:
    """Every audience, and how they overlap, in one pass over those who may be reached."""
    here = customers.c.store_id == store.id
    one_in = -(-int(connection.scalar(sa.select(sa.func.count()).where(here)) or 0) // most) or 1
    segments = {name: one for revision in revisions for name, one in revision.segments.items()}
    bit = {name: 1 << place for place, name in enumerate(segments)}
    audiences = {one.name: _audience(one, bit) for one in revisions if one.campaign.who.segment}
    lists = {name: one for revision in revisions for name, one in revision.lists.items()}
    asking = SegmentQuery(
        ask(connection, store_id=store.id, segments=segments.values(), lists=lists, now=now)
    )
    columns = [asking.flag(one).label(f"in_{bit[name]}") for name, one in segments.items()]
    query = sa.select(customers, *columns).select_from(asking.source)
    query = query.where(here, customers.c.accepts_marketing.is_(sa.true()), customers.c.email.contains("@"))
    if one_in > 1:
        query = query.where(customers.c.customer_id * _MIX % _PRIME % one_in == 0)
    overlaps: Counter[frozenset[str]] = Counter()

    @lru_cache(maxsize=10_000)
    def asked(segments_of_one: int) -> tuple[Reached, ...]:
        return tuple(
            one
            for one in audiences.values()
            if segments_of_one & one.wanted == one.wanted and not segments_of_one & one.barred
        )

    key, first = split_key(store.ecwid_id), len(customers.c)
    with streaming(connection, query.order_by(customers.c.customer_id)) as rows:
        for row in rows:
            theirs = sum(1 << place for place, inside in enumerate(row[first:]) if inside)
            reached = [one for one in asked(theirs) if _take(one, row, key, one_in, now)]
            if reached:
                overlaps[frozenset(one.revision.name for one in reached)] += 1
    for audience in audiences.values():
        _scale(audience.selection, one_in)
    return audiences, {names: people * one_in for names, people in overlaps.items()}, one_in


def _audience(revision: Revision, bit: Mapping[str, int]) -> Reached:
    who = revision.campaign.who
    barred = sum(bit[name] for name in set(who.exclude))
    arms = [(one.name, one.weight) for one in revision.campaign.variants]
    return Reached(revision=revision, wanted=bit[who.segment or ""], barred=barred, arms=arms)


def _take(audience: Reached, row: sa.Row[Any], key: bytes, one_in: int, now: datetime) -> bool:
    """Count a customer of the segment in, unless they are held back or too many: as a plan would."""
    revision, selection = audience.revision, audience.selection
    campaign, customer = revision.campaign, row.customer_id
    if campaign.who.limit is not None and selection.count * one_in >= campaign.who.limit:
        return False
    if held_back(campaign=revision.name, customer_id=customer, share=campaign.who.holdout, key=key):
        return False
    arm = arm_of(campaign=revision.name, customer_id=customer, arms=audience.arms, key=key)
    offer, value = revision.as_run(arm=arm).offer, None
    if offer is not None and offer.per_customer is not None:
        value = offer.per_customer.value_for(figures_of(row, {}, now))
        if value is None:
            return False
    selection.take(row, arm, value)
    return True


def _scale(selection: Selection, one_in: int) -> None:
    """A sample's figures as those of all."""
    selection.count *= one_in
    for arm in list(selection.arms):
        selection.arms[arm] *= one_in
    selection.values = {arm: value * one_in for arm, value in selection.values.items()}
