"""Changes to codes in the store: a person asks for them, and the worker carries them out whatever goes wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.crash.live_codes import COUNT, add_live_codes
from tests.journeys.coupons import (
    CAMPAIGN,
    RUN,
    audited,
    carried_out,
    have,
    in_ledger,
    in_store,
    line_of,
    sent_run,
)
from tests.journeys.path import (
    agree,
    answer_batches,
    compare,
    finish,
    go_on,
    outbox,
    post_codes,
    start,
    state,
)
from tests.journeys.steps import book_of, see_orders
from tests.shop import ANA, EVE, campaign_text, run_row
from tests.store import buy, lay_faults, turn
from tillroll.approve.change import request_change
from tillroll.approve.halt import halt, halt_campaign, restart, restart_campaign
from tillroll.campaign.states import ChangeKind, CodeState, PartState, RunState
from tillroll.ecwid.client import Client
from tillroll.errors import NotAllowed, Refused
from tillroll.ledger.queries.changes import ChangeLine, list_changes
from tillroll.ledger.queries.stores import load_store
from tillroll.loop.advance import StoreWorker
from tillroll.sandbox.serve import Sandbox
from tillroll.track.connect import reconnect
from tillroll.wiring import Services


def test_codes_are_paused_and_resumed(worker: StoreWorker, services: Services, client: Client) -> None:
    count = sent_run(worker, services)
    off = carried_out(worker, have(services, ChangeKind.PAUSE))
    assert off.parts == {PartState.DONE: count}
    assert {one.status for one in in_store(client).values()} == {"PAUSED"}
    assert {row.state for row in in_ledger(services).values()} == {CodeState.PAUSED}
    carried_out(worker, have(services, ChangeKind.RESUME, CAMPAIGN))
    assert {one.status for one in in_store(client).values()} == {"ACTIVE"}
    assert {row.state for row in in_ledger(services).values()} == {CodeState.LIVE}
    assert compare(worker).agrees
    said = audited(services)
    assert said.count("change.done") == 2
    assert {"codes.paused", "codes.resumed"} <= set(said)


def test_used_codes_are_not_extended_revoked_or_resumed(
    worker: StoreWorker, services: Services, client: Client, sandbox: Sandbox
) -> None:
    count = sent_run(worker, services)
    line, before = outbox(services)[0], run_row(services.engine, 1).valid_until
    sold = buy(sandbox, email=line["to"], coupon=line["code"])
    see_orders(worker, sold["orderId"])
    later = before + timedelta(days=30)
    extended = carried_out(worker, have(services, ChangeKind.EXTEND, valid_until=later))
    assert extended.total == count - 1
    ends = {code: one.expires_at for code, one in in_store(client).items()}
    assert ends.pop(line["code"]) == before
    assert set(ends.values()) == {later}
    rows = in_ledger(services)
    assert rows[line["code"]].valid_until is None
    assert {row.valid_until for code, row in rows.items() if code != line["code"]} == {later}
    carried_out(worker, have(services, ChangeKind.PAUSE))
    assert carried_out(worker, have(services, ChangeKind.RESUME)).total == count - 1
    assert in_store(client)[line["code"]].status == "PAUSED"
    revoked = carried_out(worker, have(services, ChangeKind.REVOKE))
    assert revoked.parts == {PartState.DONE: count - 1}
    assert set(in_store(client)) == {line["code"]}
    with pytest.raises(Refused, match="there is no code to revoke"):
        have(services, ChangeKind.REVOKE)


@pytest.mark.parametrize("trouble", ["lost answers", "errors", "stalled"])
def test_faults_of_the_store_do_not_change_the_result(
    worker: StoreWorker, services: Services, client: Client, sandbox: Sandbox, trouble: str
) -> None:
    count = sent_run(worker, services)
    if trouble == "lost answers":
        turn(sandbox, drop_answers=2)
    elif trouble == "errors":
        errors = {"share": 0.5, "times": 6, "on": "writes", "status": 503}
        lay_faults(sandbox, seed=3, errors=errors, storm={"share": 0.3, "times": 2, "retry_after": 1})
    else:
        lay_faults(sandbox, seed=3, stalled_batches={"share": 1.0, "times": 1, "seconds": 1.0})
    off = carried_out(worker, have(services, ChangeKind.PAUSE))
    assert off.parts == {PartState.DONE: count}
    assert {one.status for one in in_store(client).values()} == {"PAUSED"}


def test_coupons_deleted_or_edited_in_the_admin_are_skipped_or_kept(
    worker: StoreWorker, services: Services, client: Client
) -> None:
    count = sent_run(worker, services)
    gone, edited = sorted(in_store(client).values(), key=lambda one: one.code)[:2]
    client.coupons.delete(gone.coupon_id)
    client.coupons.update(edited.coupon_id, {"discount": 33})
    off = carried_out(worker, have(services, ChangeKind.PAUSE))
    assert off.parts[PartState.DONE] == count - 1
    assert off.total == count - 1 + off.parts.get(PartState.PASSED, 0)  # none, if reconciling was quicker
    assert in_ledger(services)[gone.code].state == CodeState.REVOKED
    assert in_ledger(services)[gone.code].reason == "gone from the store"
    there = in_store(client)[edited.code]
    assert (there.status, there.discount) == ("PAUSED", 33)
    assert "code.gone" in audited(services)


def test_the_last_change_asked_for_wins(worker: StoreWorker, services: Services, client: Client) -> None:
    count = sent_run(worker, services)
    asked = [have(services, ChangeKind.PAUSE), have(services, ChangeKind.PAUSE, CAMPAIGN)]
    first = line_of(services, asked[0])
    assert first.open
    carried_out(worker, asked[0])
    asked += [have(services, ChangeKind.RESUME), have(services, ChangeKind.PAUSE)]
    for one in asked:
        carried_out(worker, one)
    assert {one.status for one in in_store(client).values()} == {"PAUSED"}
    asked = [
        have(services, ChangeKind.RESUME),
        have(services, ChangeKind.PAUSE),
        have(services, ChangeKind.RESUME),
    ]
    for one in asked:
        carried_out(worker, one)
    assert {one.status for one in in_store(client).values()} == {"ACTIVE"}
    assert len(in_store(client)) == count


def test_a_viewer_may_not_change_codes(worker: StoreWorker, services: Services) -> None:
    sent_run(worker, services)
    with pytest.raises(NotAllowed, match="no approver role"):
        request_change(
            services.engine, scope=RUN, kind=ChangeKind.PAUSE, person=EVE, note="", now=services.clock.now()
        )
    with pytest.raises(NotAllowed, match="no approver role"):
        restart(services.engine, run_id=1, person=EVE, note="", now=services.clock.now())


def test_a_halted_campaign_pauses_its_codes_and_continues_when_restarted(
    worker: StoreWorker, services: Services, client: Client, sandbox: Sandbox
) -> None:
    post_codes(worker, sandbox, start(worker))
    now = services.clock.now()
    assert halt_campaign(
        services.engine, store_id=1, campaign="winback", person=ANA, note="wrong price", now=now
    ) == [1]
    with pytest.raises(Refused, match="halted already"):
        halt_campaign(services.engine, store_id=1, campaign="winback", person=ANA, note="", now=now)
    with pytest.raises(Refused, match="The whole campaign 'winback' is halted"):
        restart(services.engine, run_id=1, person=ANA, note="", now=now)
    [change] = [one.change_id for one in all_changes(services)]
    answer_batches(sandbox)
    carried_out(worker, change)
    assert outbox(services) == []
    assert {row.state for row in in_ledger(services).values()} <= {CodeState.PAUSED, CodeState.RESERVED}
    assert {one.status for one in in_store(client).values()} == {"PAUSED"}
    again = services.clock.now()
    taken_up = restart_campaign(
        services.engine, store_id=1, campaign="winback", person=ANA, note="mended", now=again
    )
    assert taken_up == [1]
    assert state(services) is RunState.MINTING
    progress = finish(worker)
    assert progress.codes_live == progress.messages_sent == progress.planned
    assert {one.status for one in in_store(client).values()} == {"ACTIVE"}
    assert {"campaign.halted", "run.halted", "campaign.restarted", "run.restarted"} <= set(audited(services))


def all_changes(services: Services) -> list[ChangeLine]:
    with services.engine.connect() as connection:
        return list_changes(connection, 1)


def test_a_sent_run_that_is_halted_is_still_tracked(
    worker: StoreWorker, services: Services, client: Client
) -> None:
    sent_run(worker, services)
    halt(services.engine, run_id=1, person=ANA, note="", now=services.clock.now())
    carried_out(worker, 1)
    assert {one.status for one in in_store(client).values()} == {"PAUSED"}
    assert restart(services.engine, run_id=1, person=ANA, note="", now=services.clock.now()) == "tracking"
    carried_out(worker, 2)
    assert {one.status for one in in_store(client).values()} == {"ACTIVE"}


@pytest.mark.parametrize(
    "trouble", [{"token_revoked": True}, {"missing_scopes": ["update_discount_coupons"]}]
)
def test_a_change_waits_while_the_store_refuses_us_and_continues(
    worker: StoreWorker, services: Services, client: Client, sandbox: Sandbox, trouble: dict[str, Any]
) -> None:
    count = sent_run(worker, services)
    change = have(services, ChangeKind.PAUSE)
    turn(sandbox, **trouble)
    go_on(worker, until=lambda: store_state(services) != "connected")
    assert line_of(services, change).open
    turn(sandbox, **{key: [] if key == "missing_scopes" else False for key in trouble})
    reconnect(services.engine, store_id=1, actor=ANA.email, now=services.clock.now())
    assert carried_out(worker, change).parts == {PartState.DONE: count}
    assert {one.status for one in in_store(client).values()} == {"PAUSED"}


def store_state(services: Services) -> str:
    with services.engine.connect() as connection:
        return str(load_store(connection, 1).state)


def test_urgent_codes_do_not_wait_for_a_long_change(
    worker: StoreWorker, services: Services, client: Client, sandbox: Sandbox
) -> None:
    big = add_live_codes(services, client)
    few = book_of(winback=campaign_text("winback").replace("limit: 50000", "limit: 3"))
    run_id = start(worker, book=few)
    turn(sandbox, batch_pause=3.0)  # the change takes 36 seconds, however busy the machine is
    change = have(services, ChangeKind.PAUSE, big)
    go_on(worker, until=lambda: line_of(services, change).total > 0)
    agree(services, run_id)
    assert finish(worker, run_id).messages_sent == 3
    assert line_of(services, change).open
    turn(sandbox, batch_pause=0.0)
    assert carried_out(worker, change).parts == {PartState.DONE: COUNT}
