"""Comparing coupons of the store with their codes: what differs is recorded as drift for a person to decide; nothing is fixed.

Two changes are taken over from the store at once, so that no e-mail shows a code that does not work: the code of a deleted coupon
is revoked, and the code of one that was switched off is paused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import (
    CODE_IN_STORE,
    WORKS_AGAIN,
    CodeCause,
    CodeState,
    DriftKind,
    ItemKind,
    Stage,
    StoreUse,
)
from tillroll.ecwid.endpoints.coupons import Coupon
from tillroll.errors import Conflict
from tillroll.ledger.causes import code_cause
from tillroll.ledger.engine import reading
from tillroll.ledger.faults.pieces import write_pieces
from tillroll.ledger.faults.rows import FaultyItem
from tillroll.ledger.mirror.store_use import record_store_use
from tillroll.ledger.queries.given import works_until
from tillroll.ledger.queries.predicates import is_under_change
from tillroll.ledger.records import Code
from tillroll.ledger.tables import codes, runs, stores
from tillroll.mint.context import MintContext
from tillroll.mint.coupon import run_id_in_name
from tillroll.mint.desired_coupon import DesiredCoupons
from tillroll.mint.reconcile.differences import Difference, differences
from tillroll.mint.reconcile.drift_rows import record_drift
from tillroll.mint.reconcile.prefixes import our_prefixes

_TELLS_USE = frozenset({"ACTIVE", "USEDUP"})
_GONE = frozenset({CodeState.REVOKED, CodeState.CLEARED})
_NOT_MADE = frozenset({CodeState.RESERVED, CodeState.FAILED, CodeState.CLASHED})


@dataclass(kw_only=True)
class ComparisonTally:
    """How many coupons were compared and differ so far."""

    coupons: int = 0
    drifts: int = 0  # those that a person has to decide on or has decided
    new: int = 0


@dataclass(frozen=True, kw_only=True)
class ComparedCode(Code):
    """A code as it is compared with the store."""

    under_change: bool  # an open change has a part of it
    ends_at: datetime | None  # when it expires


class CouponJudge:
    """Compares coupons with the ledger as it was when reading them began."""

    def __init__(self, context: MintContext, began: datetime) -> None:
        self._context, self._began = context, began
        self.tally = ComparisonTally()
        with reading(context.engine) as connection:
            where = stores.c.id == context.store_id
            self._currency = str(connection.scalar(sa.select(stores.c.currency).where(where)))
            self._prefixes = our_prefixes(connection, context.store_id)

    def compare(self, piece: Sequence[Coupon]) -> list[int]:
        """Compare some coupons of the store with their codes. Returns the ids of the codes that were seen.

        A coupon that can't be compared is recorded, and the others are compared.
        """
        context, seen = self._context, set[int]()
        self.tally.coupons += len(piece)

        def compare_some(connection: Connection, some: Sequence[Coupon]) -> None:
            before = replace(self.tally)
            try:
                compared = _codes_of(connection, context.store_id, some)
                seen.update(code.id for code in compared.values())
                desired = DesiredCoupons(connection)
                for coupon in some:
                    self.judge(connection, desired, coupon, compared.get(coupon.coupon_id))
            except BaseException:  # what is rolled back isn't counted
                self.tally = before
                raise

        write_pieces(
            context.engine,
            piece,
            compare_some,
            name=lambda coupon: FaultyItem(
                store_id=context.store_id, kind=ItemKind.COUPON, name=str(coupon.coupon_id)
            ),
            stage=Stage.COMPARE,
            now=context.clock.now(),
        )
        return sorted(seen)

    def judge(
        self, connection: Connection, desired: DesiredCoupons, coupon: Coupon, code: ComparedCode | None
    ) -> None:
        """Record the drift of one coupon, if there is any. `code` is the coupon's code, if the ledger knows it."""
        if code is None:
            if run_id_in_name(coupon.name) is not None or coupon.code.upper().startswith(self._prefixes):
                self._record(connection, DriftKind.STRAY, coupon, None, [])
        elif code.under_change or code.changed_at >= self._began:
            return  # its change is not done, or was done after the page was read
        elif code.state in CODE_IN_STORE:
            self._record_use(connection, coupon, code)
            self._record_differences(connection, desired, coupon, code)
        elif code.state in _GONE and coupon.coupon_id == code.coupon_id:
            self._record(connection, DriftKind.STILL_THERE, coupon, code, [])
        elif code.state in _NOT_MADE and code.terms is None and run_id_in_name(coupon.name) != code.run_id:
            self._record(connection, DriftKind.CLASH, coupon, code, [])

    def _record_use(self, connection: Connection, coupon: Coupon, code: ComparedCode) -> None:
        """Take over whether the store holds the code for used up. What is unclear is asked after by itself."""
        is_used_up = coupon.status == "USEDUP"
        use = StoreUse.USED_UP if is_used_up else StoreUse.NONE
        agrees = {use} if is_used_up else WORKS_AGAIN
        if code.store_use not in agrees | {StoreUse.UNCLEAR} and coupon.status in _TELLS_USE:
            record_store_use(connection, [code.id], use, now=self._context.clock.now())

    def _record_differences(
        self, connection: Connection, desired: DesiredCoupons, coupon: Coupon, code: ComparedCode
    ) -> None:
        """Record where the coupon differs, and pause the code if the coupon was switched off."""
        try:
            desired_coupon = desired.coupon_of(code)
        except Conflict:  # its run no longer has a plan to compare with
            return
        differing = differences(desired_coupon, coupon, currency=self._currency)
        if not differing:
            return
        self._record(connection, DriftKind.CHANGED, coupon, code, differing)
        switched_off = any(
            difference.field == "status" and difference.raw == "PAUSED" for difference in differing
        )
        if switched_off and code.state == CodeState.LIVE:
            values = {"state": CodeState.PAUSED, **code_cause(CodeCause.SWITCHED_OFF_IN_STORE)}
            update_if_in_store(connection, code, self._context.clock.now(), **values)

    def _record(
        self,
        connection: Connection,
        kind: DriftKind,
        coupon: Coupon,
        code: ComparedCode | None,
        differing: Sequence[Difference],
    ) -> None:
        self.tally.drifts += 1
        self.tally.new += record_drift(
            connection,
            store_id=self._context.store_id,
            kind=kind,
            code=code.code if code is not None else coupon.code,
            code_id=code.id if code is not None else None,
            coupon_id=coupon.coupon_id,
            differences=[difference.as_row() for difference in differing],
            now=self._context.clock.now(),
        )


def update_if_in_store(connection: Connection, code: Code, now: datetime, **values: Any) -> None:
    """Update a code if the ledger still has it in the store."""
    where = (codes.c.id == code.id, codes.c.state.in_(sorted(CODE_IN_STORE)))
    connection.execute(sa.update(codes).where(*where).values({**values, "changed_at": now}))


def select_compared(store_id: int) -> sa.Select[Any]:
    """Return the query for the store's codes as `ComparedCode`."""
    also = (is_under_change().label("under_change"), works_until().label("ends_at"))
    query = sa.select(codes, *also)
    return query.join(runs, runs.c.id == codes.c.run_id).where(codes.c.store_id == store_id)


def _codes_of(connection: Connection, store_id: int, piece: Sequence[Coupon]) -> dict[int, ComparedCode]:
    """Return the codes of some coupons, by coupon id.

    A coupon belongs to the code that it has, or, if its code was edited, to the one with its number in the run that it names.
    """
    query = select_compared(store_id)
    by_text = {coupon.code.upper(): coupon.coupon_id for coupon in piece}
    with_same_code = connection.execute(query.where(codes.c.code.in_(by_text)))
    by_coupon = {by_text[row.code]: ComparedCode.from_row(row) for row in with_same_code}
    for coupon in piece:
        run_id = run_id_in_name(coupon.name)
        if coupon.coupon_id not in by_coupon and run_id is not None:
            same_number = query.where(codes.c.run_id == run_id, codes.c.coupon_id == coupon.coupon_id)
            if (row := connection.execute(same_number).first()) is not None:
                by_coupon[coupon.coupon_id] = ComparedCode.from_row(row)
    return by_coupon
