"""Drift: coupons that others changed or deleted are found, described, fixed or accepted; coupons made elsewhere are adopted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.contract.samples import coupon
from tests.journeys.coupons import (
    CAMPAIGN,
    audited,
    carried_out,
    have,
    in_ledger,
    in_store,
    looked,
    mint_of,
    sent_run,
)
from tests.journeys.path import agree, compare, finish, outbox, start
from tests.journeys.steps import see_orders
from tests.shop import ANA, EVE, run_row
from tests.store import buy, turn
from tillroll.approve.change import request_change
from tillroll.approve.drift import accept_drifts, fix_drifts
from tillroll.campaign.states import ChangeKind, CodeState, DriftState, PartState, StoreUse
from tillroll.campaign.text.clean import clean_line
from tillroll.ecwid.client import Client
from tillroll.ecwid.endpoints.coupons import Coupons
from tillroll.ecwid.endpoints.deletions import Deletion
from tillroll.errors import NotAllowed, Refused
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.changes import Scope
from tillroll.ledger.queries.drifts import count_open_drifts, list_drifts, say_drift
from tillroll.ledger.tables import codes, redemptions
from tillroll.loop.advance import StoreWorker
from tillroll.mint.reconcile.adopt import AdoptionCount, adopt
from tillroll.mint.reconcile.hourly import RecentComparison
from tillroll.sandbox.serve import Sandbox
from tillroll.track.results.redeem import mark_redemptions
from tillroll.wiring import Services


def said(services: Services, *states: DriftState) -> dict[str, str]:
    """Return the description of each drift, by code."""
    with services.engine.connect() as connection:
        rows = list_drifts(connection, 1, states=states or (DriftState.OPEN,))
        return {row.code: say_drift(row) for row in rows}


def ids(services: Services, *wanted: str) -> list[int]:
    with services.engine.connect() as connection:
        return [row.id for row in list_drifts(connection, 1, states=DriftState) if row.code in wanted]


def decide(services: Services, what: Any, *wanted: str) -> Any:
    return what(
        services.engine,
        store_id=1,
        ids=ids(services, *wanted),
        person=ANA,
        note="",
        now=services.clock.now(),
    )


def test_drift_is_described_and_fixed(worker: StoreWorker, services: Services, client: Client) -> None:
    count = sent_run(worker, services)
    assert looked(worker).drifts == 0
    value, gone, off, renamed, *_ = (one for _, one in sorted(in_store(client).items()))
    client.coupons.update(value.coupon_id, {"discount": 25, "totalLimit": 80, "usesLimit": "UNLIMITED"})
    client.coupons.delete(gone.coupon_id)
    client.coupons.update(off.coupon_id, {"status": "PAUSED"})
    client.coupons.update(renamed.coupon_id, {"name": "Mine now", "code": "MINENOW1"})
    assert looked(worker).new == 4
    assert looked(worker).new == 0
    found = said(services)
    assert "value: 15% → 25%" in found[value.code]
    assert "uses: once → any number of times" in found[value.code]
    assert "minimum: " in found[value.code]
    assert found[gone.code] == "deleted in the store"
    assert found[off.code] == "status: on → switched off"
    assert "name: " in found[renamed.code]
    assert renamed.code not in found[renamed.code]
    rows = in_ledger(services)
    assert (rows[gone.code].state, rows[off.code].state) == (CodeState.REVOKED, CodeState.PAUSED)
    for change_id in decide(services, fix_drifts, *found):
        carried_out(worker, change_id)
    assert len(in_store(client)) == count
    assert looked(worker).drifts == 0
    assert said(services, DriftState.FIXED).keys() == found.keys()
    assert compare(worker).agrees
    assert {"drift.found", "drift.fixing", "code.gone"} <= set(audited(services))


def test_drift_that_cannot_be_fixed_waits_for_a_person_again(
    worker: StoreWorker, services: Services, client: Client
) -> None:
    sent_run(worker, services)
    renamed, edited, *_ = (one for _, one in sorted(in_store(client).items()))
    client.coupons.update(renamed.coupon_id, {"code": "MINENOW1"})
    client.coupons.update(edited.coupon_id, {"discount": 30})
    looked(worker)
    client.coupons.create(coupon(code=renamed.code, name="By hand"))
    client.coupons.delete(edited.coupon_id)
    [change] = decide(services, fix_drifts, renamed.code, edited.code)
    assert said(services) == {}
    line = carried_out(worker, change)
    assert line.parts == {PartState.FAILED: 1, PartState.PASSED: 1}
    assert said(services)[edited.code] == "deleted in the store"
    assert "code: " in said(services)[renamed.code]
    assert looked(worker).new <= 1
    assert said(services).keys() >= {renamed.code, edited.code}


def test_accepted_drift_is_reported_again_only_when_more_changes(
    worker: StoreWorker, services: Services, client: Client
) -> None:
    sent_run(worker, services)
    first, second, *_ = (one for _, one in sorted(in_store(client).items()))
    ends = run_row(services.engine, 1).valid_until + timedelta(days=3)
    client.coupons.update(
        first.coupon_id,
        {"discount": 20, "totalLimit": 50, "expirationDate": f"{ends:%Y-%m-%d %H:%M:%S} +0000"},
    )
    client.coupons.update(second.coupon_id, {"status": "PAUSED"})
    looked(worker)
    decide(services, accept_drifts, first.code, second.code)
    assert looked(worker).new == 0
    assert said(services) == {}
    row = in_ledger(services)[first.code]
    assert (row.value, row.valid_until) == (20, ends)
    assert in_ledger(services)[second.code].state == CodeState.PAUSED
    client.coupons.update(first.coupon_id, {"totalLimit": 10})
    assert looked(worker).new == 1
    assert said(services).keys() == {first.code}
    client.coupons.update(first.coupon_id, {"totalLimit": 30})
    looked(worker)
    assert said(services) == {}
    with pytest.raises(NotAllowed, match="no approver role"):
        accept_drifts(services.engine, store_id=1, ids=[1], person=EVE, note="", now=services.clock.now())
    with pytest.raises(Refused, match="already"):
        decide(services, fix_drifts, second.code)


def test_a_coupon_that_reconciling_finds_gone_waits_for_a_person(
    worker: StoreWorker, services: Services, client: Client
) -> None:
    sent_run(worker, services)
    gone = min(in_store(client).values(), key=lambda one: one.code)
    client.coupons.delete(gone.coupon_id)
    assert compare(worker).missing
    assert said(services) == {gone.code: "deleted in the store"}


def test_returned_codes_and_coupons_that_look_like_ours_are_reported(
    worker: StoreWorker, services: Services, client: Client
) -> None:
    count = sent_run(worker, services)
    carried_out(worker, have(services, ChangeKind.REVOKE))
    back = min(in_ledger(services).values(), key=lambda row: row.code)
    with services.engine.begin() as connection:
        made = client.coupons.create(coupon(code=back.code, name="Back (tillroll run 1)"))
        connection.execute(sa.update(codes).where(codes.c.id == back.id).values(coupon_id=made))
    client.coupons.create(coupon(code="BACKTOSCHOOL", name="By hand"))
    client.coupons.create(coupon(code="ODD1", name="Who knows (tillroll run 77)"))
    assert looked(worker).new == 3
    assert said(services)[back.code] == "revoked here, but still in the store"
    assert "looks like one of ours" in said(services)["BACKTOSCHOOL"]
    with pytest.raises(Refused, match="isn't ours"):
        decide(services, fix_drifts, "ODD1")
    [change] = decide(services, fix_drifts, back.code)
    carried_out(worker, change)
    decide(services, accept_drifts, "BACKTOSCHOOL", "ODD1")
    assert looked(worker).new == 0
    with services.engine.connect() as connection:
        assert count_open_drifts(connection, 1) == 0
    assert count > 2


def adopted(worker: StoreWorker, *, prefix: str = "OLD", dry_run: bool = False) -> AdoptionCount:
    return adopt(mint_of(worker), prefix=prefix, campaign="spring-2025", person=ANA.email, dry_run=dry_run)


def test_adopted_coupons_are_counted_and_changed_but_never_handed_out(
    worker: StoreWorker, services: Services, client: Client, sandbox: Sandbox
) -> None:
    for code in ("OLD1", "old2", "OTHER1"):
        client.coupons.create(coupon(code=code, name="From before", application_limit="UNLIMITED"))
    sold = buy(sandbox, email="guest@shop.example", coupon="OLD1")
    agree(services, start(worker))
    finish(worker)
    see_orders(worker, sold["orderId"])
    assert adopted(worker, dry_run=True).adopted == 2
    assert "OLD1" not in in_ledger(services)
    assert adopted(worker).adopted == 2
    again = adopted(worker)
    assert (again.adopted, again.in_ledger) == (0, 2)
    mark_redemptions(services.engine, store_id=1, seen_since=services.clock.now() - timedelta(days=1))
    with services.engine.connect() as connection:
        [used] = connection.execute(sa.select(redemptions)).all()
    rows = in_ledger(services)
    assert used.code_id == rows["OLD1"].id
    assert {rows[code].recipient_id for code in ("OLD1", "OLD2")} == {None}
    assert looked(worker).drifts == 0
    scope = Scope(store_id=1, campaign="spring-2025")
    change = have(services, ChangeKind.PAUSE, scope)
    carried_out(worker, change)
    assert in_store_all(client)["old2"] == "PAUSED"
    assert in_store_all(client)["OTHER1"] == "ACTIVE"
    made = client.coupons.find("old2")
    assert made is not None
    client.coupons.update(made.coupon_id, {"discount": 9})
    looked(worker)
    assert list(said(services)) == ["OLD2"]
    decide(services, accept_drifts, "OLD2")
    assert looked(worker).new == 0
    with pytest.raises(NotAllowed):
        request_change(
            services.engine,
            scope=CAMPAIGN,
            kind=ChangeKind.PAUSE,
            person=EVE,
            note="",
            now=services.clock.now(),
        )
    assert {line["code"] for line in outbox(services)}.isdisjoint({"OLD1", "OLD2"})


class OddlyDeleted(Coupons):
    """Coupons among whose deletions one names no id that could be one."""

    def deleted(self, since: datetime) -> Iterator[Deletion]:
        yield Deletion(id=clean_line("soon"), number=None, at=None)
        yield from super().deleted(since)


def test_a_deletion_that_names_no_coupon_hides_no_other(
    worker: StoreWorker, services: Services, client: Client
) -> None:
    sent_run(worker, services)
    (_, gone), *_ = sorted(in_store(client).items())
    client.coupons.delete(gone.coupon_id)
    worker.client.coupons = OddlyDeleted(worker.client.connection)
    comparison = RecentComparison(mint_of(worker), services.clock.now() - timedelta(hours=1))
    assert comparison.step(services.clock.now() + timedelta(minutes=1))
    assert in_ledger(services)[gone.code].state == CodeState.REVOKED


def test_an_adopted_coupon_without_a_launch_date_is_fixed_like_others(
    worker: StoreWorker, services: Services, client: Client
) -> None:
    sent_run(worker, services)
    made = client.coupons.create(replace(coupon(uses_limit="UNLIMITED"), code="OLD9"))
    assert adopted(worker).adopted == 1
    with writing(services.engine) as connection:  # as of a coupon that the store showed without one
        connection.execute(sa.update(codes).where(codes.c.code == "OLD9").values(valid_from=None))
    before = client.coupons.get(made).discount
    client.coupons.update(made, {"discount": 50})
    looked(worker)
    assert "starts: never → " in said(services)["OLD9"]
    [change] = decide(services, fix_drifts, "OLD9")
    carried_out(worker, change)
    assert client.coupons.get(made).discount == before
    client.coupons.delete(made)
    looked(worker)
    [change] = decide(services, fix_drifts, "OLD9")
    carried_out(worker, change)
    back = client.coupons.find("OLD9")
    assert back is not None
    assert back.discount == before


def test_a_code_that_the_store_holds_for_used_up_is_used_up_here(
    worker: StoreWorker, services: Services, client: Client, sandbox: Sandbox
) -> None:
    sent_run(worker, services)
    turn(sandbox, store_statuses_sent="accept")
    (_, used), *_ = sorted(in_store(client).items())
    client.coupons.update(used.coupon_id, {"status": "USEDUP"})  # by an order that the mirror doesn't have
    looked(worker)
    assert in_ledger(services)[used.code].store_use == StoreUse.USED_UP
    assert said(services) == {used.code: "status: on → used up, without an order"}
    client.coupons.update(used.coupon_id, {"status": "ACTIVE"})
    looked(worker)
    assert in_ledger(services)[used.code].store_use == StoreUse.NONE


def in_store_all(client: Client) -> dict[str, str]:
    return {one.code: one.status for one in client.coupons.every()}
