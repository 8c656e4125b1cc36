"""Read whom each campaign would reach now, and how the audiences overlap, in one pass over the customers.

Of a store with more than `MOST_CUSTOMERS` customers, an even sample is read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign import Revision
from tillroll.campaign.figures.holdout import arm_of, is_held_back
from tillroll.campaign.text.money import smallest_unit
from tillroll.ledger.engine import streaming
from tillroll.ledger.records import Store
from tillroll.ledger.tables import customers
from tillroll.plan.audience.select import CustomerRow, Selection, figures_of
from tillroll.plan.freeze import split_key
from tillroll.plan.segments.query import SegmentQuery
from tillroll.plan.segments.question import ask

MOST_CUSTOMERS = 200_000
"""How many customers one pass reads."""

_MIX, _PRIME = 7_919, 104_729  # numbers that make the sample even, whatever pattern the customer ids have


@dataclass(kw_only=True)
class CampaignAudience:
    """The audience of one campaign, while it is counted."""

    revision: Revision
    wanted: int  # bits of the segment it is for
    barred: int  # bits of the segments it excludes
    arms: list[tuple[str, int]]  # with their weights
    unit: Decimal  # the smallest of the store's currency
    selection: Selection = field(default_factory=Selection)


def read_audiences(
    connection: Connection, store: Store, revisions: Sequence[Revision], now: datetime, most: int
) -> tuple[dict[str, CampaignAudience], dict[frozenset[str], int], int]:
    """Return the audiences by campaign, how many people are in exactly these campaigns' audiences, and the sampling rate.

    The rate is one in so many customers; 1 means that all were read. Figures are scaled up to all customers.
    """
    of_store = customers.c.store_id == store.id
    one_in = -(-int(connection.scalar(sa.select(sa.func.count()).where(of_store)) or 0) // most) or 1
    segments = {name: segment for revision in revisions for name, segment in revision.segments.items()}
    bit = {name: 1 << place for place, name in enumerate(segments)}
    audiences = {
        revision.name: _audience(revision, bit, smallest_unit(store.currency))
        for revision in revisions
        if revision.campaign.who.segment
    }
    lists = {name: each for revision in revisions for name, each in revision.lists.items()}
    segment_query = SegmentQuery(
        ask(connection, store_id=store.id, segments=segments.values(), lists=lists, now=now)
    )
    columns = [segment_query.flag(segment).label(f"in_{bit[name]}") for name, segment in segments.items()]
    query = sa.select(customers, *columns).select_from(segment_query.source)
    query = query.where(
        of_store, customers.c.accepts_marketing.is_(sa.true()), customers.c.email.contains("@")
    )
    if one_in > 1:
        query = query.where(customers.c.customer_id * _MIX % _PRIME % one_in == 0)
    overlaps: Counter[frozenset[str]] = Counter()

    @lru_cache(maxsize=10_000)
    def audiences_with(bits: int) -> tuple[CampaignAudience, ...]:
        return tuple(
            audience
            for audience in audiences.values()
            if bits & audience.wanted == audience.wanted and not bits & audience.barred
        )

    key, first = split_key(store.ecwid_id), len(customers.c)
    with streaming(connection, query.order_by(customers.c.customer_id)) as rows:
        for row in rows:
            bits = sum(1 << place for place, is_in in enumerate(row[first:]) if is_in)
            reached = [
                audience for audience in audiences_with(bits) if _take(audience, row, key, one_in, now)
            ]
            if reached:
                overlaps[frozenset(audience.revision.name for audience in reached)] += 1
    for audience in audiences.values():
        _scale(audience.selection, one_in)
    return audiences, {names: people * one_in for names, people in overlaps.items()}, one_in


def _audience(revision: Revision, bit: Mapping[str, int], unit: Decimal) -> CampaignAudience:
    who = revision.campaign.who
    barred = sum(bit[name] for name in set(who.exclude))
    arms = [(variant.name, variant.weight) for variant in revision.campaign.variants]
    return CampaignAudience(
        revision=revision, wanted=bit[who.segment or ""], barred=barred, arms=arms, unit=unit
    )


def _take(audience: CampaignAudience, row: CustomerRow, key: bytes, one_in: int, now: datetime) -> bool:
    """Count a customer of the segment as a recipient if a plan would; return whether it would.

    Rows are plain, since there may be hundreds of thousands.
    """
    revision, selection = audience.revision, audience.selection
    campaign, customer = revision.campaign, row.customer_id
    if campaign.who.limit is not None and selection.count * one_in >= campaign.who.limit:
        return False
    rules = revision.store_holdout
    if rules is not None and rules.holds_back(campaign=revision.name, customer_id=customer, key=key, now=now):
        return False
    if is_held_back(campaign=revision.name, customer_id=customer, share=campaign.who.holdout, key=key):
        return False
    arm = arm_of(campaign=revision.name, customer_id=customer, arms=audience.arms, key=key)
    as_run, value = revision.as_run(arm=arm), None
    if as_run.offer is not None and as_run.has_own_values:
        value = as_run.offer.value_for(figures_of(row, {}, now), audience.unit)
        if value is None:
            return False
    selection.take(row, arm, value)
    return True


def _scale(selection: Selection, one_in: int) -> None:
    """Scale the figures of a sample up to all customers."""
    selection.count *= one_in
    for arm in list(selection.arms):
        selection.arms[arm] *= one_in
    selection.values = {arm: value * one_in for arm, value in selection.values.items()}
