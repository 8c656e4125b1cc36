"""The fence: whether a ledger is the one that last worked for its store, and where the store keeps the count."""

from __future__ import annotations

import pytest

from tests.shop import NOW
from tillroll.ecwid.client import Client
from tillroll.errors import LedgerIsAnother
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import fences
from tillroll.loop.advance import Lane
from tillroll.sandbox.serve import Sandbox
from tillroll.track.decide import Begun, Record, Stage, Standing, Verdict, must_tell, stand, to_tell
from tillroll.track.fence import guard, load_fence, raise_fence
from tillroll.track.fence_place import CODE, COUPON, KEY, STORAGE, keep_record, read_record

OURS = Standing(epoch=3, mark="c", intended="d", home="here")


def kept(epoch: int, mark: str) -> Record:
    return Record(epoch=epoch, mark=mark, at="then")


@pytest.mark.parametrize(
    ("ledger", "store", "home", "verdict"),
    [
        (Standing(epoch=0, mark="", intended="", home=""), None, "here", Verdict.SAME),
        (OURS, kept(3, "c"), "here", Verdict.SAME),
        (OURS, kept(4, "d"), "here", Verdict.SAME),  # its answer was lost
        (OURS, None, "here", Verdict.SAME),  # somebody has deleted it
        (OURS, kept(4, "e"), "here", Verdict.OLDER),
        (OURS, kept(3, "e"), "here", Verdict.OTHER),
        (OURS, kept(2, ""), "here", Verdict.OTHER),
        (OURS, kept(3, "c"), "elsewhere", Verdict.COPY),
        (OURS, None, "elsewhere", Verdict.COPY),
        (Standing(epoch=0, mark="", intended="", home=""), kept(9, "e"), "here", Verdict.OTHER),
        (Standing(epoch=0, mark="", intended="d", home=""), kept(1, "d"), "here", Verdict.SAME),
    ],
)
def test_a_ledger_is_held_against_what_the_store_keeps(
    ledger: Standing, store: Record | None, home: str, verdict: Verdict
) -> None:
    assert stand(ledger, store, home) is verdict


def test_a_store_is_told_of_each_stage_of_a_run_and_keeps_the_latest() -> None:
    first = [
        Begun(run_id=number, campaign="welcome", slot_key=str(number), stage=Stage.MINT) for number in (1, 2)
    ]
    further = Begun(run_id=1, campaign="welcome", slot_key="1", stage=Stage.SEND)
    assert must_tell((), first)
    assert not must_tell(first, first[:1])
    assert must_tell(first, [further])
    assert to_tell(first, [further], most=2) == (further, first[1])
    assert to_tell(first, [further], most=1) == (first[1],)


def test_a_store_keeps_the_record_in_its_storage_or_where_that_may_not_be_written_in_a_coupon(
    sandbox: Sandbox, client: Client
) -> None:
    record = Record(
        epoch=7, mark="ab-12", at="now", runs=(Begun(run_id=1, campaign="x", slot_key="y", stage=Stage.SEND),)
    )
    assert read_record(client, "") is None
    assert keep_record(client, "", record) == STORAGE
    assert read_record(client, "") == read_record(client, STORAGE) == record
    for _ in range(2):  # made, then changed
        assert keep_record(client, COUPON, record) == COUPON
    found = read_record(client, COUPON)
    assert found is not None
    assert (found.epoch, found.mark, found.whole) == (7, "ab-12", False)
    coupon = client.coupons.find(CODE)
    assert coupon is not None
    assert coupon.status == "PAUSED"


def test_a_record_that_cannot_be_read_stops_the_lane(client: Client) -> None:
    client.shop.keep(KEY, "gone wrong")
    record = read_record(client, "")
    assert record is not None
    assert stand(OURS, record, "here") is Verdict.OLDER


def test_a_copy_is_refused_at_its_first_look_though_the_store_knows_no_better(
    lane: Lane, client: Client
) -> None:
    engine = lane.services.engine
    with reading(engine) as connection:
        fence = load_fence(connection, 1)
    raise_fence(engine, client, store_id=1, fence=fence, record=None, begun=(), mark="m1", now=NOW)
    assert guard(engine, client, store_id=1, checked=False, mark="m2", now=NOW)
    assert not guard(engine, client, store_id=1, checked=True, mark="m2", now=NOW)
    with writing(engine) as connection:
        connection.execute(fences.update().values(home="another database"))
    with pytest.raises(LedgerIsAnother) as refused:
        guard(engine, client, store_id=1, checked=False, mark="m2", now=NOW)
    assert "copy" in refused.value.message
    assert "tillroll rearm" in refused.value.hint
