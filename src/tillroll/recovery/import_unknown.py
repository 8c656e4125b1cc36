"""Importing the codes of ours that the store has and a restored ledger doesn't know, instead of making them anew.

If their run was minting when the backup was taken, they are given to its recipients without a code, those of the same arm and
value. All others belong to their run and to no recipient: they count and can be revoked. Crash points: between pieces; a restart
skips the codes that the ledger has.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.batches.session import StoreSession
from tillroll.campaign.figures.batched import batched
from tillroll.campaign.states import CodeCause, CodeState, RunState
from tillroll.ecwid.endpoints.coupons import Coupon
from tillroll.ledger.causes import code_cause
from tillroll.ledger.engine import insert_new, reading, writing
from tillroll.ledger.queries.predicates import has_own_code
from tillroll.ledger.records import Run
from tillroll.ledger.tables import codes, recipients, runs
from tillroll.mint.coupon import CouponPattern, as_stored, load_pattern, run_id_in_name

_PIECE = 500


@dataclass(frozen=True, kw_only=True)
class _WithoutCode:
    """A recipient who has no code yet."""

    id: int
    arm: str
    value: Decimal | None  # their own value of the discount; None: the arm's


def lost_slot(run_id: int) -> str:
    """Return the slot key of the run that replaces a lost one, whose number another run has by now."""
    return f"run {run_id} from before the restore"


def count_unknown(session: StoreSession) -> Counter[int]:
    """Count the store's coupons that are ours and unknown to the ledger, by the run they name. Reads every coupon."""
    counts: Counter[int] = Counter()
    for run_id, coupons in _unknown(session):
        counts[run_id] += len(coupons)
    return counts


def import_unknown(session: StoreSession) -> None:
    """Import these coupons as codes. The ledger must have every run that they name."""
    for run_id, coupons in _unknown(session):
        with writing(session.engine) as connection:
            _import(connection, _run(connection, session.store_id, run_id), coupons, session.clock.now())


def _unknown(session: StoreSession) -> Iterator[tuple[int, Sequence[Coupon]]]:
    for piece in batched(session.client.coupons.every(), _PIECE):
        ours: dict[int, dict[str, Coupon]] = defaultdict(dict)
        for coupon in piece:
            if (run_id := run_id_in_name(coupon.name)) is not None:
                ours[run_id][coupon.code.upper()] = coupon
        wanted = [code for of_run in ours.values() for code in of_run]
        with reading(session.engine) as connection:
            where = (codes.c.store_id == session.store_id, codes.c.code.in_(wanted))
            ledger_codes = set(connection.scalars(sa.select(codes.c.code).where(*where)))
        for run_id, of_run in sorted(ours.items()):
            if lost := [coupon for code, coupon in of_run.items() if code not in ledger_codes]:
                yield run_id, lost


def _run(connection: Connection, store_id: int, run_id: int) -> Run:
    """Return the run that coupons name, or the one that replaces it."""
    same = sa.or_(runs.c.id == run_id, runs.c.lost_run_id == run_id)
    return Run.from_row(connection.execute(sa.select(runs).where(runs.c.store_id == store_id, same)).one())


def _import(connection: Connection, run: Run, coupons: Sequence[Coupon], now: datetime) -> None:
    recipients_by_coupon = _match(connection, run, coupons) if run.state is RunState.MINTING else {}
    rows = [_row(run, coupon, recipients_by_coupon.get(coupon.coupon_id), now) for coupon in coupons]
    insert_new(connection, codes, rows)


def _match(connection: Connection, run: Run, coupons: Sequence[Coupon]) -> Mapping[int, _WithoutCode]:
    """Match each coupon, by its id, with a recipient who has no code yet and whose code would give the same."""
    request = load_pattern(connection, run)
    query = sa.select(recipients.c.id, recipients.c.arm, recipients.c.value).where(
        recipients.c.plan_id == run.plan_id, ~has_own_code()
    )
    waiting: dict[tuple[str, Decimal], list[_WithoutCode]] = defaultdict(list)
    for row in connection.execute(query.order_by(recipients.c.id)):
        recipient = _WithoutCode(id=row.id, arm=row.arm, value=row.value)
        waiting[_discount_of(request, recipient)].append(recipient)
    matches = {}
    for coupon in coupons:
        if alike := waiting.get((coupon.discount_type, coupon.discount)):
            matches[coupon.coupon_id] = alike.pop()
    return matches


def _discount_of(request: CouponPattern, recipient: _WithoutCode) -> tuple[str, Decimal]:
    arm = request.arms[recipient.arm]
    return arm.discount_type, as_stored(recipient.value if recipient.value is not None else arm.discount)


def _row(run: Run, coupon: Coupon, recipient: _WithoutCode | None, now: datetime) -> dict[str, Any]:
    own_period = run.valid_until is None  # the run had not begun, or is known by these codes only
    return {
        "store_id": run.store_id,
        "run_id": run.id,
        "recipient_id": recipient.id if recipient is not None else None,
        "code": coupon.code.upper(),
        "state": CodeState.LIVE,
        "coupon_id": coupon.coupon_id,
        "arm": recipient.arm if recipient is not None else "",
        "value": recipient.value if recipient is not None else None,
        "valid_from": coupon.launches_at if own_period else None,
        "valid_until": coupon.expires_at if own_period else None,
        "handed_at": None if recipient is not None else now,  # its owner is not known: never hand it out
        **code_cause(CodeCause.IMPORTED),
        "reserved_at": coupon.created_at or now,
        "changed_at": now,
    }
