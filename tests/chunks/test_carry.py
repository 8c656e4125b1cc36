"""What can happen to a chunk on its way: each row is asked for once, or its errand hears that nobody knows."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy.engine import Engine

from tests.chunks.room import Room, room_of
from tests.mint.room import soon
from tests.store import lay_faults, turn
from tillroll.campaign.states import ChunkState
from tillroll.chunks.carry import intend, poll, push
from tillroll.chunks.row import move
from tillroll.ecwid.batches import poll_pause
from tillroll.ecwid.client import Client
from tillroll.errors import NeedsPerson, OutcomeUnknown
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import import_chunks
from tillroll.sandbox.serve import Sandbox

AN_HOUR = timedelta(minutes=56)
ONE, TWO, THREE = "CODE-1", "CODE-2", "CODE-3"


@pytest.fixture
def room(ledger: Engine, client: Client, sandbox: Sandbox) -> Room:
    return room_of(ledger, client, sandbox, ONE, TWO)


def stall(room: Room) -> None:
    """The store does nothing for the next batch that it is given, nor for those behind it."""
    lay_faults(room.sandbox, stalled_batches={"seconds": 86_400.0, "times": 1})


def asked(room: Room) -> int:
    """Ask after what is due; how many calls that took."""
    before = room.sandbox.store.counters["requests"]
    poll(room.carrier, room.errand)
    return room.sandbox.store.counters["requests"] - before


def carried(room: Room) -> None:
    """Poll and push until nothing is out and nothing may go."""

    def done() -> bool:
        room.later(30)
        out = poll(room.carrier, room.errand)
        return not push(room.carrier, room.errand) and out is None

    soon(done)


def test_what_may_go_goes_once_and_its_answers_are_written_with_the_chunks_end(room: Room) -> None:
    began = room.clock.now()
    assert push(room.carrier, room.errand)
    [chunk] = room.chunks()
    assert (chunk.state, chunk.size, chunk.polls) == (ChunkState.POSTED, 2, 0)
    assert chunk.ticket
    assert began < chunk.poll_at <= room.clock.now() + poll_pause(0)
    assert room.states() == {ONE: "posting", TWO: "posting", "NOT-YET": "planned"}
    assert room.rows()[ONE].reason == "on its way"
    carried(room)
    assert room.states() == {ONE: "done", TWO: "done", "NOT-YET": "planned"}
    [chunk] = room.chunks()
    assert (chunk.state, chunk.poll_at) == (ChunkState.DONE, None)
    assert not push(room.carrier, room.errand)
    assert poll(room.carrier, room.errand) is None


def test_chunks_that_were_only_intended_are_posted_by_whoever_comes_next_before_new_ones(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    room = room_of(ledger, client, sandbox, ONE, TWO, THREE)
    room.put_off(TWO, room.clock.now() + timedelta(seconds=10))
    room.put_off(THREE, room.clock.now() + timedelta(seconds=20))
    for size in (1, 1):
        chunk = intend(room.carrier, room.errand)
        assert chunk is not None
        assert (chunk.state, chunk.ticket, chunk.size) == (ChunkState.POSTING, "", size)
        assert intend(room.carrier, room.errand) is None, "no row goes twice"
        room.later(10)
    assert room.batches() == 0
    assert push(room.carrier, room.errand)
    assert [chunk.state for chunk in room.chunks()] == [ChunkState.POSTED] * 2, "as many as may be out"
    assert room.states() == {ONE: "posting", TWO: "posting", THREE: "planned", "NOT-YET": "planned"}
    carried(room)
    assert room.states() == {ONE: "done", TWO: "done", THREE: "done", "NOT-YET": "planned"}
    assert {row.attempts for row in room.rows().values()} == {0, 1}


def test_a_lost_answer_is_asked_for_again_under_the_same_key(room: Room) -> None:
    turn(room.sandbox, drop_answers=1)
    with pytest.raises(OutcomeUnknown):
        push(room.carrier, room.errand)
    assert room.chunks()[0].state == ChunkState.POSTING
    carried(room)
    assert (room.batches(), room.ran()) == (1, [200, 200])
    assert len(room.chunks()) == 1


def test_a_key_that_is_too_old_is_never_posted_again_and_what_the_store_has_of_it_never_runs(
    room: Room,
) -> None:
    stall(room)
    turn(room.sandbox, drop_answers=1)
    with pytest.raises(OutcomeUnknown):
        push(room.carrier, room.errand)
    room.clock.by += AN_HOUR
    push(room.carrier, room.errand)
    assert room.chunks()[0].state == ChunkState.LOST
    assert room.states() == {ONE: "unsure", TWO: "unsure", "NOT-YET": "planned"}
    carried(room)
    assert (room.batches(), room.ran()) == (1, [])


@pytest.mark.parametrize("status", [404, 400])
def test_a_ticket_that_the_store_forgot_leaves_its_rows_to_be_looked_up(
    room: Room, client: Client, status: int
) -> None:
    turn(room.sandbox, unknown_ticket=status)
    push(room.carrier, room.errand)
    assert client.batches.delete(room.chunks()[0].ticket)
    room.later(1)
    assert poll(room.carrier, room.errand) is None
    assert [chunk.state for chunk in room.chunks()] == [ChunkState.LOST]
    assert room.states() == {ONE: "unsure", TWO: "unsure", "NOT-YET": "planned"}


def test_a_batch_that_stalls_for_an_hour_is_cancelled_before_its_rows_are_given_back(room: Room) -> None:
    stall(room)
    push(room.carrier, room.errand)
    room.clock.by += AN_HOUR - timedelta(minutes=2)
    assert poll(room.carrier, room.errand) is not None
    assert room.chunks()[0].state == ChunkState.POSTED
    room.clock.by += timedelta(minutes=2)
    assert poll(room.carrier, room.errand) is None
    assert room.chunks()[0].state == ChunkState.LOST
    assert room.states() == {ONE: "unsure", TWO: "unsure", "NOT-YET": "planned"}
    assert room.sandbox.store.state.value("select status from batches", ()) == "COMPLETED"
    assert room.ran() == []


@pytest.fixture
def half_way(ledger: Engine, client: Client, sandbox: Sandbox) -> Room:
    """A hundred of a chunk of a hundred and twenty are done and written down."""
    room = room_of(ledger, client, sandbox, *(f"MANY-{number:03}" for number in range(120)))
    turn(sandbox, batch_pause=3_600.0)  # after a hundred
    push(room.carrier, room.errand)
    [chunk] = room.chunks()
    soon(lambda: client.batches.status(chunk.ticket).completed == 100)
    room.later(1)
    next_at = poll(room.carrier, room.errand)
    [chunk] = room.chunks()
    assert (chunk.state, chunk.polls, chunk.poll_at) == (ChunkState.POSTED, 1, next_at)
    assert chunk.poll_at >= room.clock.now() + poll_pause(1) - timedelta(seconds=1)
    assert Counter(room.states().values()) == {"done": 100, "posting": 20, "planned": 1}
    return room


def test_what_a_batch_ends_without_may_go_again_and_what_it_did_stays(half_way: Room, client: Client) -> None:
    room = half_way
    client.batches.cancel_group(room.chunks()[0].deduplication_key)
    room.later(10)
    assert poll(room.carrier, room.errand) is None
    assert room.chunks()[0].state == ChunkState.DONE
    assert Counter(room.states().values()) == {"done": 100, "planned": 21}
    again = intend(room.carrier, room.errand)
    assert again is not None
    assert again.size == 20
    assert Counter(row.attempts for row in room.rows().values()) == {0: 1, 1: 100, 2: 20}


def test_only_what_has_no_answer_of_a_forgotten_batch_is_to_be_looked_up(
    half_way: Room, client: Client
) -> None:
    room = half_way
    client.batches.delete(room.chunks()[0].ticket)
    room.later(10)
    assert poll(room.carrier, room.errand) is None
    assert Counter(room.states().values()) == {"done": 100, "unsure": 20, "planned": 1}


def test_only_the_oldest_is_asked_after_and_no_more_are_out_than_the_errand_wants(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    room = room_of(ledger, client, sandbox, ONE, TWO, THREE)
    room.put_off(TWO, room.clock.now() + timedelta(seconds=10))
    room.put_off(THREE, room.clock.now() + timedelta(seconds=20))
    stall(room)
    for out in (1, 2, 2):
        push(room.carrier, room.errand)
        assert len(room.chunks()) == out
        room.later(10)
    assert room.states() == {ONE: "posting", TWO: "posting", THREE: "planned", "NOT-YET": "planned"}
    assert asked(room) == 1, "the later one can't be further"
    oldest, later = room.chunks()
    assert (oldest.polls, later.polls) == (1, 0)
    assert later.poll_at < room.clock.now()
    assert asked(room) == 0, "the oldest isn't due, whatever the later one is"
    assert poll(room.carrier, room.errand) == oldest.poll_at
    client.batches.cancel_group(oldest.deduplication_key)
    soon(lambda: client.batches.status(later.ticket).finished)
    room.later(1)
    assert asked(room) == 2, "once it is over the next one has its turn at once"
    assert room.states()[TWO] == "done"


def test_a_store_that_does_nothing_for_us_is_told_to_a_person_after_all_is_written(room: Room) -> None:
    turn(room.sandbox, missing_scopes=["create_discount_coupons"])
    push(room.carrier, room.errand)
    soon(lambda: len(room.ran()) == 2)
    room.later(1)
    with pytest.raises(NeedsPerson, match=r"The store makes none: .+\."):
        poll(room.carrier, room.errand)
    assert room.chunks()[0].state == ChunkState.DONE
    assert room.states() == {ONE: "planned", TWO: "planned", "NOT-YET": "planned"}
    turn(room.sandbox, missing_scopes=[])
    carried(room)
    assert room.rows()[ONE].state == "done"


def test_a_chunk_is_only_moved_on_from_where_it_was_seen(room: Room) -> None:
    seen = intend(room.carrier, room.errand)
    assert seen is not None
    now = room.clock.now()
    with writing(room.ledger) as connection:
        move(connection, import_chunks, seen, now=now, state=ChunkState.LOST)
        move(connection, import_chunks, seen, now=now, state=ChunkState.POSTED, ticket="too late")
    [chunk] = room.chunks()
    assert (chunk.state, chunk.ticket) == (ChunkState.LOST, "")
