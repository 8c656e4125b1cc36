"""The fence: whether a ledger is the one that last worked for its store, and where the store keeps the record."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.clocks import FakeClock
from tests.shop import NOW
from tests.store import turn
from tillroll.batches.session import StoreSession
from tillroll.ecwid.client import Client
from tillroll.errors import ScopeMissing, StaleLedger
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import fences
from tillroll.loop.advance import StoreWorker
from tillroll.recovery.decide import (
    BegunRun,
    FenceRecord,
    FenceState,
    FenceVerdict,
    Place,
    RunStage,
    StoreRecord,
    UnreadableRecord,
    judge_ledger,
    must_report,
    runs_to_report,
)
from tillroll.recovery.fence import guard, load_fence, raise_fence
from tillroll.recovery.fence_place import CODE, KEY, keep_record, read_record
from tillroll.sandbox.serve import Sandbox

OURS = FenceState(epoch=3, mark="c", intended="d", home="here")
SETTLED = FenceState(epoch=3, mark="c", intended="", home="here")
NEVER = FenceState(epoch=0, mark="", intended="", home="")
UNREADABLE = UnreadableRecord(place=Place.STORAGE)


def kept(epoch: int, mark: str) -> FenceRecord:
    return FenceRecord(epoch=epoch, mark=mark, at="then")


@pytest.mark.parametrize(
    ("ledger", "store", "home", "verdict"),
    [
        (NEVER, None, "here", FenceVerdict.SAME),
        (OURS, kept(3, "c"), "here", FenceVerdict.SAME),
        (OURS, kept(4, "d"), "here", FenceVerdict.SAME),  # its answer was lost
        (OURS, None, "here", FenceVerdict.MISSING),  # somebody has deleted it
        (OURS, kept(4, "e"), "here", FenceVerdict.OLDER),
        (OURS, kept(3, "e"), "here", FenceVerdict.OTHER),
        (OURS, UNREADABLE, "here", FenceVerdict.UNREADABLE),
        (SETTLED, UNREADABLE, "here", FenceVerdict.UNREADABLE),
        (NEVER, UNREADABLE, "here", FenceVerdict.UNREADABLE),
        (SETTLED, kept(3, "d"), "here", FenceVerdict.OTHER),
        (SETTLED, kept(9, "d"), "here", FenceVerdict.OLDER),
        (OURS, kept(3, "c"), "elsewhere", FenceVerdict.COPY),
        (OURS, None, "elsewhere", FenceVerdict.COPY),
        (NEVER, kept(9, "e"), "here", FenceVerdict.OTHER),
        (FenceState(epoch=0, mark="", intended="d", home=""), kept(1, "d"), "here", FenceVerdict.SAME),
    ],
)
def test_a_ledger_is_compared_with_the_stores_record(
    ledger: FenceState, store: StoreRecord | None, home: str, verdict: FenceVerdict
) -> None:
    assert judge_ledger(ledger, store, home) is verdict


def test_each_stage_of_a_run_is_reported_and_the_latest_runs_are_kept() -> None:
    first = [
        BegunRun(run_id=number, campaign="welcome", slot_key=str(number), stage=RunStage.MINT)
        for number in (1, 2)
    ]
    further = BegunRun(run_id=1, campaign="welcome", slot_key="1", stage=RunStage.SEND)
    assert must_report((), first)
    assert not must_report(first, first[:1])
    assert must_report(first, [further])
    assert runs_to_report(first, [further], most=2) == (further, first[1])
    assert runs_to_report(first, [further], most=1) == (first[1],)


@pytest.mark.parametrize(("epoch", "mark"), [(3, ""), (0, "c"), (2**40, "c")])
def test_a_record_without_a_mark_or_a_possible_epoch_cannot_be_made(epoch: int, mark: str) -> None:
    with pytest.raises(ValueError, match="mark"):
        kept(epoch, mark)


RECORD = FenceRecord(
    epoch=7,
    mark="ab-12",
    at="now",
    runs=(BegunRun(run_id=1, campaign="x", slot_key="y", stage=RunStage.SEND),),
)
IN_COUPON = replace(RECORD, runs=(), whole=False, place=Place.COUPON)


@pytest.mark.parametrize("storage_bodies", ["kept", "unwrapped"])
def test_the_record_comes_back_from_the_app_storage(
    sandbox: Sandbox, client: Client, storage_bodies: str
) -> None:
    turn(sandbox, storage_bodies=storage_bodies)
    assert read_record(client) is None
    assert keep_record(client, None, RECORD, verify=True) is Place.STORAGE
    assert keep_record(client, Place.STORAGE, replace(RECORD, epoch=8)) is Place.STORAGE
    assert read_record(client) == replace(RECORD, epoch=8)


@pytest.mark.parametrize("body", ["words", "empty"])
def test_without_the_app_storage_the_record_moves_to_a_coupon_and_stays_there(
    sandbox: Sandbox, client: Client, body: str
) -> None:
    keep_record(client, None, replace(RECORD, epoch=6, mark="ab-11"))
    turn(sandbox, missing_scopes=["update_store_profile"], missing_scope_body=body)
    assert keep_record(client, Place.STORAGE, RECORD) is Place.COUPON
    assert read_record(client) == IN_COUPON, "the older record in the storage no longer counts"
    coupon = client.coupons.find(CODE)
    assert coupon is not None
    assert coupon.status == "PAUSED"
    turn(sandbox, missing_scopes=[])
    assert keep_record(client, Place.COUPON, replace(RECORD, epoch=8)) is Place.COUPON
    assert read_record(client) == replace(IN_COUPON, epoch=8)
    client.coupons.delete(coupon.coupon_id)
    assert keep_record(client, Place.COUPON, replace(RECORD, epoch=9)) is Place.COUPON
    assert read_record(client) == replace(IN_COUPON, epoch=9)


@pytest.mark.parametrize("text", ["gone wrong", "", "null", "[]", '{"epoch":9,"mark":"","at":"","runs":[]}'])
def test_what_cannot_be_read_in_the_app_storage_stops_the_ledger(
    worker: StoreWorker, client: Client, text: str
) -> None:
    session = session_of(worker, client)
    guard(session, checked=False, mark="m1", raising=True)
    client.shop.write_storage(KEY, text)
    with pytest.raises(StaleLedger, match="can't be read") as refused:
        guard(session, checked=False, mark="m2")
    assert KEY in refused.value.message
    client.connection.write("DELETE", f"/storage/{KEY}")
    with pytest.raises(StaleLedger, match="no longer shows"):
        guard(session, checked=False, mark="m2")


def test_a_renamed_or_deleted_coupon_stops_the_ledger(
    sandbox: Sandbox, worker: StoreWorker, client: Client
) -> None:
    turn(sandbox, missing_scopes=["update_store_profile"])
    session = session_of(worker, client)
    guard(session, checked=False, mark="a1", raising=True)
    coupon = client.coupons.find(CODE)
    assert coupon is not None
    for name in ("Our fence", coupon.name[:-30], ""):
        client.coupons.update(coupon.coupon_id, {"name": name})
        with pytest.raises(StaleLedger, match="can't be read, in the name of the paused coupon"):
            guard(session, checked=False, mark="a2")
    client.coupons.update(coupon.coupon_id, {"name": coupon.name})
    guard(session, checked=False, mark="a2")
    client.coupons.delete(coupon.coupon_id)
    with pytest.raises(StaleLedger, match="no longer shows"):
        guard(session, checked=False, mark="a2")


@pytest.mark.parametrize("storage_bodies", ["kept", "unwrapped"])
def test_a_raise_by_a_process_that_has_checked_takes_two_calls(
    sandbox: Sandbox, worker: StoreWorker, client: Client, storage_bodies: str
) -> None:
    turn(sandbox, storage_bodies=storage_bodies)
    session = session_of(worker, client)
    guard(session, checked=False, mark="a1", raising=True)
    before = client.calls
    guard(session, checked=True, mark="a2", raising=True)
    assert client.calls - before == 2


def test_the_first_raise_of_a_process_that_found_no_record_takes_two_calls(
    sandbox: Sandbox, worker: StoreWorker, client: Client
) -> None:
    session = session_of(worker, client)
    assert guard(session, checked=False, mark="a1")
    before = client.calls
    guard(session, checked=True, mark="a1", raising=True)
    assert client.calls - before == 2, "the coupon isn't looked for again"
    assert read_record(client) is not None


@pytest.mark.parametrize("place", [Place.STORAGE, Place.COUPON])
def test_a_record_written_after_the_first_look_stops_the_first_raise(
    sandbox: Sandbox, worker: StoreWorker, client: Client, place: Place
) -> None:
    if place is Place.COUPON:
        turn(sandbox, missing_scopes=["update_store_profile"])
    session = session_of(worker, client)
    guard(session, checked=False, mark="a1")
    keep_record(client, place, RECORD)
    if place is Place.COUPON:  # the token may read the app storage, and may not write there
        with pytest.raises(ScopeMissing):
            guard(session, checked=True, mark="a1", raising=True)
    with pytest.raises(StaleLedger):
        guard(session, checked=True, mark="a1", raising=True)
    assert read_record(client) in {RECORD, IN_COUPON}, "it is not overwritten"


def test_a_record_that_another_ledger_moved_is_not_overwritten(sandbox: Sandbox, client: Client) -> None:
    keep_record(client, Place.COUPON, RECORD)
    turn(sandbox, missing_scopes=["update_store_profile"])
    with pytest.raises(ScopeMissing):
        keep_record(client, Place.STORAGE, replace(RECORD, mark="ef-56"))
    assert read_record(client) == IN_COUPON


def session_of(worker: StoreWorker, client: Client) -> StoreSession:
    return StoreSession(engine=worker.services.engine, client=client, store_id=1, clock=FakeClock(NOW))


def test_a_copy_is_refused_at_its_first_look(worker: StoreWorker, client: Client) -> None:
    engine = worker.services.engine
    with reading(engine) as connection:
        fence = load_fence(connection, 1)
    session = session_of(worker, client)
    raise_fence(session, fence=fence, record=None, begun=(), mark="m1", now=NOW)
    assert guard(session, checked=False, mark="m2")
    assert not guard(session, checked=True, mark="m2")
    with writing(engine) as connection:
        connection.execute(fences.update().values(home="another database"))
    with pytest.raises(StaleLedger) as refused:
        guard(session, checked=False, mark="m2")
    assert "copy" in refused.value.message
    assert "tillroll rearm" in refused.value.hint
