"""The ledger against the store, code by code. The store's truth wins, and a coupon id can always be learned again.

Hourly only what changed in the store since the last time is read, and nothing at all where as much changed as we made
ourselves: after a large run, reading our own coupons again would take a request for each hundred of them. All of it is read on
demand (`reconcile`) and in the nightly look at drift (`drift/compare.py`), which sees what this passes over: edits of coupons
that were made in the same hour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import CodeState
from tillroll.ecwid.coupons import Coupon
from tillroll.ledger.engine import reading, streaming, writing
from tillroll.ledger.marks import Marks
from tillroll.ledger.tables import codes, stores
from tillroll.mint.coupon import as_kept, run_named_by, still_there
from tillroll.mint.drift.rows import gone_from_store
from tillroll.mint.parts import Mint

_PIECE = 500
_NOT_MADE = frozenset({CodeState.RESERVED, CodeState.FAILED, CodeState.REVOKED})


@dataclass(kw_only=True)
class Comparison:
    """What a comparison found; `agrees` is the whole answer in one word."""

    live_in_ledger: int = 0
    live_in_store: int = 0  # coupons of ours that the ledger has as live, with the same id
    missing: list[int] = field(default_factory=list)  # code rows that are live here and gone there
    unknown: int = 0  # coupons that carry our mark and that the ledger doesn't know
    put_right: int = 0
    drifts: int = 0  # coupons newly found to be otherwise than the ledger says

    @property
    def agrees(self) -> bool:
        """Every live code is in the store, and no coupon of ours is there that the ledger doesn't have as live."""
        return not self.missing and not self.unknown and self.live_in_ledger == self.live_in_store


def reconcile(mint: Mint) -> Comparison:
    """Read every coupon of the store and put the ledger right where it differs; flat in memory, a bit for each code."""
    comparison, began = Comparison(), mint.clock.now()
    with reading(mint.engine) as connection:
        of_store = codes.c.store_id == mint.store_id
        ends = sa.select(sa.func.min(codes.c.id), sa.func.max(codes.c.id)).where(of_store)
        first, last = connection.execute(ends).one()
    seen = Marks(first or 0, last or 0)
    coupons = mint.client.coupons.every()
    while piece := list(islice(coupons, _PIECE)):
        compare(mint, piece, comparison, seen)
    for row in _live(mint):
        comparison.live_in_ledger += 1
        if row.id not in seen:
            _confirm_missing(mint, row, comparison)
    reconciled(mint, began)
    return comparison


def reconciled(mint: Mint, at: datetime) -> None:
    """Write down that what changed up to a moment was looked at."""
    with writing(mint.engine) as connection:
        connection.execute(sa.update(stores).where(stores.c.id == mint.store_id).values(reconciled_at=at))


def compare(mint: Mint, coupons: Sequence[Coupon], comparison: Comparison, seen: Marks) -> None:
    """Some coupons of the store against the rows with their codes."""
    wanted = [coupon.code.upper() for coupon in coupons]
    with reading(mint.engine) as connection:
        where = (codes.c.store_id == mint.store_id, codes.c.code.in_(wanted))
        rows = {row.code: row for row in connection.execute(sa.select(codes).where(*where))}
    put_right: list[tuple[sa.Row[Any], dict[str, Any]]] = []
    for coupon in coupons:
        row = rows.get(coupon.code.upper())
        ours = run_named_by(coupon.name)
        if row is None:
            comparison.unknown += ours is not None
        elif row.state == CodeState.PAUSED and row.coupon_id == coupon.coupon_id:
            continue  # in the store, switched off: what is amiss with it is drift
        elif row.state == CodeState.LIVE and row.coupon_id != coupon.coupon_id and ours != row.run_id:
            continue  # made by hand under our code: a person decides, and the ledger doesn't take it for ours
        elif row.state == CodeState.LIVE:
            seen.add(row.id)
            comparison.live_in_store += 1
            if row.coupon_id != coupon.coupon_id:
                put_right.append((row, {"coupon_id": coupon.coupon_id}))
        elif row.state == CodeState.RESERVED and ours == row.run_id and _has_its_value(row, coupon):
            put_right.append((row, {"state": CodeState.LIVE, "coupon_id": coupon.coupon_id}))
            seen.add(row.id)
            comparison.live_in_store += 1
        elif row.state in _NOT_MADE and ours == row.run_id:
            comparison.unknown += 1
    comparison.put_right += len(put_right)
    write_compared(mint, put_right)


def write_compared(mint: Mint, put_right: Sequence[tuple[sa.Row[Any], dict[str, Any]]]) -> None:
    """Write what the store has otherwise, each only where the row still stands as it was read: one transaction a piece."""
    if not put_right:
        return
    with writing(mint.engine) as connection:
        for row, values in put_right:
            _write(connection, row, {**values, "changed_at": mint.clock.now()})


def _write(connection: Connection, row: sa.Row[Any], values: dict[str, Any]) -> None:
    still = (codes.c.id == row.id, codes.c.state == row.state)
    connection.execute(sa.update(codes).where(*still).values(values))


def _has_its_value(row: sa.Row[Any], coupon: Coupon) -> bool:
    """Whether a coupon gives what its code row wants, where that has a value of its own."""
    return row.value is None or coupon.discount == as_kept(row.value)


def _live(mint: Mint) -> Iterator[sa.Row[Any]]:
    with reading(mint.engine) as connection:
        where = (codes.c.store_id == mint.store_id, codes.c.state == CodeState.LIVE)
        with streaming(connection, sa.select(codes).where(*where)) as rows:
            yield from rows


def _confirm_missing(mint: Mint, row: sa.Row[Any], comparison: Comparison) -> None:
    """A code the pages didn't show: ask for it by name and number, since offsets move while others add and delete coupons."""
    coupon = still_there(mint.client, row)
    if coupon is not None:
        comparison.live_in_store += 1
        return
    comparison.missing.append(row.id)
    with writing(mint.engine) as connection:
        gone_from_store(connection, row, mint.clock.now())
