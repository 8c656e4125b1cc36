"""The ledger against the store, code by code. The store's truth wins, and a coupon id can always be learned again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from tillroll.campaign.states import CodeState
from tillroll.ecwid.coupons import Coupon
from tillroll.ledger.engine import reading, streaming, writing
from tillroll.ledger.tables import codes, stores
from tillroll.mint.coupon import as_kept, run_named_by, still_there
from tillroll.mint.drift_rows import gone_from_store
from tillroll.mint.parts import Mint

_PIECE = 500


@dataclass(kw_only=True)
class Comparison:
    """What a comparison found; `agrees` is the whole answer in one word."""

    live_in_ledger: int = 0
    live_in_store: int = 0  # coupons of ours that the ledger has as live, with the same id
    missing: list[int] = field(default_factory=list)  # code rows that are live here and gone there
    unknown: int = 0  # coupons that carry our mark and that the ledger doesn't know
    put_right: int = 0

    @property
    def agrees(self) -> bool:
        """Every live code is in the store, and no coupon of ours is there that the ledger doesn't have as live."""
        return not self.missing and not self.unknown and self.live_in_ledger == self.live_in_store


def reconcile(mint: Mint) -> Comparison:
    """Read every coupon of the store and put the ledger right where it differs."""
    comparison = Comparison()
    seen: set[int] = set()
    piece: list[Coupon] = []
    for coupon in mint.client.coupons.every():
        piece.append(coupon)
        if len(piece) == _PIECE:
            _compare(mint, piece, comparison, seen)
            piece = []
    _compare(mint, piece, comparison, seen)
    for row in _live(mint):
        comparison.live_in_ledger += 1
        if row.id not in seen:
            _confirm_missing(mint, row, comparison)
    with writing(mint.engine) as connection:
        connection.execute(
            sa.update(stores).where(stores.c.id == mint.store_id).values(reconciled_at=mint.clock.now())
        )
    return comparison


def _compare(mint: Mint, coupons: list[Coupon], comparison: Comparison, seen: set[int]) -> None:
    """Some coupons of the store against the rows with their codes."""
    wanted = [coupon.code.upper() for coupon in coupons]
    with reading(mint.engine) as connection:
        where = (codes.c.store_id == mint.store_id, codes.c.code.in_(wanted))
        rows = {row.code: row for row in connection.execute(sa.select(codes).where(*where))}
    for coupon in coupons:
        row = rows.get(coupon.code.upper())
        ours = run_named_by(coupon.name)
        if row is None:
            comparison.unknown += ours is not None
        elif row.state == CodeState.PAUSED and row.coupon_id == coupon.coupon_id:
            continue  # in the store, switched off: what is amiss with it is drift
        elif row.state == CodeState.LIVE:
            seen.add(row.id)
            comparison.live_in_store += 1
            if row.coupon_id != coupon.coupon_id:
                _correct(mint, row, coupon_id=coupon.coupon_id)
                comparison.put_right += 1
        elif row.state == CodeState.RESERVED and ours == row.run_id and _has_its_value(row, coupon):
            _correct(mint, row, state=CodeState.LIVE, coupon_id=coupon.coupon_id)
            seen.add(row.id)
            comparison.live_in_store += 1
            comparison.put_right += 1
        elif row.state in {CodeState.RESERVED, CodeState.FAILED, CodeState.REVOKED} and ours == row.run_id:
            comparison.unknown += 1


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


def _correct(mint: Mint, row: sa.Row[Any], **values: Any) -> None:
    with writing(mint.engine) as connection:
        connection.execute(
            sa.update(codes)
            .where(codes.c.id == row.id, codes.c.state == row.state)
            .values({**values, "changed_at": mint.clock.now()})
        )
