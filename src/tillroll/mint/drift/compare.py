"""Drift: every coupon of the store against the ledger, a page at a time, in flat memory. Nothing is put right here.

A look reads and writes down (`judge.py`); a person decides (`approve/drift.py`).
One process looks at a time (`claim.py`). Crash points: none that matter: a look that is cut short is begun anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa

from tillroll.campaign.states import (
    CODE_IN_STORE,
    CodeState,
)
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.marks import Marks
from tillroll.ledger.tables import codes, stores
from tillroll.mint.coupon import still_there
from tillroll.mint.drift.claim import claim, keep, take
from tillroll.mint.drift.judge import Judge, change_if_there, with_parts
from tillroll.mint.drift.rows import close_unseen, gone_from_store
from tillroll.mint.parts import Mint
from tillroll.mint.wished import Wishes

_PIECE = 500


class Look:
    """One look at all coupons of a store; `step` goes on with it for a while."""

    @classmethod
    def unless_another(cls, mint: Mint) -> Look | None:
        """A look, unless another process is at one; then None."""
        now = mint.clock.now()
        with writing(mint.engine) as connection:
            ours = claim(connection, mint.store_id, now)
        return cls(mint, now) if ours else None

    @classmethod
    def in_any_case(cls, mint: Mint) -> Look:
        """A look that somebody waits for: it takes the place of one that another process is at."""
        now = mint.clock.now()
        with writing(mint.engine) as connection:
            take(connection, mint.store_id, now)
        return cls(mint, now)

    def __init__(self, mint: Mint, began: datetime) -> None:
        self._mint = mint
        self._began = self._mine = began
        self.taken_over = False  # another look has begun since: this one came to nothing
        self._judge = Judge(mint, self._began)
        self.tally = self._judge.tally
        with reading(mint.engine) as connection:
            of_store = sa.select(sa.func.min(codes.c.id), sa.func.max(codes.c.id))
            first, last = connection.execute(of_store.where(codes.c.store_id == mint.store_id)).one()
        self._seen = Marks(first or 0, last or 0)
        self._work = self._pieces()

    def is_older_than(self, moment: datetime | None) -> bool:
        """Whether another look was over since this one began."""
        return moment is not None and moment > self._began

    def step(self, until: datetime) -> bool:
        """Go on until then; whether the look is over."""
        if not self._go_on(self._mint.clock.now()):
            return True
        while next(self._work, None) is not None:
            if self._mint.clock.now() >= until:
                return False
        return True

    def _go_on(self, now: datetime) -> bool:
        mint = self._mint
        with writing(mint.engine) as connection:
            self.taken_over = not keep(connection, mint.store_id, self._mine, now)
        self._mine = now
        return not self.taken_over

    def _pieces(self) -> Iterator[bool]:
        coupons = self._mint.client.coupons.every()
        while piece := list(islice(coupons, _PIECE)):
            for code_id in self._judge.compare(piece):
                self._seen.add(code_id)
            yield True
        yield from self._missing()
        self._close()

    def _missing(self) -> Iterator[bool]:
        """Codes that no page showed: asked for one by one, since pages move while others add and delete coupons."""
        mint, after = self._mint, 0
        in_store = codes.c.state.in_(sorted(CODE_IN_STORE))
        query = with_parts(mint.store_id).where(in_store, codes.c.changed_at < self._began)
        while True:
            piece = query.where(codes.c.id > after).order_by(codes.c.id).limit(_PIECE * 10)
            with reading(mint.engine) as connection:
                rows = connection.execute(piece).all()
            if not rows:
                return
            after = rows[-1].id
            for row in rows:
                if row.id not in self._seen and not row.open_parts:
                    self._confirm(row)
                    yield True

    def _confirm(self, row: sa.Row[Any]) -> None:
        mint = self._mint
        coupon = still_there(mint.client, row)
        now = mint.clock.now()
        with writing(mint.engine) as connection:
            if coupon is not None:
                self._judge.judge(connection, Wishes(connection), coupon, row)
                return
            if row.ends_at is not None and row.ends_at <= self._began:  # somebody tidied up
                change_if_there(connection, row, now, state=CodeState.CLEARED, reason="deleted in the store")
                return
            gone_from_store(connection, row, now)
            self.tally.drifts += 1
            self.tally.new += 1

    def _close(self) -> None:
        mint = self._mint
        now = mint.clock.now()
        with writing(mint.engine) as connection:
            self.taken_over = not keep(connection, mint.store_id, self._mine, None)
            if self.taken_over:
                return
            over = close_unseen(connection, mint.store_id, since=self._began, now=now)
            connection.execute(sa.update(stores).where(stores.c.id == mint.store_id).values(drift_at=now))
            if self.tally.new or over:
                body = {"coupons": self.tally.coupons, "new": self.tally.new, "over": over}
                audit.record(
                    connection, at=now, actor="loop", action="drift.found", subject="store", body=body
                )
