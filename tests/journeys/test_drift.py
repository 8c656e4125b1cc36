"""Coupons that others changed, deleted or made: found, told in words, put right or accepted; made elsewhere: adopted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.contract.test_client import coupon
from tests.journeys.test_changes import CAMPAIGN, audited, carried_out, have, in_ledger, in_store, sent_run
from tests.journeys.test_from_file_to_inbox import agree, compare, finish, outbox, start
from tests.shop import ANA, EVE, run_row
from tests.store import buy
from tillroll.approve.change import ask
from tillroll.approve.drift import accept, fix
from tillroll.campaign.states import ChangeKind, CodeState, DriftState, PartState
from tillroll.ecwid.client import Client
from tillroll.errors import NotAllowed, Refused
from tillroll.ledger.changes import Scope
from tillroll.ledger.drifts import list_drifts, open_drifts, say_drift
from tillroll.ledger.tables import codes, redemptions
from tillroll.loop.advance import Lane
from tillroll.mint.drift.adopt import Adopted, adopt
from tillroll.mint.drift.compare import Look
from tillroll.mint.drift.judge import Tally
from tillroll.mint.parts import Mint
from tillroll.sandbox.serve import Sandbox
from tillroll.track.redeem import mark_redemptions
from tillroll.wiring import Services


def mint_of(lane: Lane) -> Mint:
    return Mint(engine=lane.services.engine, client=lane.client, clock=lane.services.clock, store_id=1)


def looked(lane: Lane) -> Tally:
    look = Look.in_any_case(mint_of(lane))
    assert look.step(lane.services.clock.now() + timedelta(minutes=1))
    return look.tally


def said(services: Services, *states: DriftState) -> dict[str, str]:
    """What is the matter, by code."""
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


def test_what_others_did_is_told_in_words_and_put_right(
    lane: Lane, services: Services, client: Client
) -> None:
    count = sent_run(lane, services)
    assert looked(lane).drifts == 0
    value, gone, off, renamed, *_ = (one for _, one in sorted(in_store(client).items()))
    client.coupons.update(value.coupon_id, {"discount": 25, "totalLimit": 80, "usesLimit": "UNLIMITED"})
    client.coupons.delete(gone.coupon_id)
    client.coupons.update(off.coupon_id, {"status": "PAUSED"})
    client.coupons.update(renamed.coupon_id, {"name": "Mine now", "code": "MINENOW1"})
    assert looked(lane).new == 4
    assert looked(lane).new == 0
    found = said(services)
    assert "value: 15 % → 25 %" in found[value.code]
    assert "uses: once → any number of times" in found[value.code]
    assert "minimum: " in found[value.code]
    assert found[gone.code] == "deleted in the store"
    assert found[off.code] == "status: on → switched off"
    assert "name: " in found[renamed.code]
    assert renamed.code not in found[renamed.code]
    rows = in_ledger(services)
    assert (rows[gone.code].state, rows[off.code].state) == (CodeState.REVOKED, CodeState.PAUSED)
    for change_id in decide(services, fix, *found):
        carried_out(lane, change_id)
    assert len(in_store(client)) == count
    assert looked(lane).drifts == 0
    assert said(services, DriftState.FIXED).keys() == found.keys()
    assert compare(lane).agrees
    assert {"drift.found", "drift.fixing", "code.gone"} <= set(audited(services))


def test_what_can_not_be_put_right_waits_for_a_person_again(
    lane: Lane, services: Services, client: Client
) -> None:
    sent_run(lane, services)
    renamed, edited, *_ = (one for _, one in sorted(in_store(client).items()))
    client.coupons.update(renamed.coupon_id, {"code": "MINENOW1"})
    client.coupons.update(edited.coupon_id, {"discount": 30})
    looked(lane)
    client.coupons.create(coupon(code=renamed.code, name="By hand"))
    client.coupons.delete(edited.coupon_id)
    [change] = decide(services, fix, renamed.code, edited.code)
    assert said(services) == {}
    line = carried_out(lane, change)
    assert line.parts == {PartState.FAILED: 1, PartState.PASSED: 1}
    assert said(services)[edited.code] == "deleted in the store"
    assert "code: " in said(services)[renamed.code]
    assert looked(lane).new <= 1
    assert said(services).keys() >= {renamed.code, edited.code}


def test_what_is_accepted_stands_until_more_is_changed(
    lane: Lane, services: Services, client: Client
) -> None:
    sent_run(lane, services)
    first, second, *_ = (one for _, one in sorted(in_store(client).items()))
    ends = run_row(services.engine, 1).valid_until + timedelta(days=3)
    client.coupons.update(
        first.coupon_id,
        {"discount": 20, "totalLimit": 50, "expirationDate": f"{ends:%Y-%m-%d %H:%M:%S} +0000"},
    )
    client.coupons.update(second.coupon_id, {"status": "PAUSED"})
    looked(lane)
    decide(services, accept, first.code, second.code)
    assert looked(lane).new == 0
    assert said(services) == {}
    row = in_ledger(services)[first.code]
    assert (row.value, row.valid_until) == (20, ends)
    assert in_ledger(services)[second.code].state == CodeState.PAUSED
    client.coupons.update(first.coupon_id, {"totalLimit": 10})
    assert looked(lane).new == 1
    assert said(services).keys() == {first.code}
    client.coupons.update(first.coupon_id, {"totalLimit": 30})
    looked(lane)
    assert said(services) == {}
    with pytest.raises(NotAllowed, match="no approver role"):
        accept(services.engine, store_id=1, ids=[1], person=EVE, note="", now=services.clock.now())
    with pytest.raises(Refused, match="already"):
        decide(services, fix, second.code)


def test_what_reconciling_finds_gone_waits_for_a_person_too(
    lane: Lane, services: Services, client: Client
) -> None:
    sent_run(lane, services)
    gone = min(in_store(client).values(), key=lambda one: one.code)
    client.coupons.delete(gone.coupon_id)
    assert compare(lane).missing
    assert said(services) == {gone.code: "deleted in the store"}


def test_codes_that_are_back_and_coupons_that_look_like_ours_are_told(
    lane: Lane, services: Services, client: Client
) -> None:
    count = sent_run(lane, services)
    carried_out(lane, have(services, ChangeKind.REVOKE))
    back = min(in_ledger(services).values(), key=lambda row: row.code)
    with services.engine.begin() as connection:
        made = client.coupons.create(coupon(code=back.code, name="Back (tillroll run 1)"))
        connection.execute(sa.update(codes).where(codes.c.id == back.id).values(coupon_id=made))
    client.coupons.create(coupon(code="BACKTOSCHOOL", name="By hand"))
    client.coupons.create(coupon(code="ODD1", name="Who knows (tillroll run 77)"))
    assert looked(lane).new == 3
    assert said(services)[back.code] == "was taken out of the store, and is there"
    assert "looks like one of ours" in said(services)["BACKTOSCHOOL"]
    with pytest.raises(Refused, match="isn't ours"):
        decide(services, fix, "ODD1")
    [change] = decide(services, fix, back.code)
    carried_out(lane, change)
    decide(services, accept, "BACKTOSCHOOL", "ODD1")
    assert looked(lane).new == 0
    with services.engine.connect() as connection:
        assert open_drifts(connection, 1) == 0
    assert count > 2


def adopted(lane: Lane, *, prefix: str = "OLD", dry_run: bool = False) -> Adopted:
    return adopt(mint_of(lane), prefix=prefix, campaign="spring-2025", person=ANA.email, dry_run=dry_run)


def test_coupons_made_elsewhere_are_adopted_once_counted_and_changed_and_never_given(
    lane: Lane, services: Services, client: Client, sandbox: Sandbox
) -> None:
    for code in ("OLD1", "old2", "OTHER1"):
        client.coupons.create(coupon(code=code, name="From before", application_limit="UNLIMITED"))
    buy(sandbox, email="guest@shop.example", coupon="OLD1")
    agree(services, start(lane))
    finish(lane)
    assert adopted(lane, dry_run=True).adopted == 2
    assert "OLD1" not in in_ledger(services)
    assert adopted(lane).adopted == 2
    again = adopted(lane)
    assert (again.adopted, again.known) == (0, 2)
    mark_redemptions(services.engine, store_id=1, seen_since=services.clock.now() - timedelta(days=1))
    with services.engine.connect() as connection:
        [used] = connection.execute(sa.select(redemptions)).all()
    rows = in_ledger(services)
    assert used.code_id == rows["OLD1"].id
    assert {rows[code].recipient_id for code in ("OLD1", "OLD2")} == {None}
    assert looked(lane).drifts == 0
    scope = Scope(store_id=1, campaign="spring-2025")
    change = have(services, ChangeKind.PAUSE, scope)
    carried_out(lane, change)
    assert in_store_all(client)["old2"] == "PAUSED"
    assert in_store_all(client)["OTHER1"] == "ACTIVE"
    made = client.coupons.find("old2")
    assert made is not None
    client.coupons.update(made.coupon_id, {"discount": 9})
    looked(lane)
    assert list(said(services)) == ["OLD2"]
    decide(services, accept, "OLD2")
    assert looked(lane).new == 0
    with pytest.raises(NotAllowed):
        ask(
            services.engine,
            scope=CAMPAIGN,
            kind=ChangeKind.PAUSE,
            person=EVE,
            note="",
            now=services.clock.now(),
        )
    assert {line["code"] for line in outbox(services)}.isdisjoint({"OLD1", "OLD2"})


def in_store_all(client: Client) -> dict[str, str]:
    return {one.code: one.status for one in client.coupons.every()}
