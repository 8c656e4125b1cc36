"""What changed in the store since the last comparison: new coupons, deleted ones, and edits by others. Compared every hour.

After a large run, reading our own coupons again would take a request for each hundred of them. So if exactly as many coupons
changed as we made ourselves, only those are read that were edited after the minute in which they were made. The nightly
comparison (`nightly.py`) finds what this misses: an edit in the same minute in which a coupon was made, and an edit among many
older coupons that we changed ourselves in that hour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from tillroll.campaign.figures.batched import batched
from tillroll.campaign.states import CODE_IN_STORE
from tillroll.ecwid.endpoints.coupons import Coupon
from tillroll.ledger import audit
from tillroll.ledger.bulk.bitmap import Bitmap
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.mirror.own_writes import count_made_since, making_since
from tillroll.ledger.records import Code
from tillroll.ledger.tables import codes
from tillroll.mint.context import MintContext
from tillroll.mint.decide import SKEW
from tillroll.mint.reconcile.by_code import Comparison, compare, record_reconciled
from tillroll.mint.reconcile.drift_rows import record_gone
from tillroll.mint.reconcile.judge import CouponJudge

_PIECE = 500
_FEW = 500  # coupons that are always read: five requests
_MINUTE = timedelta(minutes=1)
_SECONDS = timedelta(seconds=2)  # the store may date a coupon's last change a moment after its creation


class RecentComparison:
    """A comparison of recent changes; `step` continues it until a deadline."""

    def __init__(self, context: MintContext, since: datetime) -> None:
        self._context, self._began = context, context.clock.now()
        self._since = since - SKEW
        self._judge = CouponJudge(context, self._began)
        self.comparison = Comparison()
        self._work = self._pieces()

    def step(self, until: datetime) -> bool:
        """Continue until a deadline. Returns whether the comparison is complete."""
        while next(self._work, None) is not None:
            if self._context.clock.now() >= until:
                return False
        return True

    def _pieces(self) -> Iterator[bool]:
        context, coupons = self._context, self._context.client.coupons
        since = self._by_store_clock(self._since)
        with reading(context.engine) as connection:
            made_by_us = count_made_since(connection, context.store_id, self._since)
        changed = coupons.count(updated_from=since)
        if changed <= _FEW or changed != made_by_us:
            yield from self._compare(coupons.every(updated_from=since))
        else:
            yield from self._compare_edited(since)
        for deleted in batched(coupons.deleted(since), _PIECE):
            self._record_deleted([coupon.number for coupon in deleted if coupon.number is not None])
            yield True
        self._close()

    def _by_store_clock(self, moment: datetime) -> datetime:
        """Convert a moment to the store's clock, which dates its coupons."""
        return moment + (self._context.client.connection.skew or timedelta(0))

    def _compare_edited(self, since: datetime) -> Iterator[bool]:
        """Compare coupons that were edited after they were made: older ones if they are few, and those of each minute since."""
        context, coupons = self._context, self._context.client.coupons
        if 0 < coupons.count(created_to=since, updated_from=since) <= _FEW:
            yield from self._compare(coupons.every(created_to=since, updated_from=since))
        with reading(context.engine) as connection:
            span = making_since(connection, context.store_id, self._since)
        start, end = (self._by_store_clock(moment) for moment in span)
        start = max(start, since)
        while start <= end:
            after = start + _MINUTE
            yield from self._compare(
                coupons.every(created_from=start, created_to=after, updated_from=after + _SECONDS)
            )
            yield True
            start = after

    def _compare(self, coupons: Iterator[Coupon]) -> Iterator[bool]:
        for piece in batched(coupons, _PIECE):
            compare(self._context, piece, self.comparison, Bitmap(0, 0))
            self._judge.compare(piece)
            yield True

    def _record_deleted(self, coupon_ids: Sequence[int]) -> None:
        """Record that coupons were deleted in the store, if they were ours and the ledger has them in the store."""
        context = self._context
        ours = (codes.c.store_id == context.store_id, codes.c.coupon_id.in_(coupon_ids))
        with writing(context.engine) as connection:
            query = sa.select(codes).where(*ours, codes.c.state.in_(sorted(CODE_IN_STORE)))
            for row in connection.execute(query).all():
                record_gone(connection, Code.from_row(row), context.clock.now())
                self.comparison.missing.append(row.id)

    def _close(self) -> None:
        context, tally = self._context, self._judge.tally
        self.comparison.drifts = tally.new
        if tally.new:
            body = {"coupons": tally.coupons, "new": tally.new}
            with writing(context.engine) as connection:
                audit.record(
                    connection,
                    at=context.clock.now(),
                    actor="loop",
                    action="drift.found",
                    subject="store",
                    body=body,
                )
        record_reconciled(context, self._began)
