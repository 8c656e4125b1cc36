"""What changed in the store since the last time, hourly and a little at a time: new coupons, deleted ones, and edits by others.

After a large run, reading our own coupons again would take a request for each hundred of them. So where as much changed as we
made ourselves, only what was edited later than it was made is asked for: the coupons of each minute in which we made some, if
they changed after it. What is passed over then, the nightly look finds (`drift/compare.py`): an edit in the very minute in which
its coupon was made, and one among more coupons than a few that we changed ourselves in that hour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

import sqlalchemy as sa

from tillroll.campaign.states import CODE_IN_STORE
from tillroll.ecwid.coupons import Coupon
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.marks import Marks
from tillroll.ledger.own import made_since, making_since
from tillroll.ledger.tables import codes
from tillroll.mint.decide import SKEW
from tillroll.mint.drift.judge import Judge
from tillroll.mint.drift.rows import gone_from_store
from tillroll.mint.parts import Mint
from tillroll.mint.reconcile import Comparison, compare, reconciled

_PIECE = 500
_FEW = 500  # coupons that are read whatever they are: five requests
_MINUTE = timedelta(minutes=1)
_SECONDS = timedelta(seconds=2)  # a coupon may count as changed when it is made, a moment later


class Recent:
    """One such look; `step` goes on with it for a while."""

    def __init__(self, mint: Mint, since: datetime) -> None:
        self._mint, self._began = mint, mint.clock.now()
        self._since = since - SKEW
        self._judge = Judge(mint, self._began)
        self.comparison = Comparison()
        self._work = self._pieces()

    def step(self, until: datetime) -> bool:
        """Go on until then; whether it is over."""
        while next(self._work, None) is not None:
            if self._mint.clock.now() >= until:
                return False
        return True

    def _pieces(self) -> Iterator[bool]:
        mint, coupons = self._mint, self._mint.client.coupons
        since = self._by_store(self._since)
        with reading(mint.engine) as connection:
            ours = made_since(connection, mint.store_id, self._since)
        changed = coupons.count(updated_from=since)
        if changed <= _FEW or changed != ours:
            yield from self._read(coupons.every(updated_from=since))
        else:
            yield from self._edited(since)
        deleted = coupons.deleted(since)
        while gone := [int(one.id) for one in islice(deleted, _PIECE)]:
            self._forget(gone)
            yield True
        self._close()

    def _by_store(self, moment: datetime) -> datetime:
        """A moment of ours by the store's clock: its dates are by that."""
        return moment + (self._mint.client.connection.skew or timedelta(0))

    def _edited(self, since: datetime) -> Iterator[bool]:
        """Coupons that changed since they were made: older ones, if they are few, and those of each minute of making."""
        mint, coupons = self._mint, self._mint.client.coupons
        if 0 < coupons.count(created_to=since, updated_from=since) <= _FEW:
            yield from self._read(coupons.every(created_to=since, updated_from=since))
        with reading(mint.engine) as connection:
            span = making_since(connection, mint.store_id, self._since)
        start, end = (self._by_store(one) for one in span)
        start = max(start, since)
        while start <= end:
            after = start + _MINUTE
            yield from self._read(
                coupons.every(created_from=start, created_to=after, updated_from=after + _SECONDS)
            )
            yield True
            start = after

    def _read(self, coupons: Iterator[Coupon]) -> Iterator[bool]:
        while piece := list(islice(coupons, _PIECE)):
            compare(self._mint, piece, self.comparison, Marks(0, 0))
            self._judge.compare(piece)
            yield True

    def _forget(self, coupon_ids: Sequence[int]) -> None:
        """Coupons that were deleted in the store, if they were ours and the ledger still counts on them."""
        mint = self._mint
        ours = (codes.c.store_id == mint.store_id, codes.c.coupon_id.in_(coupon_ids))
        with writing(mint.engine) as connection:
            query = sa.select(codes).where(*ours, codes.c.state.in_(sorted(CODE_IN_STORE)))
            for row in connection.execute(query).all():
                gone_from_store(connection, row, mint.clock.now())
                self.comparison.missing.append(row.id)

    def _close(self) -> None:
        mint, tally = self._mint, self._judge.tally
        self.comparison.drifts = tally.new
        if tally.new:
            body = {"coupons": tally.coupons, "new": tally.new}
            with writing(mint.engine) as connection:
                audit.record(
                    connection,
                    at=mint.clock.now(),
                    actor="loop",
                    action="drift.found",
                    subject="store",
                    body=body,
                )
        reconciled(mint, self._began)
