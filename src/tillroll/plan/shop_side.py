"""What the store does beside a run: its own e-mails, its promotions and its reduced prices, as verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.frozen.proposal import Goods, Verdict
from tillroll.campaign.states import StoreEmail
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import promotions
from tillroll.plan.audience.subject import Subject
from tillroll.plan.goods.reduced import reduced_goods
from tillroll.plan.verdicts.shop import (
    ShopPromotion,
    promotion_verdicts,
    reduced_verdicts,
    store_email_verdicts,
)

_SOON = timedelta(days=30)  # a promotion that begins by then may meet codes that are still valid


def shop_verdicts(
    engine: Engine,
    subject: Subject,
    goods: Mapping[str, Goods | None],
    *,
    count: int,
    codes: int,
    worst: Decimal | None,
) -> tuple[Verdict, ...]:
    """Return the verdicts on what the store does beside a run for `count` recipients. `goods` are its goods, by arm."""
    revision, store = subject.revision, subject.store
    segment = revision.segments.get(revision.campaign.who.segment or "")
    own_emails = [email for email in StoreEmail if email.value in (store.own_emails or ())]
    offers = {arm: offer for arm, offer in subject.offers.items() if offer is not None}
    verdicts = (
        ()
        if subject.makes_pool
        else store_email_verdicts(revision.campaign, segment, own_emails, count=count)
    )
    with reading(engine) as connection:
        verdicts += promotion_verdicts(
            _promotions(connection, store.id, subject.slot_at),
            revision.guardrails,
            list(offers.values()),
            codes=codes,
            worst=worst,
            currency=store.currency,
        )
        found = dict.fromkeys(
            reduced_goods(connection, store.id, goods[arm])
            for arm, offer in offers.items()
            if goods[arm] is not None or offer.applies_to is None
        )
    of_goods = (each for reduced in found for each in reduced_verdicts(reduced, currency=store.currency))
    return (*verdicts, *dict.fromkeys(of_goods))


def _promotions(connection: Connection, store_id: int, at: datetime) -> list[ShopPromotion]:
    """Return the promotions that are on when the run's codes begin to work, or soon after."""
    table = promotions.c
    query = sa.select(
        table.name, table.base, table.discount_type, table.amount, table.least_subtotal, table.is_limited
    ).where(
        table.store_id == store_id,
        table.enabled.is_(sa.true()),
        sa.or_(table.begins_at.is_(None), table.begins_at <= at + _SOON),
        sa.or_(table.ends_at.is_(None), table.ends_at > at),
    )
    return [ShopPromotion(**row._mapping) for row in connection.execute(query.order_by(table.promotion_id))]
