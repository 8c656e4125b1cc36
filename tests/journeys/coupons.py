"""The codes of a run in the ledger and in the store, and changes to them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from tests.journeys.path import agree, finish, go_on, start
from tests.shop import ANA
from tillroll.approve.change import request_change
from tillroll.campaign.states import ChangeKind
from tillroll.ecwid.client import Client
from tillroll.ecwid.endpoints.coupons import Coupon
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.queries.changes import ChangeLine, Scope, list_changes
from tillroll.ledger.tables import audit, codes
from tillroll.loop.advance import StoreWorker
from tillroll.mint.context import MintContext
from tillroll.mint.reconcile.judge import ComparisonTally
from tillroll.mint.reconcile.nightly import NightlyComparison
from tillroll.wiring import Services

CAMPAIGN = Scope(store_id=1, campaign="winback")
RUN = Scope(store_id=1, campaign="winback", run_id=1)


def sent_run(worker: StoreWorker, services: Services) -> int:
    """Have a win-back run send its e-mails. Returns how many codes it has."""
    agree(services, start(worker))
    return finish(worker).codes_live


def have(services: Services, kind: ChangeKind, scope: Scope = RUN, **also: Any) -> int:
    """Have somebody ask for a change. Returns its number."""
    now = services.clock.now()
    return request_change(services.engine, scope=scope, kind=kind, person=ANA, note="", now=now, **also)


def line_of(services: Services, change_id: int) -> ChangeLine:
    """Return a change as the list of changes shows it."""
    with services.engine.connect() as connection:
        return next(line for line in list_changes(connection, 1) if line.change_id == change_id)


def carried_out(worker: StoreWorker, change_id: int) -> ChangeLine:
    """Advance until a change is done, and return its line."""
    services = worker.services
    go_on(worker, until=lambda: not line_of(services, change_id).open)
    return line_of(services, change_id)


def in_store(client: Client) -> dict[str, Coupon]:
    """Return the store's coupons that are ours, by code."""
    return {coupon.code: coupon for coupon in client.coupons.every() if "(tillroll run " in coupon.name}


def in_ledger(services: Services) -> dict[str, sa.Row[Any]]:
    """Return the ledger's codes, by code."""
    with services.engine.connect() as connection:
        return {row.code: row for row in connection.execute(sa.select(codes))}


def audited(services: Services) -> list[str]:
    """Return the actions of the audit log, oldest first, after checking its chain."""
    with services.engine.connect() as connection:
        assert first_broken_row(connection) is None
        return list(connection.scalars(sa.select(audit.c.action).order_by(audit.c.id)))


def mint_of(worker: StoreWorker) -> MintContext:
    return MintContext(
        engine=worker.services.engine, client=worker.client, clock=worker.services.clock, store_id=1
    )


def looked(worker: StoreWorker) -> ComparisonTally:
    """Compare every coupon with the ledger, as each night, and return the tally."""
    look = NightlyComparison.start_anyway(mint_of(worker))
    assert look.step(worker.services.clock.now() + timedelta(minutes=1))
    return look.tally
