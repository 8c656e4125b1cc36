"""Coupons of the store held against their codes: what differs is written down for a person. Nothing is put right here.

Two things the ledger takes from the store at once, so that no e-mail shows a code that doesn't work: a coupon that is gone makes
its code revoked, one that was switched off makes it paused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
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
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.given import works_until
from tillroll.ledger.tables import change_parts, codes, runs, stores
from tillroll.mint.coupon import run_named_by
from tillroll.mint.drift.differences import Difference, differences
from tillroll.mint.drift.prefixes import our_prefixes
from tillroll.mint.drift.rows import note
from tillroll.mint.parts import Mint
from tillroll.mint.wished import Wishes

_GONE = frozenset({CodeState.REVOKED, CodeState.CLEARED})
_NOT_MADE = frozenset({CodeState.RESERVED, CodeState.FAILED, CodeState.CLASHED})


@dataclass(kw_only=True)
class Tally:
    """What a look has come to so far."""

    coupons: int = 0
    drifts: int = 0  # of these, that a person has to decide on or has decided
    new: int = 0


class Judge:
    """Holds coupons against the ledger, as it was when reading them began."""

    def __init__(self, mint: Mint, began: datetime) -> None:
        self._mint, self._began = mint, began
        self.tally = Tally()
        with reading(mint.engine) as connection:
            where = stores.c.id == mint.store_id
            self._currency = str(connection.scalar(sa.select(stores.c.currency).where(where)))
            self._prefixes = our_prefixes(connection, mint.store_id)

    def compare(self, piece: Sequence[Coupon]) -> list[int]:
        """Hold some coupons of the store against their codes; the rows of the codes that were seen."""
        self.tally.coupons += len(piece)
        mint = self._mint
        with writing(mint.engine) as connection:
            rows = _rows_of(connection, mint.store_id, piece)
            wishes = Wishes(connection)
            for coupon in piece:
                self.judge(connection, wishes, coupon, rows.get(coupon.coupon_id))
        return [row.id for row in rows.values()]

    def judge(self, connection: Connection, wishes: Wishes, coupon: Coupon, row: sa.Row[Any] | None) -> None:
        """Write down what is the matter with one coupon; `row` is its code's, with its open parts."""
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
            change_if_there(connection, row, self._mint.clock.now(), **values)

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


def change_if_there(connection: Connection, row: sa.Row[Any], now: datetime, **values: Any) -> None:
    """Change a code, if it still counts as in the store."""
    where = (codes.c.id == row.id, codes.c.state.in_(sorted(CODE_IN_STORE)))
    connection.execute(sa.update(codes).where(*where).values({**values, "changed_at": now}))


def with_parts(store_id: int) -> sa.Select[Any]:
    """The store's codes, with whether a change is at them and when they end."""
    open_ = sa.exists().where(
        change_parts.c.code_id == codes.c.id, change_parts.c.state.in_(sorted(PART_OPEN))
    )
    query = sa.select(codes, open_.label("open_parts"), works_until().label("ends_at"))
    return query.join(runs, runs.c.id == codes.c.run_id).where(codes.c.store_id == store_id)


def _rows_of(connection: Connection, store_id: int, piece: Sequence[Coupon]) -> dict[int, sa.Row[Any]]:
    """The codes that some coupons belong to: by their code, or where that was edited by the run that their name speaks of."""
    query = with_parts(store_id)
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
