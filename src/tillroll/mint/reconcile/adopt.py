"""Adopting coupons made outside Tillroll into the ledger: they count in reports and can be paused and extended.

They are never given to recipients and never counted as minted: their codes belong to a run of a kind of its own, without a plan.
Crash points: between pieces. A restart skips what the ledger already has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.figures.batched import batched
from tillroll.campaign.states import CodeState, DriftKind, DriftState, RunState
from tillroll.ecwid.endpoints.coupons import Coupon
from tillroll.ledger import audit
from tillroll.ledger.engine import insert_if_new, insert_new, reading, writing
from tillroll.ledger.queries.changes import ADOPTED
from tillroll.ledger.tables import codes, drifts, runs
from tillroll.mint.context import MintContext
from tillroll.mint.desired_coupon import to_terms

_PIECE = 500


@dataclass(kw_only=True)
class AdoptionCount:
    """How many coupons were adopted."""

    coupons: int = 0  # of the store, looked at
    in_ledger: int = 0  # in the ledger already
    adopted: int = 0
    run_id: int | None = None  # the run that the adopted codes belong to


def adopt(context: MintContext, *, prefix: str, campaign: str, person: str, dry_run: bool) -> AdoptionCount:
    """Adopt the store's coupons whose codes start with a prefix; `dry_run` only counts them."""
    count = AdoptionCount()
    for piece in batched(context.client.coupons.every(), _PIECE):
        count.coupons += len(piece)
        matching = [coupon for coupon in piece if coupon.code.upper().startswith(prefix.upper())]
        _adopt_piece(context, matching, count, campaign=campaign, person=person, dry_run=dry_run)
    if count.adopted and not dry_run:
        body = {"coupons": count.adopted, "prefix": prefix}
        subject = f"run {count.run_id}"
        with writing(context.engine) as connection:
            audit.record(
                connection,
                at=context.clock.now(),
                actor=person,
                action="codes.adopted",
                subject=subject,
                body=body,
            )
    return count


def _adopt_piece(
    context: MintContext,
    coupons: Sequence[Coupon],
    count: AdoptionCount,
    *,
    campaign: str,
    person: str,
    dry_run: bool,
) -> None:
    """Add the coupons that the ledger does not know, and close their drifts."""
    with reading(context.engine) as connection:
        same_codes = codes.c.code.in_([coupon.code.upper() for coupon in coupons])
        query = sa.select(codes.c.code).where(codes.c.store_id == context.store_id, same_codes)
        ledger_codes = set(connection.scalars(query))
    new = [coupon for coupon in coupons if coupon.code.upper() not in ledger_codes]
    count.in_ledger += len(coupons) - len(new)
    count.adopted += len(new)
    if dry_run or not new:
        return
    now = context.clock.now()
    with writing(context.engine) as connection:
        if count.run_id is None:
            count.run_id = _run_of_adopted(connection, context.store_id, campaign, person, now)
        insert_new(connection, codes, [_row(context.store_id, count.run_id, coupon, now) for coupon in new])
        stray = (
            drifts.c.store_id == context.store_id,
            drifts.c.kind == DriftKind.STRAY,
            drifts.c.code.in_([coupon.code.upper() for coupon in new]),
        )
        values = {"state": DriftState.FIXED, "person": person, "note": "adopted", "decided_at": now}
        connection.execute(sa.update(drifts).where(*stray).values(values))


def _run_of_adopted(connection: Connection, store_id: int, campaign: str, person: str, now: datetime) -> int:
    """Return the run that a campaign's adopted coupons belong to; add it if it is missing."""
    row = {
        "store_id": store_id,
        "campaign": campaign,
        "slot_key": ADOPTED,
        "slot_at": now,
        "state": RunState.TRACKING,
        "kind": ADOPTED,
        "started_by": person,
        "created_at": now,
        "changed_at": now,
    }
    insert_if_new(connection, runs, row)
    same = (runs.c.store_id == store_id, runs.c.campaign == campaign, runs.c.slot_key == ADOPTED)
    return int(connection.scalars(sa.select(runs.c.id).where(*same)).one())


def _row(store_id: int, run_id: int, coupon: Coupon, now: datetime) -> dict[str, Any]:
    return {
        "store_id": store_id,
        "run_id": run_id,
        "code": coupon.code.upper(),
        "state": CodeState.PAUSED if coupon.status == "PAUSED" else CodeState.LIVE,
        "coupon_id": coupon.coupon_id,
        "terms": to_terms(coupon),
        "valid_from": coupon.launches_at,
        "valid_until": coupon.expires_at,
        "reserved_at": coupon.created_at or now,
        "changed_at": now,
    }
