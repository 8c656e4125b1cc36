"""Which codes of a pool can be handed out: live, nobody's yet, good for a while, and made for what is offered now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.frozen.proposal import Goods
from tillroll.campaign.language.models import Offer
from tillroll.campaign.states import CodeState, RunState
from tillroll.ledger.plans import load_plan, load_revision
from tillroll.ledger.tables import codes, redemptions, runs
from tillroll.ledger.types import Moment

POOL = "pool"
"""The kind of a run that makes codes ahead, for nobody yet."""

LEAST_LEFT = timedelta(days=1)
"""A code that expires sooner isn't handed out any more."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What codes give: the offer, and the store's ids of what it is on. `goods` None: only the offer's names are known."""

    offer: Offer
    goods: Goods | None

    def same_as(self, other: Terms) -> bool:
        """Whether codes made on these terms are as good as codes made on the others."""
        if self.goods is None or other.goods is None:
            return self.offer == other.offer
        unnamed = [one.offer.model_copy(update={"applies_to": None}) for one in (self, other)]
        return unnamed[0] == unnamed[1] and _ids(self.goods) == _ids(other.goods)


def _ids(goods: Goods) -> tuple[frozenset[int], frozenset[int]]:
    products, categories = goods.products, goods.categories
    return frozenset(one.product_id for one in products), frozenset(one.category_id for one in categories)


def terms_of(connection: Connection, run: sa.Row[Any]) -> Terms | None:
    """What the codes of a run give, arms aside; None for a run without a plan, or without an offer."""
    plan = load_plan(connection, run.id)
    if plan is None:
        return None
    offer = load_revision(connection, plan.revision_id).as_run(step=run.step).offer
    return Terms(offer=offer, goods=plan.proposal.goods or Goods()) if offer is not None else None


def pools_with(
    connection: Connection, store_id: int, campaign: str, terms: Terms, now: datetime
) -> list[int]:
    """The campaign's pool runs whose codes were made on these terms, and are good for a while; a halted one gives none."""
    of_pool = (runs.c.store_id == store_id, runs.c.campaign == campaign, runs.c.kind == POOL)
    until = sa.func.coalesce(runs.c.extended_until, runs.c.valid_until, type_=Moment())
    good = (until > now + LEAST_LEFT, runs.c.state != RunState.HALTED)
    rows = connection.execute(sa.select(runs).where(*of_pool, *good).order_by(runs.c.id)).all()
    known = ((row.id, terms_of(connection, row)) for row in rows)
    return [run_id for run_id, its in known if its is not None and its.same_as(terms)]


def to_hand_out(pools: Sequence[int]) -> tuple[sa.ColumnElement[bool], ...]:
    """The conditions over `codes`; `pools` are the runs that made them."""
    used = sa.exists().where(redemptions.c.code_id == codes.c.id)
    return (
        codes.c.run_id.in_(pools),
        codes.c.recipient_id.is_(None),
        codes.c.handed_at.is_(None),
        codes.c.state == CodeState.LIVE,
        ~used,
    )
