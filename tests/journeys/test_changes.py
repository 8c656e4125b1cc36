"""What is done to codes that are in the store: asked for by a person, carried out by the loop, whatever goes wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.crash.test_changes_killed import COUNT, made
from tests.journeys.steps import book_of
from tests.journeys.test_from_file_to_inbox import agree, compare, finish, go_on, outbox, start, state
from tests.shop import ANA, EVE, campaign_text, run_row
from tests.store import buy, lay_faults, turn
from tillroll.approve.change import ask
from tillroll.approve.halt import halt, halt_campaign, restart, restart_campaign
from tillroll.campaign.states import ChangeKind, CodeState, PartState, RunState
from tillroll.ecwid.client import Client
from tillroll.ecwid.coupons import Coupon
from tillroll.errors import NotAllowed, Refused
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.changes import ChangeLine, Scope, list_changes
from tillroll.ledger.tables import audit, codes
from tillroll.loop.advance import Lane
from tillroll.sandbox.serve import Sandbox
from tillroll.track.connect import load_store, reconnect
from tillroll.wiring import Services

RUN = Scope(store_id=1, campaign="winback", run_id=1)
CAMPAIGN = Scope(store_id=1, campaign="winback")


def sent_run(lane: Lane, services: Services) -> int:
    """A win-back run whose e-mails have left; how many codes it has."""
    agree(services, start(lane))
    return finish(lane).codes_live


def have(services: Services, kind: ChangeKind, scope: Scope = RUN, **also: Any) -> int:
    now = services.clock.now()
    return ask(services.engine, scope=scope, kind=kind, person=ANA, note="", now=now, **also)


def line_of(services: Services, change_id: int) -> ChangeLine:
    with services.engine.connect() as connection:
        return next(one for one in list_changes(connection, 1) if one.change_id == change_id)


def carried_out(lane: Lane, change_id: int) -> ChangeLine:
    services = lane.services
    go_on(lane, until=lambda: not line_of(services, change_id).open)
    return line_of(services, change_id)


def in_store(client: Client) -> dict[str, Coupon]:
    return {coupon.code: coupon for coupon in client.coupons.every() if "(tillroll run " in coupon.name}


def in_ledger(services: Services) -> dict[str, sa.Row[Any]]:
    with services.engine.connect() as connection:
        return {row.code: row for row in connection.execute(sa.select(codes))}


def audited(services: Services) -> list[str]:
    with services.engine.connect() as connection:
        assert first_broken_row(connection) is None
        return list(connection.scalars(sa.select(audit.c.action).order_by(audit.c.id)))


def test_codes_are_switched_off_and_on_again(lane: Lane, services: Services, client: Client) -> None:
    count = sent_run(lane, services)
    off = carried_out(lane, have(services, ChangeKind.PAUSE))
    assert off.parts == {PartState.DONE: count}
    assert {one.status for one in in_store(client).values()} == {"PAUSED"}
    assert {row.state for row in in_ledger(services).values()} == {CodeState.PAUSED}
    carried_out(lane, have(services, ChangeKind.RESUME, CAMPAIGN))
    assert {one.status for one in in_store(client).values()} == {"ACTIVE"}
    assert {row.state for row in in_ledger(services).values()} == {CodeState.LIVE}
    assert compare(lane).agrees
    said = audited(services)
    assert said.count("change.done") == 2
    assert {"codes.paused", "codes.resumed"} <= set(said)


def test_those_that_were_used_are_neither_extended_nor_revoked_nor_switched_on_again(
    lane: Lane, services: Services, client: Client, sandbox: Sandbox
) -> None:
    count = sent_run(lane, services)
    line, before = outbox(services)[0], run_row(services.engine, 1).valid_until
    buy(sandbox, email=line["to"], coupon=line["code"])
    turn(sandbox, index_lag=0)
    later = before + timedelta(days=30)
    extended = carried_out(lane, have(services, ChangeKind.EXTEND, valid_until=later))
    assert extended.total == count - 1
    ends = {code: one.expires_at for code, one in in_store(client).items()}
    assert ends.pop(line["code"]) == before
    assert set(ends.values()) == {later}
    rows = in_ledger(services)
    assert rows[line["code"]].valid_until is None
    assert {row.valid_until for code, row in rows.items() if code != line["code"]} == {later}
    carried_out(lane, have(services, ChangeKind.PAUSE))
    assert carried_out(lane, have(services, ChangeKind.RESUME)).total == count - 1
    assert in_store(client)[line["code"]].status == "PAUSED"
    revoked = carried_out(lane, have(services, ChangeKind.REVOKE))
    assert revoked.parts == {PartState.DONE: count - 1}
    assert set(in_store(client)) == {line["code"]}
    with pytest.raises(Refused, match="there is no code to revoke"):
        have(services, ChangeKind.REVOKE)


@pytest.mark.parametrize("trouble", ["lost answers", "errors", "stalled"])
def test_trouble_on_the_way_changes_nothing_in_the_end(
    lane: Lane, services: Services, client: Client, sandbox: Sandbox, trouble: str
) -> None:
    count = sent_run(lane, services)
    if trouble == "lost answers":
        turn(sandbox, drop_answers=2)
    elif trouble == "errors":
        errors = {"share": 0.5, "times": 6, "on": "writes", "status": 503}
        lay_faults(sandbox, seed=3, errors=errors, storm={"share": 0.3, "times": 2, "retry_after": 1})
    else:
        lay_faults(sandbox, seed=3, stalled_batches={"share": 1.0, "times": 1, "seconds": 1.0})
    off = carried_out(lane, have(services, ChangeKind.PAUSE))
    assert off.parts == {PartState.DONE: count}
    assert {one.status for one in in_store(client).values()} == {"PAUSED"}


def test_coupons_deleted_or_edited_in_the_admin_are_passed_over_or_kept(
    lane: Lane, services: Services, client: Client
) -> None:
    count = sent_run(lane, services)
    gone, edited = sorted(in_store(client).values(), key=lambda one: one.code)[:2]
    client.coupons.delete(gone.coupon_id)
    client.coupons.update(edited.coupon_id, {"discount": 33})
    off = carried_out(lane, have(services, ChangeKind.PAUSE))
    assert off.parts[PartState.DONE] == count - 1
    assert off.total == count - 1 + off.parts.get(PartState.PASSED, 0)  # none, if reconciling was quicker
    assert in_ledger(services)[gone.code].state == CodeState.REVOKED
    assert in_ledger(services)[gone.code].reason == "gone from the store"
    there = in_store(client)[edited.code]
    assert (there.status, there.discount) == ("PAUSED", 33)
    assert "code.gone" in audited(services)


def test_what_was_asked_for_last_stands_in_the_end(lane: Lane, services: Services, client: Client) -> None:
    count = sent_run(lane, services)
    asked = [have(services, ChangeKind.PAUSE), have(services, ChangeKind.PAUSE, CAMPAIGN)]
    first = line_of(services, asked[0])
    assert first.open
    carried_out(lane, asked[0])
    asked += [have(services, ChangeKind.RESUME), have(services, ChangeKind.PAUSE)]
    for one in asked:
        carried_out(lane, one)
    assert {one.status for one in in_store(client).values()} == {"PAUSED"}
    asked = [
        have(services, ChangeKind.RESUME),
        have(services, ChangeKind.PAUSE),
        have(services, ChangeKind.RESUME),
    ]
    for one in asked:
        carried_out(lane, one)
    assert {one.status for one in in_store(client).values()} == {"ACTIVE"}
    assert len(in_store(client)) == count


def test_a_viewer_changes_nothing(lane: Lane, services: Services) -> None:
    sent_run(lane, services)
    with pytest.raises(NotAllowed, match="no approver role"):
        ask(services.engine, scope=RUN, kind=ChangeKind.PAUSE, person=EVE, note="", now=services.clock.now())
    with pytest.raises(NotAllowed, match="no approver role"):
        restart(services.engine, run_id=1, person=EVE, note="", now=services.clock.now())


def test_a_halted_campaign_stops_sending_pauses_its_codes_and_goes_on_when_restarted(
    lane: Lane, services: Services, client: Client, sandbox: Sandbox
) -> None:
    agree(services, start(lane))
    go_on(lane, until=lambda: any(row.state == CodeState.POSTING for row in in_ledger(services).values()))
    now = services.clock.now()
    assert halt_campaign(
        services.engine, store_id=1, campaign="winback", person=ANA, note="wrong price", now=now
    ) == [1]
    with pytest.raises(Refused, match="halted already"):
        halt_campaign(services.engine, store_id=1, campaign="winback", person=ANA, note="", now=now)
    with pytest.raises(Refused, match="The whole campaign 'winback' is halted"):
        restart(services.engine, run_id=1, person=ANA, note="", now=now)
    [change] = [one.change_id for one in all_changes(services)]
    carried_out(lane, change)
    assert outbox(services) == []
    assert {row.state for row in in_ledger(services).values()} <= {CodeState.PAUSED, CodeState.RESERVED}
    assert {one.status for one in in_store(client).values()} == {"PAUSED"}
    again = services.clock.now()
    taken_up = restart_campaign(
        services.engine, store_id=1, campaign="winback", person=ANA, note="mended", now=again
    )
    assert taken_up == [1]
    assert state(services) is RunState.MINTING
    progress = finish(lane)
    assert progress.codes_live == progress.messages_sent == progress.planned
    assert {one.status for one in in_store(client).values()} == {"ACTIVE"}
    assert {"campaign.halted", "run.halted", "campaign.restarted", "run.restarted"} <= set(audited(services))


def all_changes(services: Services) -> list[ChangeLine]:
    with services.engine.connect() as connection:
        return list_changes(connection, 1)


def test_a_run_that_was_sent_is_halted_and_goes_on_being_watched(
    lane: Lane, services: Services, client: Client
) -> None:
    sent_run(lane, services)
    halt(services.engine, run_id=1, person=ANA, note="", now=services.clock.now())
    carried_out(lane, 1)
    assert {one.status for one in in_store(client).values()} == {"PAUSED"}
    assert restart(services.engine, run_id=1, person=ANA, note="", now=services.clock.now()) == "tracking"
    carried_out(lane, 2)
    assert {one.status for one in in_store(client).values()} == {"ACTIVE"}


@pytest.mark.parametrize(
    "trouble", [{"token_revoked": True}, {"missing_scopes": ["update_discount_coupons"]}]
)
def test_shut_out_half_way_the_change_waits_and_goes_on(
    lane: Lane, services: Services, client: Client, sandbox: Sandbox, trouble: dict[str, Any]
) -> None:
    count = sent_run(lane, services)
    change = have(services, ChangeKind.PAUSE)
    turn(sandbox, **trouble)
    go_on(lane, until=lambda: store_state(services) != "connected")
    assert line_of(services, change).open
    turn(sandbox, **{key: [] if key == "missing_scopes" else False for key in trouble})
    reconnect(services.engine, store_id=1, actor=ANA.email, now=services.clock.now())
    assert carried_out(lane, change).parts == {PartState.DONE: count}
    assert {one.status for one in in_store(client).values()} == {"PAUSED"}


def store_state(services: Services) -> str:
    with services.engine.connect() as connection:
        return str(load_store(connection, 1).state)


def test_codes_in_a_hurry_do_not_wait_for_a_long_change(
    lane: Lane, services: Services, client: Client, sandbox: Sandbox
) -> None:
    big = made(services, client)
    few = book_of(winback=campaign_text("winback").replace("limit: 50000", "limit: 3"))
    run_id = start(lane, book=few)
    turn(sandbox, batch_pause=0.5)
    change = have(services, ChangeKind.PAUSE, big)
    go_on(lane, until=lambda: line_of(services, change).total > 0)
    agree(services, run_id)
    assert finish(lane, run_id).messages_sent == 3
    assert line_of(services, change).open
    turn(sandbox, batch_pause=0.0)
    assert carried_out(lane, change).parts == {PartState.DONE: COUNT}
