"""Every recipient gets a code row before the store hears of any: unique in the store's whole ledger.

Crash points: between pieces. A restart looks at who has no standing code and draws for them only, which also draws the
replacement where a code turned out to be somebody else's.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.states import CodeState
from tillroll.ledger.engine import insert_new, reading, writing
from tillroll.ledger.plans import load_plan, load_revision
from tillroll.ledger.tables import codes, recipients
from tillroll.mint.draw import draw_codes, shuffled

_PIECE = 5_000


def reserve(engine: Engine, *, store_id: int, run_id: int, now: datetime) -> bool:
    """Draw codes for recipients that have none, a piece at a time; whether all have one now."""
    with reading(engine) as connection:
        plan = load_plan(connection, run_id)
        if plan is None:
            return False
        revision = load_revision(connection, plan.revision_id)
    after = 0
    while True:
        with reading(engine) as connection:
            lacking = _without_code(connection, plan.plan_id, after)
        if not lacking:
            if after == 0:
                return True
            after = 0  # once more from the start: a drawn code that existed already was passed over
            continue
        drawn = draw_codes(
            len(lacking), code_format=revision.code_format, prefix=revision.campaign.codes.prefix
        )
        rows = [
            {
                "store_id": store_id,
                "run_id": run_id,
                "recipient_id": recipient_id,
                "code": code,
                "state": CodeState.RESERVED,
                "reserved_at": now,
                "changed_at": now,
            }
            for recipient_id, code in zip(shuffled(lacking), drawn, strict=True)
        ]
        with writing(engine) as connection:
            insert_new(connection, codes, rows)
        after = lacking[-1]


def _without_code(connection: Connection, plan_id: int, after: int) -> list[int]:
    standing = sa.exists().where(codes.c.recipient_id == recipients.c.id, codes.c.state != CodeState.CLASHED)
    query = (
        sa.select(recipients.c.id)
        .where(recipients.c.plan_id == plan_id, recipients.c.id > after, ~standing)
        .order_by(recipients.c.id)
        .limit(_PIECE)
    )
    return list(connection.scalars(query))
