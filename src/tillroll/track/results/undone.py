"""Codes whose order was undone: cancelled, refunded, withdrawn or deleted. The store alone knows whether such a code works again.

No document says whether a cancelled order gives its coupon back (dossier section 6.5). So the coupon is read, and its status
decides what `tillroll codes find` says and whether a reminder goes; until then nothing counts on the code.

Crash points: none between: a doubt is recorded with what caused it, and stays until its answer is recorded.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.batches.session import StoreSession
from tillroll.campaign.states import CODE_IN_STORE, ItemKind, Stage, StoreUse
from tillroll.ecwid.http.errors import StoreSaysNotFound
from tillroll.errors import Refused
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.faults.boundary import contained
from tillroll.ledger.faults.rows import FaultyItem
from tillroll.ledger.mirror.store_use import record_store_use
from tillroll.ledger.tables import codes, redemptions

_MOST_ASKED_AFTER = 200  # coupons read in one look; the others wait for the next look


def doubt_codes(connection: Connection, *conditions: sa.ColumnElement[bool]) -> None:
    """Record that the store has to be asked whether some codes work again."""
    in_store = codes.c.state.in_(sorted(CODE_IN_STORE))
    update = sa.update(codes).where(in_store, codes.c.coupon_id.is_not(None), *conditions)
    connection.execute(update.values(store_use=StoreUse.UNCLEAR))


def doubt_codes_of_orders(connection: Connection, store_id: int, order_ids: list[str]) -> None:
    """Record the same of the codes that some orders used; call it before their redemptions are removed."""
    of_orders = (redemptions.c.store_id == store_id, redemptions.c.order_id.in_(order_ids))
    doubt_codes(connection, codes.c.id.in_(sa.select(redemptions.c.code_id).where(*of_orders)))


def ask_after_codes(session: StoreSession, *, now: datetime) -> int:
    """Read the coupons of doubtful codes and record what the store says of them. Returns how many were read."""
    query = sa.select(codes.c.id, codes.c.coupon_id).where(
        codes.c.store_id == session.store_id, codes.c.store_use == StoreUse.UNCLEAR
    )
    with reading(session.engine) as connection:
        doubtful = connection.execute(query.order_by(codes.c.id).limit(_MOST_ASKED_AFTER)).all()
    for code_id, coupon_id in doubtful:
        item = FaultyItem(store_id=session.store_id, kind=ItemKind.COUPON, name=str(coupon_id))
        with contained(session.engine, item, stage=Stage.RESULTS, now=now, raised=(Refused,)):
            use = _use_of(session, coupon_id)
            with writing(session.engine) as connection:
                record_store_use(connection, [code_id], use, now=now)
    return len(doubtful)


def _use_of(session: StoreSession, coupon_id: int) -> StoreUse:
    """Return whether a coupon is used up. A deleted one is as good as used up; the comparison of coupons tells people of it."""
    try:
        status = session.client.coupons.get(coupon_id).status
    except StoreSaysNotFound:
        return StoreUse.USED_UP
    return StoreUse.USED_UP if status == "USEDUP" else StoreUse.RETURNED
