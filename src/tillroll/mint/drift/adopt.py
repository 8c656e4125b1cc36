"""Coupons made outside Tillroll, taken into the ledger: they count in reports and can be paused and extended.

They are never given to anybody, and never counted as minted: their codes belong to a run of a kind of its own, without a plan.
Crash points: between pieces. A restart passes over what the ledger has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import CodeState, DriftKind, DriftState, RunState
from tillroll.ecwid.coupons import Coupon
from tillroll.ledger import audit
from tillroll.ledger.changes import ADOPTED
from tillroll.ledger.engine import insert_if_new, insert_new, reading, writing
from tillroll.ledger.tables import codes, drifts, runs
from tillroll.mint.parts import Mint
from tillroll.mint.wished import to_terms

_PIECE = 500


@dataclass(kw_only=True)
class Adopted:
    """What became of the coupons that were looked at."""

    coupons: int = 0
    known: int = 0  # the ledger has them already
    adopted: int = 0
    run_id: int | None = None


def adopt(mint: Mint, *, prefix: str, campaign: str, person: str, dry_run: bool) -> Adopted:
    """Take the store's coupons whose codes begin so into the ledger; `dry_run` only counts them."""
    found = Adopted()
    coupons = mint.client.coupons.every()
    while piece := list(islice(coupons, _PIECE)):
        found.coupons += len(piece)
        wanted = [one for one in piece if one.code.upper().startswith(prefix.upper())]
        _adopt_piece(mint, wanted, found, campaign=campaign, person=person, dry_run=dry_run)
    if found.adopted and not dry_run:
        body = {"coupons": found.adopted, "prefix": prefix}
        subject = f"run {found.run_id}"
        with writing(mint.engine) as connection:
            audit.record(
                connection,
                at=mint.clock.now(),
                actor=person,
                action="codes.adopted",
                subject=subject,
                body=body,
            )
    return found


def _adopt_piece(
    mint: Mint, wanted: Sequence[Coupon], found: Adopted, *, campaign: str, person: str, dry_run: bool
) -> None:
    with reading(mint.engine) as connection:
        where = (codes.c.store_id == mint.store_id, codes.c.code.in_([one.code.upper() for one in wanted]))
        known = set(connection.scalars(sa.select(codes.c.code).where(*where)))
    new = [one for one in wanted if one.code.upper() not in known]
    found.known += len(wanted) - len(new)
    found.adopted += len(new)
    if dry_run or not new:
        return
    now = mint.clock.now()
    with writing(mint.engine) as connection:
        if found.run_id is None:
            found.run_id = _run(connection, mint.store_id, campaign, person, now)
        insert_new(connection, codes, [_row(mint.store_id, found.run_id, one, now) for one in new])
        stray = (
            drifts.c.store_id == mint.store_id,
            drifts.c.kind == DriftKind.STRAY,
            drifts.c.code.in_([one.code.upper() for one in new]),
        )
        values = {"state": DriftState.FIXED, "person": person, "note": "adopted", "decided_at": now}
        connection.execute(sa.update(drifts).where(*stray).values(values))


def _run(connection: Connection, store_id: int, campaign: str, person: str, now: datetime) -> int:
    """The run that a campaign's adopted coupons belong to."""
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
