"""The nightly comparison: every coupon of the store with the ledger, a page at a time, in flat memory. Nothing is fixed here.

It reads and records (`judge.py`); a person decides (`approve/drift.py`). One process compares at a time (`claim.py`). No crash
points: a comparison that was cut short is started again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa

from tillroll.campaign.figures.batched import batched
from tillroll.campaign.states import CODE_IN_STORE, CodeCause, CodeState, ItemKind, Stage
from tillroll.errors import Refused
from tillroll.ledger import audit
from tillroll.ledger.bulk.bitmap import Bitmap
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.faults.boundary import contained
from tillroll.ledger.faults.rows import FaultyItem
from tillroll.ledger.tables import codes, stores
from tillroll.mint.context import MintContext
from tillroll.mint.coupon import find_coupon
from tillroll.mint.desired_coupon import DesiredCoupons
from tillroll.mint.reconcile.claim import claim, keep, take
from tillroll.mint.reconcile.drift_rows import close_unseen, record_gone
from tillroll.mint.reconcile.judge import (
    ComparedCode,
    CouponJudge,
    select_compared,
    update_if_in_store,
)

_PIECE = 500


class NightlyComparison:
    """A comparison of all coupons of a store; `step` continues it until a deadline."""

    @classmethod
    def start_unless_running(cls, context: MintContext) -> NightlyComparison | None:
        """Start a comparison, or return None if another process is running one."""
        now = context.clock.now()
        with writing(context.engine) as connection:
            is_ours = claim(connection, context.store_id, now)
        return cls(context, now) if is_ours else None

    @classmethod
    def start_anyway(cls, context: MintContext) -> NightlyComparison:
        """Start a comparison that a person waits for, in place of any that another process is running."""
        now = context.clock.now()
        with writing(context.engine) as connection:
            take(connection, context.store_id, now)
        return cls(context, now)

    def __init__(self, context: MintContext, began: datetime) -> None:
        self._context = context
        self._began = self._continued_at = began
        self.taken_over = False  # another comparison was started since: this one has no result
        self._judge = CouponJudge(context, self._began)
        self.tally = self._judge.tally
        with reading(context.engine) as connection:
            of_store = sa.select(sa.func.min(codes.c.id), sa.func.max(codes.c.id))
            first, last = connection.execute(of_store.where(codes.c.store_id == context.store_id)).one()
        self._seen = Bitmap(first or 0, last or 0)
        self._work = self._pieces()

    def is_older_than(self, moment: datetime | None) -> bool:
        """Return whether another comparison ended after this one was started."""
        return moment is not None and moment > self._began

    def step(self, until: datetime) -> bool:
        """Continue until a deadline. Returns whether the comparison has ended."""
        if not self._keep(self._context.clock.now()):
            return True
        while next(self._work, None) is not None:
            if self._context.clock.now() >= until:
                return False
        return True

    def _keep(self, now: datetime) -> bool:
        """Record that the comparison is continued. Returns False if another process has taken it over."""
        context = self._context
        with writing(context.engine) as connection:
            self.taken_over = not keep(connection, context.store_id, self._continued_at, now)
        self._continued_at = now
        return not self.taken_over

    def _pieces(self) -> Iterator[bool]:
        for piece in batched(self._context.client.coupons.every(), _PIECE):
            for code_id in self._judge.compare(piece):
                self._seen.add(code_id)
            yield True
        yield from self._missing()
        self._close()

    def _missing(self) -> Iterator[bool]:
        """Ask for each code that no page showed: pages shift while others add and delete coupons."""
        context, after = self._context, 0
        in_store = codes.c.state.in_(sorted(CODE_IN_STORE))
        query = select_compared(context.store_id).where(in_store, codes.c.changed_at < self._began)
        while True:
            piece = query.where(codes.c.id > after).order_by(codes.c.id).limit(_PIECE * 10)
            with reading(context.engine) as connection:
                rows = connection.execute(piece).all()  # bare rows: almost all of them were seen
            if not rows:
                return
            after = rows[-1].id
            for row in rows:
                if row.id not in self._seen and not row.under_change:
                    item = FaultyItem(
                        store_id=context.store_id, kind=ItemKind.CODE, name=str(row.id), run_id=row.run_id
                    )
                    now = context.clock.now()
                    with contained(context.engine, item, stage=Stage.COMPARE, now=now, raised=(Refused,)):
                        self._confirm_missing(ComparedCode.from_row(row))
                    yield True

    def _confirm_missing(self, code: ComparedCode) -> None:
        """Ask the store for one code, and record its drift, or that its coupon is gone."""
        context = self._context
        coupon = find_coupon(context.client, code)
        now = context.clock.now()
        with writing(context.engine) as connection:
            if coupon is not None:
                self._judge.judge(connection, DesiredCoupons(connection), coupon, code)
                return
            if code.ends_at is not None and code.ends_at <= self._began:  # somebody deleted an expired coupon
                values = {
                    "state": CodeState.CLEARED,
                    "cause": CodeCause.NONE,
                    "reason": "deleted in the store",
                }
                update_if_in_store(connection, code, now, **values)
                return
            record_gone(connection, code, now)
            self.tally.drifts += 1
            self.tally.new += 1

    def _close(self) -> None:
        """End the comparison: close the drifts that were not seen, and record when it ended."""
        context = self._context
        now = context.clock.now()
        with writing(context.engine) as connection:
            self.taken_over = not keep(connection, context.store_id, self._continued_at, None)
            if self.taken_over:
                return
            closed = close_unseen(connection, context.store_id, since=self._began, now=now)
            of_store = stores.c.id == context.store_id
            connection.execute(sa.update(stores).where(of_store).values(drift_at=now))
            if self.tally.new or closed:
                body = {"coupons": self.tally.coupons, "new": self.tally.new, "over": closed}
                audit.record(
                    connection, at=now, actor="loop", action="drift.found", subject="store", body=body
                )
