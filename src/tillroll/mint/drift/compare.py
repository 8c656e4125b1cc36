"""Drift: every coupon of the store against the ledger, a page at a time, in flat memory. Nothing is put right here.

A look reads and writes down; a person decides (`approve/drift.py`). Two things the ledger takes from the store at once, so that
no e-mail shows a code that doesn't work: a coupon that is gone makes its code revoked, one that was switched off makes it paused.
One process looks at a time (`claim.py`). Crash points: none that matter: a look that is cut short is begun anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import (
    CODE_IN_STORE,
    PART_OPEN,
    SWITCHED_OFF_THERE,
    CodeState,
    DriftKind,
)
from tillroll.ecwid.coupons import Coupon
from tillroll.errors import Conflict
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.given import works_until
from tillroll.ledger.tables import change_parts, codes, runs, stores
from tillroll.mint.coupon import run_named_by, still_there
from tillroll.mint.drift.claim import claim, keep, take
from tillroll.mint.drift.differences import Difference, differences
from tillroll.mint.drift.prefixes import our_prefixes
from tillroll.mint.drift.rows import close_unseen, gone_from_store, note
from tillroll.mint.parts import Mint
from tillroll.mint.wished import Wishes

_PIECE = 500
_GONE = frozenset({CodeState.REVOKED, CodeState.CLEARED})
_NOT_MADE = frozenset({CodeState.RESERVED, CodeState.FAILED, CodeState.CLASHED})


@dataclass(kw_only=True)
class Tally:
    """What a look has come to so far."""

    coupons: int = 0
    drifts: int = 0  # of these, that a person has to decide on or has decided
    new: int = 0


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
        self.tally = Tally()
        with reading(mint.engine) as connection:
            of_store = sa.select(sa.func.min(codes.c.id), sa.func.max(codes.c.id))
            first, last = connection.execute(of_store.where(codes.c.store_id == mint.store_id)).one()
            where = stores.c.id == mint.store_id
            self._currency = str(connection.scalar(sa.select(stores.c.currency).where(where)))
            self._prefixes = our_prefixes(connection, mint.store_id)
        self._first = first or 0
        self._seen = bytearray(((last or 0) - self._first) // 8 + 1)  # a bit for each code
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
            self._compare(piece)
            yield True
        yield from self._missing()
        self._close()

    def _see(self, code_id: int) -> None:
        at = code_id - self._first
        if 0 <= at < len(self._seen) * 8:
            self._seen[at // 8] |= 1 << at % 8

    def _was_seen(self, code_id: int) -> bool:
        at = code_id - self._first
        return at // 8 >= len(self._seen) or bool(self._seen[at // 8] & 1 << at % 8)

    def _compare(self, piece: Sequence[Coupon]) -> None:
        """Some coupons of the store against the codes of the ledger."""
        self.tally.coupons += len(piece)
        mint = self._mint
        with writing(mint.engine) as connection:
            rows = _rows_of(connection, mint.store_id, piece)
            wishes = Wishes(connection)
            for coupon in piece:
                row = rows.get(coupon.coupon_id)
                if row is not None:
                    self._see(row.id)
                self._judge(connection, wishes, coupon, row)

    def _judge(self, connection: Connection, wishes: Wishes, coupon: Coupon, row: sa.Row[Any] | None) -> None:
        if row is None:
            if run_named_by(coupon.name) is not None or coupon.code.upper().startswith(self._prefixes):
                self._note(connection, DriftKind.STRAY, coupon, None, [])
        elif row.open_parts or row.changed_at >= self._began:
            return  # a change is at it, or was since the page was read
        elif row.state in CODE_IN_STORE:
            self._differs(connection, wishes, coupon, row)
        elif row.state in _GONE and coupon.coupon_id == row.coupon_id:
            self._note(connection, DriftKind.STILL_THERE, coupon, row, [])
        elif row.state in _NOT_MADE and run_named_by(coupon.name) != row.run_id:
            self._note(connection, DriftKind.CLASH, coupon, row, [])

    def _differs(self, connection: Connection, wishes: Wishes, coupon: Coupon, row: sa.Row[Any]) -> None:
        try:
            wanted = wishes.whole(row)
        except Conflict:  # its run has no plan any more to compare with
            return
        found = differences(wanted, coupon, currency=self._currency)
        if not found:
            return
        self._note(connection, DriftKind.CHANGED, coupon, row, found)
        if (
            any(one.field == "status" and one.raw == "PAUSED" for one in found)
            and row.state == CodeState.LIVE
        ):
            values = {"state": CodeState.PAUSED, "reason": SWITCHED_OFF_THERE}
            _write(connection, row, self._mint.clock.now(), **values)

    def _note(
        self,
        connection: Connection,
        kind: DriftKind,
        coupon: Coupon,
        row: sa.Row[Any] | None,
        found: Sequence[Difference],
    ) -> None:
        self.tally.drifts += 1
        self.tally.new += note(
            connection,
            store_id=self._mint.store_id,
            kind=kind,
            code=row.code if row is not None else coupon.code,
            code_id=row.id if row is not None else None,
            coupon_id=coupon.coupon_id,
            differences=[one.as_row() for one in found],
            now=self._mint.clock.now(),
        )

    def _missing(self) -> Iterator[bool]:
        """Codes that no page showed: asked for one by one, since pages move while others add and delete coupons."""
        mint, after = self._mint, 0
        in_store = codes.c.state.in_(sorted(CODE_IN_STORE))
        query = _with_parts(mint.store_id).where(in_store, codes.c.changed_at < self._began)
        while True:
            piece = query.where(codes.c.id > after).order_by(codes.c.id).limit(_PIECE * 10)
            with reading(mint.engine) as connection:
                rows = connection.execute(piece).all()
            if not rows:
                return
            after = rows[-1].id
            for row in rows:
                if not self._was_seen(row.id) and not row.open_parts:
                    self._confirm(row)
                    yield True

    def _confirm(self, row: sa.Row[Any]) -> None:
        mint = self._mint
        coupon = still_there(mint.client, row)
        now = mint.clock.now()
        with writing(mint.engine) as connection:
            if coupon is not None:
                self._judge(connection, Wishes(connection), coupon, row)
                return
            if row.ends_at is not None and row.ends_at <= self._began:  # somebody tidied up
                _write(connection, row, now, state=CodeState.CLEARED, reason="deleted in the store")
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


def _write(connection: Connection, row: sa.Row[Any], now: datetime, **values: Any) -> None:
    where = (codes.c.id == row.id, codes.c.state.in_(sorted(CODE_IN_STORE)))
    connection.execute(sa.update(codes).where(*where).values({**values, "changed_at": now}))


def _with_parts(store_id: int) -> sa.Select[Any]:
    """The store's codes, with whether a change is at them and when they end."""
    open_ = sa.exists().where(
        change_parts.c.code_id == codes.c.id, change_parts.c.state.in_(sorted(PART_OPEN))
    )
    query = sa.select(codes, open_.label("open_parts"), works_until().label("ends_at"))
    return query.join(runs, runs.c.id == codes.c.run_id).where(codes.c.store_id == store_id)


def _rows_of(connection: Connection, store_id: int, piece: Sequence[Coupon]) -> dict[int, sa.Row[Any]]:
    """The codes that some coupons belong to: by their code, or where that was edited by the run that their name speaks of."""
    query = _with_parts(store_id)
    by_code = {one.code.upper(): one.coupon_id for one in piece}
    found = connection.execute(query.where(codes.c.code.in_(by_code)))
    rows = {by_code[row.code]: row for row in found}
    for coupon in piece:
        run_id = run_named_by(coupon.name)
        if coupon.coupon_id not in rows and run_id is not None:
            its = query.where(codes.c.run_id == run_id, codes.c.coupon_id == coupon.coupon_id)
            if (row := connection.execute(its).first()) is not None:
                rows[coupon.coupon_id] = row
    return rows
