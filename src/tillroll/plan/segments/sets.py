"""Conditions on tables beside the customers: orders, items, fields, favourites, reviews, and our own lists.

Each function returns a query for the ids of the customers who fulfil a condition; an id may come several times.
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
    Tiers,
)
from tillroll.campaign.segments.lists import EMAIL
from tillroll.campaign.states import NO_SALE
from tillroll.ledger.folding import folded
from tillroll.ledger.tables import (
    customer_fields,
    customer_tiers,
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
    """Select who placed a number of orders within the bounds in a period; without a lower bound, see `_by_orders`."""
    return _by_orders(count, sa.func.count(), question)


def paid(spent: Spent, question: Question) -> Ids:
    """Select who spent an amount within the bounds in a period; without a lower bound, see `_by_orders`."""
    return _by_orders(spent, sa.func.sum(sa.type_coerce(orders.c.total, sa.BigInteger)), question)


def _by_orders(bounds: Count | Spent, figure: sa.ColumnElement[int], question: Question) -> Ids:
    """Select who is within the bounds; without a lower bound, who is above the upper one.

    Without a lower bound, customers without orders match too, and have no row here: the caller takes all but those above.
    """
    query = (
        sa.select(orders.c.customer_id)
        .where(
            *_in_scope(orders, question),
            orders.c.created_at > question.since(bounds.within),
            orders.c.payment_status.not_in(NO_SALE),
        )
        .group_by(orders.c.customer_id)
    )
    most = None if bounds.at_most is None else figure > _as_stored(bounds, bounds.at_most, ROUND_FLOOR)
    if not bounds.at_least:
        return query if most is None else query.having(most)
    query = query.having(figure >= _as_stored(bounds, bounds.at_least, ROUND_CEILING))
    return query if most is None else query.having(sa.not_(most))


def _as_stored(bounds: Count | Spent, bound: int | Decimal, rounding: str) -> sa.ColumnElement[int]:
    """Return a bound in the ledger's unit: orders, or ten-thousandths of the currency."""
    scaled = Decimal(bound) * (10_000 if isinstance(bounds, Sum) else 1)
    return sa.literal(int(scaled.to_integral_value(rounding)), sa.BigInteger)


def bought(wanted: Bought, question: Question) -> Ids:
    """Select who bought any of the products, or anything of the categories; `at_least` counts the pieces in all.

    Each way to name an item is a query of its own, since each has its own index; an item that is named twice counts once.
    """
    items = order_items.c
    many = (wanted.at_least or 1) > 1
    columns = [items.customer_id, *((items.order_id, items.line, items.quantity) if many else ())]
    queries = [
        _since(
            sa.select(*columns).where(*_in_scope(order_items, question), is_named),
            items.bought_at,
            question,
            wanted.within,
        )
        for is_named in _ways_to_name(wanted, question)
    ]
    if not many:
        return sa.select(sa.union_all(*queries).subquery("buyers").c.customer_id)
    pieces = sa.union(*queries).subquery("items")
    query = sa.select(pieces.c.customer_id).group_by(pieces.c.customer_id)
    return query.having(sa.func.sum(pieces.c.quantity) >= wanted.at_least)


def _ways_to_name(wanted: Bought, question: Question) -> Iterable[sa.ColumnElement[bool]]:
    """Yield the conditions that name an item: by its own SKU, by its product's SKU, by a category."""
    skus = {sku.strip() for sku in wanted.products}
    own = frozenset().union(*(question.products[sku] for sku in skus))
    if skus:
        yield order_items.c.sku.in_(sorted(skus))
    if own:
        yield order_items.c.product_id.in_(sorted(own))
    if wanted.categories:
        category_ids = frozenset().union(*(question.categories[path] for path in wanted.categories))
        yield order_items.c.product_id.in_(
            sa.select(product_categories.c.product_id).where(
                product_categories.c.store_id == question.store_id,
                product_categories.c.category_id.in_(sorted(category_ids)),
            )
        )


def field(wanted: CustomerField, question: Question) -> Ids:
    """Select whose customer field has one of the values, contains one of the words, or is filled."""
    query = sa.select(customer_fields.c.customer_id).where(
        *_in_scope(customer_fields, question), customer_fields.c.title == wanted.title
    )
    value = customer_fields.c.value
    if wanted.filled:
        return query.where(sa.func.trim(value) != "")
    if wanted.in_ is not None:
        return query.where(value.in_(wanted.in_))
    return query.where(sa.or_(*(includes_word(value, word) for word in wanted.includes or ())))


def tiered(wanted: Tiers, question: Question) -> Ids:
    """Select who is in any of the loyalty tiers."""
    query = sa.select(customer_tiers.c.customer_id).where(*_in_scope(customer_tiers, question))
    return query.where(customer_tiers.c.tier.in_(wanted.in_))


def includes_word(value: sa.ColumnElement[str], word: str) -> sa.ColumnElement[bool]:
    """Return the condition that a word is among the comma-separated words of a text.

    Removing it changes the text (LIKE treats capitals differently on each database).
    """
    words = sa.literal(",") + sa.func.replace(sa.func.replace(value, ", ", ","), " ,", ",") + sa.literal(",")
    return sa.func.replace(words, f",{word.strip()},", "") != words


def favourite(wanted: Favourite, question: Question) -> Ids:
    """Select who marked any of the products as a favourite, or any product at all."""
    query = sa.select(favourites.c.customer_id).where(*_in_scope(favourites, question))
    if wanted.products:
        skus = (sku.strip() for sku in wanted.products)
        product_ids: frozenset[int] = frozenset().union(*(question.owners[sku] for sku in skus))
        query = query.where(favourites.c.product_id.in_(sorted(product_ids)))
    return _since(query, favourites.c.added_at, question, wanted.within)


def reviewed(wanted: Reviewed, question: Question) -> Ids:
    """Select who left a review with a rating within the bounds."""
    query = sa.select(reviews.c.customer_id).where(*_in_scope(reviews, question))
    if wanted.rating_at_least is not None:
        query = query.where(reviews.c.rating >= wanted.rating_at_least)
    if wanted.rating_at_most is not None:
        query = query.where(reviews.c.rating <= wanted.rating_at_most)
    return _since(query, reviews.c.created_at, question, wanted.within)


def listed(wanted: Lists, question: Question) -> Ids:
    """Select who is on any of the lists, by address or by customer id."""
    them = customers.alias("listed")
    lists = [question.lists[name] for name in wanted.in_]
    parts = []
    for by_email in (True, False):
        digests = [each.digest for each in lists if (each.column == EMAIL) is by_email]
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
    return sa.select(them.c.customer_id).where(*_in_scope(them, question), sa.or_(*parts))


def _in_scope(table: sa.FromClause, question: Question) -> Iterable[sa.ColumnElement[bool]]:
    """Yield the conditions for rows of the store's customers, or of the only customer that is asked about."""
    yield table.c.store_id == question.store_id
    if question.only is None:
        yield table.c.customer_id.is_not(None)
    else:
        yield table.c.customer_id == question.only


def _since(query: Ids, column: sa.ColumnElement[Any], question: Question, within: Any) -> Ids:
    since = question.since(within)
    return query if since is None else query.where(column > since)
