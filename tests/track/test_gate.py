"""What passes the fence outside the loop: by hand, and the shares of e-mails that wait in the queue."""

from __future__ import annotations

from contextlib import closing

import pytest
import sqlalchemy as sa

from tillroll.errors import LedgerIsAnother, TillrollError
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.lane import lane as lock
from tillroll.ledger.tables import fences, stores
from tillroll.loop.advance import Lane
from tillroll.loop.lanes import Lanes
from tillroll.track.connect import DISCONNECTED, FENCED, load_store
from tillroll.track.fence import FenceTaken, guard, load_fence
from tillroll.track.gate import pass_gate, pass_unasked


def go_through(lane: Lane, mark: str, *, raising: bool = False) -> None:
    services = lane.services
    with reading(services.engine) as connection:
        store = load_store(connection, 1)
    pass_gate(services.engine, lane.client, store=store, mark=mark, clock=services.clock, raising=raising)


def age(lane: Lane) -> None:
    """What a person does by hand, and then the ledger from before it again."""
    engine = lane.services.engine
    go_through(lane, "m1", raising=True)
    with reading(engine) as connection:
        before = dict(connection.execute(sa.select(fences)).one()._mapping)
    go_through(lane, "m2", raising=True)
    with writing(engine) as connection:
        connection.execute(sa.update(fences).values(before))


def test_the_same_ledger_passes_and_what_it_hands_out_raises_the_fence(lane: Lane) -> None:
    go_through(lane, "m1")
    for mark in ("m2", "m3"):
        go_through(lane, mark, raising=True)
    with reading(lane.services.engine) as connection:
        standing = load_fence(connection, 1).standing
    assert (standing.epoch, standing.mark) == (2, "m3")


def test_a_ledger_from_before_does_not_pass_nor_send_what_its_queue_holds(lane: Lane) -> None:
    age(lane)
    with pytest.raises(LedgerIsAnother, match="older than its store"):
        go_through(lane, "m3")
    with closing(Lanes(lane.services)) as lanes, pytest.raises(LedgerIsAnother):
        lanes.may_send(1)


@pytest.mark.parametrize("state", [FENCED, DISCONNECTED])
def test_nothing_is_sent_for_a_store_that_stands_still(lane: Lane, state: str) -> None:
    with closing(Lanes(lane.services)) as lanes:
        assert lanes.may_send(1)
        with writing(lane.services.engine) as connection:
            connection.execute(sa.update(stores).values(state=state, reason="a reason"))
        assert not lanes.may_send(1)
    if state == FENCED:
        with pytest.raises(LedgerIsAnother, match="a reason"):
            go_through(lane, "m1")


def test_a_copy_is_told_though_the_store_can_not_be_asked(lane: Lane) -> None:
    go_through(lane, "m1", raising=True)
    pass_unasked(lane.services.engine, store_id=1)
    with writing(lane.services.engine) as connection:
        connection.execute(sa.update(fences).values(home="another database"))
    with pytest.raises(LedgerIsAnother, match="copy"):
        pass_unasked(lane.services.engine, store_id=1)


def test_two_processes_are_at_the_fence_one_after_the_other(lane: Lane) -> None:
    engine, now = lane.services.engine, lane.services.clock.now()
    with lock(engine, 1, name="fence"), pytest.raises(FenceTaken) as taken:
        guard(engine, lane.client, store_id=1, checked=False, mark="m1", now=now)
    assert isinstance(taken.value, TillrollError)
    assert taken.value.retry_at > now
