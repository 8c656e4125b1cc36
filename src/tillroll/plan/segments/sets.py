"""Customers by what the store knows of them beyond their own row: orders, items, fields, favourites, reviews, and our lists.

Each answers the ids of those who fit, some of them several times.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import sqlalchemy as sa

from tillroll.campaign.segments.conditions import (
    Bought,
    Count,
    CustomerField,
    Favourite,
    Lists,
    Reviewed,
    Spent,
    Sum,
)
from tillroll.campaign.segments.lists import EMAIL
from tillroll.campaign.states import NO_SALE
from tillroll.ledger.folding import folded
from tillroll.ledger.tables import (
    customer_fields,
    customers,
    favourites,
    list_members,
    order_items,
    orders,
    product_categories,
    reviews,
)
from tillroll.plan.segments.question import Question

Ids = sa.Select[Any]


def ordered(count: Count, question: Question) -> Ids:
    """Who ordered within the bounds in a time; without a lower bound, those who ordered more."""
    return _by_orders(count, sa.func.count(), question)


def paid(spent: Spent, question: Question) -> Ids:
    """Who spent within the bounds in a time; without a lower bound, those who spent more."""
    return _by_orders(spent, sa.func.sum(sa.type_coerce(orders.c.total, sa.BigInteger)), question)


def _by_orders(bounds: Count | Spent, figure: sa.ColumnElement[int], question: Question) -> Ids:
    query = (
        sa.select(orders.c.customer_id)
        .where(
            *_whose(orders, question),
            orders.c.created_at > question.since(bounds.within),
            orders.c.payment_status.not_in(NO_SALE),
        )
        .group_by(orders.c.customer_id)
    )
    most = None if bounds.at_most is None else figure > _kept(bounds, bounds.at_most, ROUND_FLOOR)
    if not bounds.at_least:
        return query if most is None else query.having(most)
    query = query.having(figure >= _kept(bounds, bounds.at_least, ROUND_CEILING))
    return query if most is None else query.having(sa.not_(most))


def _kept(bounds: Count | Spent, bound: int | Decimal, rounding: str) -> sa.ColumnElement[int]:
    """A bound as the ledger counts: orders, or ten-thousandths of the currency."""
    scaled = Decimal(bound) * (10_000 if isinstance(bounds, Sum) else 1)
    return sa.literal(int(scaled.to_integral_value(rounding)), sa.BigInteger)


def bought(wanted: Bought, question: Question) -> Ids:
    """Who bought any of the products, or anything of the categories; so many pieces in all, if it says so.

    Each way to mean an item is a query of its own, since each has its index; an item that is meant twice counts once.
    """
    items = order_items.c
    many = (wanted.at_least or 1) > 1
    columns = [items.customer_id, *((items.order_id, items.line, items.quantity) if many else ())]
    ways = [
        _since(
            sa.select(*columns).where(*_whose(order_items, question), meant),
            items.bought_at,
            question,
            wanted.within,
        )
        for meant in _meant(wanted, question)
    ]
    if not many:
        return sa.select(sa.union_all(*ways).subquery("buyers").c.customer_id)
    found = sa.union(*ways).subquery("items")
    query = sa.select(found.c.customer_id).group_by(found.c.customer_id)
    return query.having(sa.func.sum(found.c.quantity) >= wanted.at_least)


def _meant(wanted: Bought, question: Question) -> Iterable[sa.ColumnElement[bool]]:
    """The ways to mean an item: by its SKU, by its product's own, by its shelf."""
    skus = {sku.strip() for sku in wanted.products}
    own = frozenset().union(*(question.products[sku] for sku in skus))
    if skus:
        yield order_items.c.sku.in_(sorted(skus))
    if own:
        yield order_items.c.product_id.in_(sorted(own))
    if wanted.categories:
        shelves = frozenset().union(*(question.categories[one] for one in wanted.categories))
        yield order_items.c.product_id.in_(
            sa.select(product_categories.c.product_id).where(
                product_categories.c.store_id == question.store_id,
                product_categories.c.category_id.in_(sorted(shelves)),
            )
        )


def field(wanted: CustomerField, question: Question) -> Ids:
    """Whose field holds what is asked for."""
    query = sa.select(customer_fields.c.customer_id).where(
        *_whose(customer_fields, question), customer_fields.c.title == wanted.title
    )
    value = customer_fields.c.value
    if wanted.filled:
        return query.where(sa.func.trim(value) != "")
    if wanted.in_ is not None:
        return query.where(value.in_(wanted.in_))
    # a word stands between commas: taking it out changes the text (LIKE would treat capitals differently on each database)
    words = sa.literal(",") + sa.func.replace(sa.func.replace(value, ", ", ","), " ,", ",") + sa.literal(",")
    among = (sa.func.replace(words, f",{one.strip()},", "") != words for one in wanted.includes or ())
    return query.where(sa.or_(*among))


def favourite(wanted: Favourite, question: Question) -> Ids:
    """Who marked any of the products, or anything."""
    query = sa.select(favourites.c.customer_id).where(*_whose(favourites, question))
    if wanted.products:
        skus = (sku.strip() for sku in wanted.products)
        meant: frozenset[int] = frozenset().union(*(question.owners[sku] for sku in skus))
        query = query.where(favourites.c.product_id.in_(sorted(meant)))
    return _since(query, favourites.c.added_at, question, wanted.within)


def reviewed(wanted: Reviewed, question: Question) -> Ids:
    """Who left a review with so many stars."""
    query = sa.select(reviews.c.customer_id).where(*_whose(reviews, question))
    if wanted.rating_at_least is not None:
        query = query.where(reviews.c.rating >= wanted.rating_at_least)
    if wanted.rating_at_most is not None:
        query = query.where(reviews.c.rating <= wanted.rating_at_most)
    return _since(query, reviews.c.created_at, question, wanted.within)


def listed(wanted: Lists, question: Question) -> Ids:
    """Who stands on any of the lists, by address or by number."""
    them = customers.alias("listed")
    found = [question.lists[name] for name in wanted.in_]
    parts = []
    for by_email in (True, False):
        digests = [one.digest for one in found if (one.column == EMAIL) is by_email]
        if digests:
            member = folded(them.c.email) if by_email else sa.cast(them.c.customer_id, sa.Text)
            parts.append(
                sa.select(list_members.c.member)
                .where(
                    list_members.c.store_id == question.store_id,
                    list_members.c.digest.in_(digests),
                    list_members.c.member == member,
                )
                .exists()
            )
    return sa.select(them.c.customer_id).where(*_whose(them, question), sa.or_(*parts))


def _whose(table: sa.FromClause, question: Question) -> Iterable[sa.ColumnElement[bool]]:
    """Rows of the store that are a customer's; only those of the one who is asked about, if there is one."""
    yield table.c.store_id == question.store_id
    if question.only is None:
        yield table.c.customer_id.is_not(None)
    else:
        yield table.c.customer_id == question.only


def _since(query: Ids, column: sa.ColumnElement[Any], question: Question, within: Any) -> Ids:
    since = question.since(within)
    return query if since is None else query.where(column > since)
