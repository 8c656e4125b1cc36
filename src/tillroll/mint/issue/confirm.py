"""Finding the coupons of imported codes again once their run is approved: only then can their codes be handed out.

Crash points: *looked up*: the results of a piece are one transaction; what isn't written is looked up again.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from tillroll.campaign.states import CodeState
from tillroll.ecwid.endpoints.coupons import Coupon
from tillroll.ledger.bulk.rows import change_many
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.predicates import is_imported
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.records import Code, Run
from tillroll.ledger.tables import codes
from tillroll.mint.context import MintContext
from tillroll.mint.desired_coupon import from_terms
from tillroll.mint.pools.import_codes import FEW, find_coupons
from tillroll.mint.reconcile.differences import differences

_PIECE = 5_000


def confirm_imported(context: MintContext, run: Run) -> bool:
    """Look up the next imported codes of a run. Returns whether there were any.

    A code whose coupon is as it was when it was imported becomes live. Another one fails, with the reason.
    """
    with reading(context.engine) as connection:
        query = sa.select(codes).where(codes.c.run_id == run.id, is_imported()).order_by(codes.c.id)
        waiting = [Code.from_row(row) for row in connection.execute(query.limit(_PIECE))]
        currency = load_store(connection, run.store_id).currency
    if not waiting:
        return False
    piece = waiting[:FEW] if len(waiting) <= 2 * FEW else waiting
    coupons = find_coupons(context.client, [code.code for code in piece])
    changes = [(code.id, _change_of(code, coupons.get(code.code), currency)) for code in piece]
    _record(context, changes)
    return True


def _change_of(code: Code, coupon: Coupon | None, currency: str) -> str:
    """Return what is no longer as it was when the code was imported; empty if nothing is."""
    if coupon is None or coupon.coupon_id != code.coupon_id:
        return "its coupon is gone from the store"
    changed = differences(from_terms(code), coupon, currency=currency)
    return f"its coupon was changed: {'; '.join(map(str, changed))}" if changed else ""


def _record(context: MintContext, changes: Sequence[tuple[int, str]]) -> None:
    """Make the codes live whose coupons are as they were, and record why the others failed."""
    reserved, now = {"state": CodeState.RESERVED}, context.clock.now()
    with writing(context.engine) as connection:
        live = [(code_id,) for code_id, problem in changes if not problem]
        same = {"state": CodeState.LIVE, "reason": "", "changed_at": now}
        change_many(connection, codes, [], live, same=same, where=reserved)
        failed = [(code_id, problem) for code_id, problem in changes if problem]
        same = {"state": CodeState.FAILED, "changed_at": now}
        change_many(connection, codes, ["reason"], failed, same=same, where=reserved)
