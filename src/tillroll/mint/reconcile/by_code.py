"""Comparing the ledger with the store, code by code. The store's truth wins: a lost coupon id can always be learned again.

`reconcile` reads every coupon, on demand; `hourly.py` compares only what changed since the last time; the nightly comparison
(`nightly.py`) finds drift.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.figures.batched import batched
from tillroll.campaign.states import CodeState
from tillroll.ecwid.endpoints.coupons import Coupon
from tillroll.ledger.bulk.bitmap import Bitmap
from tillroll.ledger.engine import reading, streaming, writing
from tillroll.ledger.records import Code
from tillroll.ledger.tables import codes, stores
from tillroll.mint.context import MintContext
from tillroll.mint.coupon import as_stored, find_coupon, run_id_in_name
from tillroll.mint.reconcile.drift_rows import record_gone

_PIECE = 500
_NOT_MADE = frozenset({CodeState.RESERVED, CodeState.FAILED, CodeState.REVOKED})

_Correction = tuple[Code, dict[str, Any]]
"""A code as it was read, with the values to correct."""


@dataclass(kw_only=True)
class Comparison:
    """The result of a comparison."""

    live_in_ledger: int = 0
    live_in_store: int = 0  # coupons of ours that the ledger has as live, with the same id
    missing: list[int] = field(
        default_factory=list
    )  # codes that are live in the ledger and gone from the store
    unknown: int = 0  # coupons with our mark that the ledger does not know
    corrected: int = 0  # codes that the ledger had otherwise
    drifts: int = 0  # newly found coupons that differ from the ledger

    @property
    def agrees(self) -> bool:
        """Whether every live code is in the store, and the store has no coupon of ours that is not live in the ledger."""
        return not self.missing and not self.unknown and self.live_in_ledger == self.live_in_store


def reconcile(context: MintContext) -> Comparison:
    """Read every coupon of the store and correct the ledger where it differs. Memory stays flat: a bit for each code."""
    comparison, began = Comparison(), context.clock.now()
    with reading(context.engine) as connection:
        of_store = codes.c.store_id == context.store_id
        ends = sa.select(sa.func.min(codes.c.id), sa.func.max(codes.c.id)).where(of_store)
        first, last = connection.execute(ends).one()
    seen = Bitmap(first or 0, last or 0)
    for piece in batched(context.client.coupons.every(), _PIECE):
        compare(context, piece, comparison, seen)
    for row in _live(context):
        comparison.live_in_ledger += 1
        if row.id not in seen:
            _confirm_missing(context, Code.from_row(row), comparison)
    record_reconciled(context, began)
    return comparison


def record_reconciled(context: MintContext, at: datetime) -> None:
    """Record up to when changes in the store were compared."""
    of_store = stores.c.id == context.store_id
    with writing(context.engine) as connection:
        connection.execute(sa.update(stores).where(of_store).values(reconciled_at=at))


def compare(context: MintContext, coupons: Sequence[Coupon], comparison: Comparison, seen: Bitmap) -> None:
    """Compare some coupons of the store with the codes of the ledger; `seen` gets the codes that are live in both."""
    texts = [coupon.code.upper() for coupon in coupons]
    with reading(context.engine) as connection:
        where = (codes.c.store_id == context.store_id, codes.c.code.in_(texts))
        rows = [Code.from_row(row) for row in connection.execute(sa.select(codes).where(*where))]
    by_text = {code.code: code for code in rows}
    corrections: list[_Correction] = []
    for coupon in coupons:
        code = by_text.get(coupon.code.upper())
        run_id = run_id_in_name(coupon.name)
        if code is None:
            comparison.unknown += run_id is not None
        elif code.state == CodeState.PAUSED and code.coupon_id == coupon.coupon_id:
            continue  # in the store and switched off: whatever differs is drift
        elif code.state == CodeState.LIVE and code.coupon_id != coupon.coupon_id and run_id != code.run_id:
            continue  # made by hand under our code: the ledger does not take it for ours, and a person decides
        elif code.state == CodeState.LIVE:
            seen.add(code.id)
            comparison.live_in_store += 1
            if code.coupon_id != coupon.coupon_id:
                corrections.append((code, {"coupon_id": coupon.coupon_id}))
        elif code.state == CodeState.RESERVED and run_id == code.run_id and _has_its_value(code, coupon):
            corrections.append((code, {"state": CodeState.LIVE, "coupon_id": coupon.coupon_id}))
            seen.add(code.id)
            comparison.live_in_store += 1
        elif code.state in _NOT_MADE and run_id == code.run_id:
            comparison.unknown += 1
    comparison.corrected += len(corrections)
    write_corrections(context, corrections)


def write_corrections(context: MintContext, corrections: Sequence[_Correction]) -> None:
    """Correct codes in one transaction, each only if its state is still the one that was read."""
    if not corrections:
        return
    with writing(context.engine) as connection:
        for code, values in corrections:
            _write(connection, code, {**values, "changed_at": context.clock.now()})


def _write(connection: Connection, code: Code, values: dict[str, Any]) -> None:
    unchanged = (codes.c.id == code.id, codes.c.state == code.state)
    connection.execute(sa.update(codes).where(*unchanged).values(values))


def _has_its_value(code: Code, coupon: Coupon) -> bool:
    """Return whether a coupon gives the code's own value, if it has one."""
    return code.value is None or coupon.discount == as_stored(code.value)


def _live(context: MintContext) -> Iterator[sa.Row[Any]]:
    """Yield the store's live codes. Bare rows, since there may be a million and most are only counted."""
    with reading(context.engine) as connection:
        where = (codes.c.store_id == context.store_id, codes.c.state == CodeState.LIVE)
        with streaming(connection, sa.select(codes).where(*where)) as rows:
            yield from rows


def _confirm_missing(context: MintContext, code: Code, comparison: Comparison) -> None:
    """Ask for a code that no page showed, by code and number: pages shift while others add and delete coupons."""
    if find_coupon(context.client, code) is not None:
        comparison.live_in_store += 1
        return
    comparison.missing.append(code.id)
    with writing(context.engine) as connection:
        record_gone(connection, code, context.clock.now())
