"""Conditions that several rooms use in their queries, each written once."""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.campaign.states import CODE_IN_STORE, PART_OPEN, WORKS_AGAIN, CodeState
from tillroll.ledger.tables import change_parts, codes, orders, recipients, redemptions


def has_not_clashed(code: sa.FromClause = codes) -> sa.ColumnElement[bool]:
    """Return the condition that a code has not clashed, over `codes` or an alias of it.

    A clashed code was somebody else's in the store, so it counts for nobody and its recipient gets another one.
    """
    return code.c.state != CodeState.CLASHED


def has_own_code() -> sa.ColumnElement[bool]:
    """Return the condition that a recipient has a code that has not clashed, over `recipients`."""
    code = codes.alias("own")
    return sa.exists().where(code.c.recipient_id == recipients.c.id, has_not_clashed(code))


def came_into_store(code: sa.FromClause = codes) -> sa.ColumnElement[bool]:
    """Return the condition that a code has been in the store, over `codes`, its sums, or an alias; it may have gone since."""
    return code.c.state.in_(sorted({*CODE_IN_STORE, CodeState.REVOKED, CodeState.CLEARED}))


def is_imported(code: sa.FromClause = codes) -> sa.ColumnElement[bool]:
    """Return the condition that a code was imported and its coupon is to be found again, over `codes` or an alias of it.

    A code that Tillroll drew has no coupon while it is reserved.
    """
    return sa.and_(code.c.state == CodeState.RESERVED, code.c.coupon_id.is_not(None))


def is_order_of_use() -> sa.ColumnElement[bool]:
    """Return the condition that an order of the mirror is the one of a use of a code, over `orders` and `redemptions`."""
    return sa.and_(orders.c.store_id == redemptions.c.store_id, orders.c.order_id == redemptions.c.order_id)


def was_used() -> sa.ColumnElement[bool]:
    """Return the condition that a code was used, over `codes`: by an order, or by the word of the store, which may be open."""
    by_order = sa.exists().where(redemptions.c.code_id == codes.c.id)
    return sa.or_(by_order, codes.c.store_use.not_in(sorted(WORKS_AGAIN)))


def is_under_change(
    *conditions: sa.ColumnElement[bool], code_id: sa.ColumnElement[int] | int | None = None
) -> sa.ColumnElement[bool]:
    """Return the condition that an open change has a part of a code, over `codes` or for the code `code_id`.

    `conditions` narrow down the parts. They may name `changes` too, if one of them joins it with `change_parts`.
    """
    code = codes.c.id if code_id is None else code_id
    return sa.exists().where(
        change_parts.c.code_id == code, change_parts.c.state.in_(sorted(PART_OPEN)), *conditions
    )
