"""Filling a pool with codes that were made elsewhere and whose coupons are in the store already.

The codes are reserved for a run that fills the pool. The run is planned and approved like any other, and its codes can be handed
out once `issue/confirm.py` has found each coupon again. Codes of a run that was rejected can be imported again.

Crash points: the run, its codes and the audit row are one transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.figures.batched import batched
from tillroll.campaign.frozen.proposal import Goods
from tillroll.campaign.language.models import Offer
from tillroll.campaign.states import CodeState, RunState
from tillroll.campaign.text.money import smallest_unit
from tillroll.campaign.text.zones import zone_of
from tillroll.campaign.timing.validity import validity
from tillroll.ecwid.client import Client
from tillroll.ecwid.endpoints.coupons import Coupon, CouponRequest
from tillroll.errors import NotFound
from tillroll.ledger import audit
from tillroll.ledger.engine import insert_new, lock_store_row, reading, writing
from tillroll.ledger.queries.plans import load_revision
from tillroll.ledger.queries.pools import LEAST_LEFT, POOL
from tillroll.ledger.queries.predicates import is_imported
from tillroll.ledger.records import Store
from tillroll.ledger.tables import campaigns, codes, runs
from tillroll.mint.context import MintContext
from tillroll.mint.coupon import request_for
from tillroll.mint.desired_coupon import to_terms
from tillroll.mint.pools.code_file import CodeFile, CodeRow, RowFault
from tillroll.mint.reconcile.differences import differences

FEW = 100
"""So many coupons are asked for one by one; for more, all of the store's are read."""

_PIECE = 500
_OWN_FIELDS = frozenset({"name", "code", "starts", "ends", "status"})
"""Fields that a coupon made elsewhere has of its own; its dates and status are judged by themselves."""

_GIVEN_UP = (RunState.REJECTED, RunState.REFUSED, RunState.EXPIRED, RunState.DONE, RunState.SKIPPED)


@dataclass(frozen=True, kw_only=True)
class PoolOffer:
    """What the codes of a campaign's pool have to give."""

    store: Store
    campaign: str
    offer: Offer
    goods: Goods


@dataclass(frozen=True, kw_only=True)
class ImportResult:
    """What became of a file's rows."""

    taken: int
    faults: tuple[RowFault, ...]  # in the order of the file
    run_id: int | None  # the run that the codes belong to; None: nothing was taken, or it was a dry run


def pool_offer(context: MintContext, campaign: str) -> Offer:
    """Return what the codes of a campaign's pool give by its present file. Raises `NotFound` without a pool."""
    with reading(context.engine) as connection:
        where = (campaigns.c.store_id == context.store_id, campaigns.c.name == campaign)
        revision_id = connection.scalar(sa.select(campaigns.c.revision_id).where(*where))
        present = load_revision(connection, revision_id).campaign if revision_id is not None else None
    if present is None or present.codes.pool is None or present.offer is None:
        raise NotFound(
            f"There is no campaign {campaign!r} with a pool.",
            hint="To give a campaign a pool, add `codes: {pool: …}` to its file.",
        )
    return present.offer


def import_codes(
    context: MintContext,
    *,
    pool: PoolOffer,
    file: CodeFile,
    name: str,
    person: str,
    dry_run: bool,
) -> ImportResult:
    """Take the codes of a file whose coupons give what the offer says. The other rows are returned with their faults.

    `name` is the file's, for the audit. Safe to repeat: codes that the ledger has are not taken again.
    """
    now = context.clock.now()
    known = _known(context, [row.code for row in file.rows])
    unknown = [row for row in file.rows if row.code not in known]
    coupons = find_coupons(context.client, [row.code for row in unknown])
    judge = _CouponCheck.of(pool, now)
    faults, fitting = list(file.faults), list[Coupon]()
    for row in file.rows:
        problem = known.get(row.code) or judge.problem_with(coupons.get(row.code))
        if problem:
            faults.append(RowFault(number=row.number, problem=f"{_masked(row)}: {problem}"))
        else:
            fitting.append(coupons[row.code])
    run_id = None
    if fitting and not dry_run:
        run_id = _write(context, pool.campaign, fitting, name=name, person=person, now=now)
    ordered = tuple(sorted(faults, key=lambda fault: fault.number))
    return ImportResult(taken=len(fitting), faults=ordered, run_id=run_id)


def find_coupons(client: Client, wanted: Sequence[str]) -> dict[str, Coupon]:
    """Return the store's coupons with these codes, by code."""
    if len(wanted) <= FEW:
        found = ((code, client.coupons.find(code)) for code in wanted)
        return {code: coupon for code, coupon in found if coupon is not None}
    every, codes_wanted = client.coupons.every(), set(wanted)
    by_code = ((coupon.code.upper(), coupon) for coupon in every)
    return {code: coupon for code, coupon in by_code if code in codes_wanted}


@dataclass(frozen=True, kw_only=True)
class _CouponCheck:
    """Compares coupons of the store with what a pool's codes have to give."""

    wanted: CouponRequest
    currency: str
    start: datetime
    end: datetime
    now: datetime

    @classmethod
    def of(cls, pool: PoolOffer, now: datetime) -> _CouponCheck:
        currency = pool.store.currency
        start, end = validity(pool.offer.valid, zone_of(pool.store.timezone), now)
        wanted = request_for(
            pool.offer.applied(None, smallest_unit(currency)), pool.goods, start=start, end=end
        )
        return cls(wanted=wanted, currency=currency, start=start, end=end, now=now)

    def problem_with(self, coupon: Coupon | None) -> str:
        """Return why a code can't be handed out for the offer; empty if it can."""
        if coupon is None:
            return "the store has no such coupon"
        if coupon.status != "ACTIVE":
            return f"its coupon is {coupon.status.lower() or 'not active'} in the store"
        if coupon.order_count and self.wanted.uses_limit != "UNLIMITED":
            return "an order has used it"
        if coupon.expires_at is None:
            return "its coupon never ends, and the offer does"
        if coupon.expires_at <= self.now + LEAST_LEFT:
            return f"its coupon ends {coupon.expires_at:%Y-%m-%d %H:%M} UTC"
        if coupon.expires_at > self.end + timedelta(seconds=1):
            return f"its coupon ends {coupon.expires_at:%Y-%m-%d}, after the offer ({self.end:%Y-%m-%d})"
        if coupon.launches_at is not None and coupon.launches_at > max(self.start, self.now):
            return f"its coupon works only from {coupon.launches_at:%Y-%m-%d %H:%M} UTC"
        other = [
            f"{each.field} is {each.store}, not {each.ledger}"
            for each in differences(self.wanted, coupon, currency=self.currency)
            if each.field not in _OWN_FIELDS
        ]
        return f"its coupon gives something else: {'; '.join(other)}" if other else ""


def _known(context: MintContext, wanted: Sequence[str]) -> Mapping[str, str]:
    """Return why codes of the ledger can't be imported, by code. Those that a run left which was turned down can."""
    known: dict[str, str] = {}
    with reading(context.engine) as connection:
        for piece in batched(wanted, _PIECE):
            query = (
                sa.select(codes.c.code, codes.c.state, codes.c.run_id, runs.c.campaign)
                .join(runs, runs.c.id == codes.c.run_id)
                .where(codes.c.store_id == context.store_id, codes.c.code.in_(piece), ~_left_behind())
            )
            for row in connection.execute(query):
                known[row.code] = f"run {row.run_id} ({row.campaign}) has it already"
    return known


def _left_behind() -> sa.ColumnElement[bool]:
    """Whether a code was imported for a run that was turned down, as a condition over `codes` joined with `runs`."""
    return sa.and_(is_imported(), runs.c.kind == POOL, runs.c.state.in_(_GIVEN_UP))


def _write(
    context: MintContext, campaign: str, coupons: Sequence[Coupon], *, name: str, person: str, now: datetime
) -> int:
    """Write the run and its codes. Returns the run's number."""
    store_id = context.store_id
    with writing(context.engine) as connection:
        lock_store_row(connection, store_id)
        run_id = _add_run(connection, store_id, campaign, person, now)
        for piece in batched(coupons, _PIECE):
            left = sa.select(codes.c.id).join(runs, runs.c.id == codes.c.run_id)
            left = left.where(
                codes.c.store_id == store_id,
                codes.c.code.in_([coupon.code.upper() for coupon in piece]),
                _left_behind(),
            )
            connection.execute(sa.delete(codes).where(codes.c.id.in_(left)))
            insert_new(connection, codes, [_row(store_id, run_id, coupon, now) for coupon in piece])
        digest = hashlib.sha256("\n".join(coupon.code.upper() for coupon in coupons).encode()).hexdigest()
        body = {"codes": len(coupons), "file": name, "sha256": digest}
        audit.record(
            connection, at=now, actor=person, action="codes.imported", subject=f"run {run_id}", body=body
        )
    return run_id


def _add_run(connection: Connection, store_id: int, campaign: str, person: str, now: datetime) -> int:
    of_pool = (runs.c.store_id == store_id, runs.c.campaign == campaign, runs.c.kind == POOL)
    number = int(connection.scalar(sa.select(sa.func.count()).where(*of_pool)) or 0) + 1
    row = {
        "store_id": store_id,
        "campaign": campaign,
        "slot_key": f"import {number}",
        "slot_at": now,
        "state": RunState.PLANNING,
        "kind": POOL,
        "started_by": person,
        "created_at": now,
        "changed_at": now,
    }
    return int(connection.execute(sa.insert(runs).values(row).returning(runs.c.id)).scalar_one())


def _row(store_id: int, run_id: int, coupon: Coupon, now: datetime) -> dict[str, Any]:
    return {
        "store_id": store_id,
        "run_id": run_id,
        "code": coupon.code.upper(),
        "state": CodeState.RESERVED,
        "coupon_id": coupon.coupon_id,
        "terms": to_terms(coupon),
        "valid_from": coupon.launches_at,
        "valid_until": coupon.expires_at,
        "reserved_at": now,
        "changed_at": now,
    }


def _masked(row: CodeRow) -> str:
    """Return a code masked: what is printed may be kept in a log."""
    return f"••••{row.code[-2:]}"
