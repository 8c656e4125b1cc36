"""Codes of ours that the store has and a restored ledger doesn't know: taken over from the store instead of made anew.

A run that was making codes when the backup was taken gives them to its recipients that have none yet, those of the same arm and
value; everything else belongs to its run and to nobody, so that it counts, and can be revoked. Crash points: between pieces; a
restart passes over what the ledger has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import FORGOTTEN, CodeState, RunState
from tillroll.ecwid.client import Client
from tillroll.ecwid.coupons import Coupon
from tillroll.ledger.engine import insert_new, reading, writing
from tillroll.ledger.tables import codes, recipients, runs
from tillroll.mint.coupon import Pattern, as_kept, pattern, run_named_by
from tillroll.mint.parts import Mint

_PIECE = 500


@dataclass(kw_only=True)
class Unknown:
    """What the store has of ours that the ledger doesn't know."""

    by_run: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def codes(self) -> int:
        """All of them."""
        return sum(self.by_run.values())


def lost_slot(run_id: int) -> str:
    """The slot of a run that stands for one whose number another run has by now."""
    return f"run {run_id} from before the restore"


def count_unknown(mint: Mint, client: Client) -> Unknown:
    """Read every coupon of the store and count those of ours that the ledger doesn't know, by the run they name."""
    found = Unknown()
    for run_id, coupons in _unknown(mint, client):
        found.by_run[run_id] += len(coupons)
    return found


def regain(mint: Mint) -> Unknown:
    """Take them into the ledger. Every run that they name must be there."""
    found = Unknown()
    for run_id, coupons in _unknown(mint, mint.client):
        with writing(mint.engine) as connection:
            _take_over(connection, _run(connection, mint.store_id, run_id), coupons, mint.clock.now())
        found.by_run[run_id] += len(coupons)
    return found


def _unknown(mint: Mint, client: Client) -> Iterator[tuple[int, Sequence[Coupon]]]:
    every = client.coupons.every()
    while piece := list(islice(every, _PIECE)):
        ours: dict[int, dict[str, Coupon]] = defaultdict(dict)
        for coupon in piece:
            if (run_id := run_named_by(coupon.name)) is not None:
                ours[run_id][coupon.code.upper()] = coupon
        wanted = [code for found in ours.values() for code in found]
        with reading(mint.engine) as connection:
            where = (codes.c.store_id == mint.store_id, codes.c.code.in_(wanted))
            known = set(connection.scalars(sa.select(codes.c.code).where(*where)))
        for run_id, found in sorted(ours.items()):
            if lost := [coupon for code, coupon in found.items() if code not in known]:
                yield run_id, lost


def _run(connection: Connection, store_id: int, run_id: int) -> sa.Row[Any]:
    """The run that coupons name, or the one that stands for it."""
    same = sa.or_(runs.c.id == run_id, runs.c.slot_key == lost_slot(run_id))
    return connection.execute(sa.select(runs).where(runs.c.store_id == store_id, same)).one()


def _take_over(connection: Connection, run: sa.Row[Any], coupons: Sequence[Coupon], now: datetime) -> None:
    theirs = _for_whom(connection, run, coupons) if run.state == RunState.MINTING else {}
    rows = [_row(run, coupon, theirs.get(coupon.coupon_id), now) for coupon in coupons]
    insert_new(connection, codes, rows)


def _for_whom(
    connection: Connection, run: sa.Row[Any], coupons: Sequence[Coupon]
) -> Mapping[int, sa.Row[Any]]:
    """A recipient without a code for each coupon that gives what theirs would: coupon's id → recipient."""
    request = pattern(connection, run)
    standing = sa.exists().where(codes.c.recipient_id == recipients.c.id, codes.c.state != CodeState.CLASHED)
    query = sa.select(recipients).where(recipients.c.plan_id == run.plan_id, ~standing)
    waiting: dict[tuple[str, Any], list[sa.Row[Any]]] = defaultdict(list)
    for row in connection.execute(query.order_by(recipients.c.id)):
        waiting[_gives(request, row)].append(row)
    found = {}
    for coupon in coupons:
        if same := waiting.get((coupon.discount_type, coupon.discount)):
            found[coupon.coupon_id] = same.pop()
    return found


def _gives(request: Pattern, recipient: sa.Row[Any]) -> tuple[str, Any]:
    arm = request.arms[recipient.arm]
    return arm.discount_type, as_kept(recipient.value if recipient.value is not None else arm.discount)


def _row(run: sa.Row[Any], coupon: Coupon, whose: sa.Row[Any] | None, now: datetime) -> dict[str, Any]:
    own_times = (
        run.valid_until is None
    )  # a run that had not begun, or that the ledger knows by its codes alone
    return {
        "store_id": run.store_id,
        "run_id": run.id,
        "recipient_id": whose.id if whose is not None else None,
        "code": coupon.code.upper(),
        "state": CodeState.LIVE,
        "coupon_id": coupon.coupon_id,
        "arm": whose.arm if whose is not None else "",
        "value": whose.value if whose is not None else None,
        "valid_from": coupon.launches_at if own_times else None,
        "valid_until": coupon.expires_at if own_times else None,
        "handed_at": None if whose is not None else now,  # whose it is, is not known: it is nobody else's
        "reason": FORGOTTEN,
        "reserved_at": coupon.created_at or now,
        "changed_at": now,
    }
