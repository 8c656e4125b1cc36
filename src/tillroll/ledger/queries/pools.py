"""The codes of a pool that can be handed out: live, unassigned, valid for a while, and made on the terms of now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.frozen.proposal import Goods
from tillroll.campaign.language.models import Offer
from tillroll.campaign.states import CodeState, RunState
from tillroll.ledger.queries.plans import load_plan, load_revision
from tillroll.ledger.queries.predicates import was_used
from tillroll.ledger.records import Run
from tillroll.ledger.tables import codes, runs
from tillroll.ledger.tables.types import UtcDateTime

POOL = "pool"
"""The kind of a run that makes codes ahead, for nobody yet."""

LEAST_LEFT = timedelta(days=1)
"""A code that expires sooner is no longer handed out."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What codes give: the offer, and the goods it is on. `goods` is None if only the offer's names for them are known."""

    offer: Offer
    goods: Goods | None

    def same_as(self, other: Terms) -> bool:
        """Return whether codes made on these terms give the same as codes made on the others."""
        if self.goods is None or other.goods is None:
            return self.offer == other.offer
        unnamed = [terms.offer.model_copy(update={"applies_to": None}) for terms in (self, other)]
        return unnamed[0] == unnamed[1] and _ids(self.goods) == _ids(other.goods)


def _ids(goods: Goods) -> tuple[frozenset[int], frozenset[int]]:
    products, categories = goods.products, goods.categories
    return frozenset(product.product_id for product in products), frozenset(
        category.category_id for category in categories
    )


def terms_of(connection: Connection, run: Run) -> Terms | None:
    """Return what the codes of a run give, without arms; None for a run without a plan or an offer."""
    plan = load_plan(connection, run.id)
    if plan is None:
        return None
    offer = load_revision(connection, plan.revision_id).as_run(step=run.step).offer
    return Terms(offer=offer, goods=plan.proposal.goods or Goods()) if offer is not None else None


def pools_with_terms(
    connection: Connection, store_id: int, campaign: str, terms: Terms, now: datetime
) -> list[int]:
    """Return the campaign's pool runs whose codes were made on these terms and are valid for a while; no halted runs."""
    of_pool = (runs.c.store_id == store_id, runs.c.campaign == campaign, runs.c.kind == POOL)
    until = sa.func.coalesce(runs.c.extended_until, runs.c.valid_until, type_=UtcDateTime())
    good = (until > now + LEAST_LEFT, runs.c.state != RunState.HALTED)
    rows = connection.execute(sa.select(runs).where(*of_pool, *good).order_by(runs.c.id)).all()
    candidates = ((row.id, terms_of(connection, Run.from_row(row))) for row in rows)
    return [run_id for run_id, made_on in candidates if made_on is not None and made_on.same_as(terms)]


def may_be_handed_out(pools: Sequence[int], now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions, over `codes`, for codes that may be handed out. `pools` are the runs that made them."""
    own_end = codes.c.valid_until
    return (
        sa.or_(own_end.is_(None), own_end > now + LEAST_LEFT),
        codes.c.run_id.in_(pools),
        codes.c.recipient_id.is_(None),
        codes.c.handed_at.is_(None),
        codes.c.state == CodeState.LIVE,
        ~was_used(),
    )
