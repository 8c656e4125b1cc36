"""What can happen to a chunk: each row is sent once, or its job learns that the outcome is unknown."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.batches.room import Room, room_of
from tests.mint.room import wait_for
from tests.store import lay_faults, turn
from tillroll.batches.chunk_row import update_chunk
from tillroll.batches.runner import intend, poll, push
from tillroll.campaign.states import ChunkState
from tillroll.ecwid.client import Client
from tillroll.ecwid.endpoints.batches import poll_pause
from tillroll.errors import NeedsPerson, OutcomeUnknown
from tillroll.ledger.engine import writing
from tillroll.ledger.faults.rows import list_faults
from tillroll.ledger.tables import import_chunks
from tillroll.sandbox.serve import Sandbox

AN_HOUR = timedelta(minutes=56)
ONE, TWO, THREE = "CODE-1", "CODE-2", "CODE-3"


@pytest.fixture
def room(ledger: Engine, client: Client, sandbox: Sandbox) -> Room:
    return room_of(ledger, client, sandbox, ONE, TWO)


def stall(room: Room) -> None:
    """Let the store do nothing for the next batch, nor for those behind it."""
    lay_faults(room.sandbox, stalled_batches={"seconds": 86_400.0, "times": 1})


def poll_counting_calls(room: Room) -> int:
    """Poll, and return how many calls that took."""
    before = room.sandbox.store.counters["requests"]
    poll(room.session, room.job)
    return room.sandbox.store.counters["requests"] - before


def run_to_end(room: Room) -> None:
    """Poll and push until nothing is in flight and no row may be sent."""

    def done() -> bool:
        room.later(30)
        out = poll(room.session, room.job)
        return not push(room.session, room.job) and out is None

    wait_for(done)


def test_ready_rows_are_sent_once_and_their_answers_are_written_with_the_chunks_end(room: Room) -> None:
    began = room.clock.now()
    assert push(room.session, room.job)
    [chunk] = room.chunks()
    assert (chunk.state, chunk.size, chunk.polls) == (ChunkState.POSTED, 2, 0)
    assert chunk.ticket
    assert began < chunk.poll_at <= room.clock.now() + poll_pause(0)
    assert room.states() == {ONE: "posting", TWO: "posting", "NOT-YET": "planned"}
    assert room.rows()[ONE].reason == "on its way"
    run_to_end(room)
    assert room.states() == {ONE: "done", TWO: "done", "NOT-YET": "planned"}
    [chunk] = room.chunks()
    assert (chunk.state, chunk.poll_at) == (ChunkState.DONE, None)
    assert not push(room.session, room.job)
    assert poll(room.session, room.job) is None


def test_chunks_that_were_only_intended_are_posted_before_new_ones(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    room = room_of(ledger, client, sandbox, ONE, TWO, THREE)
    room.put_off(TWO, room.clock.now() + timedelta(seconds=10))
    room.put_off(THREE, room.clock.now() + timedelta(seconds=20))
    for size in (1, 1):
        chunk = intend(room.session, room.job)
        assert chunk is not None
        assert (chunk.state, chunk.ticket, chunk.size) == (ChunkState.POSTING, "", size)
        assert intend(room.session, room.job) is None, "no row goes twice"
        room.later(10)
    assert room.batches() == 0
    assert push(room.session, room.job)
    assert [chunk.state for chunk in room.chunks()] == [ChunkState.POSTED] * 2, "as many as may be out"
    assert room.states() == {ONE: "posting", TWO: "posting", THREE: "planned", "NOT-YET": "planned"}
    run_to_end(room)
    assert room.states() == {ONE: "done", TWO: "done", THREE: "done", "NOT-YET": "planned"}
    assert {row.attempts for row in room.rows().values()} == {0, 1}


def test_after_a_lost_answer_the_chunk_is_posted_again_under_the_same_key(room: Room) -> None:
    turn(room.sandbox, drop_answers=1)
    with pytest.raises(OutcomeUnknown):
        push(room.session, room.job)
    assert room.chunks()[0].state == ChunkState.POSTING
    run_to_end(room)
    assert (room.batches(), room.ran()) == (1, [200, 200])
    assert len(room.chunks()) == 1


def test_a_chunk_with_an_old_key_is_never_posted_again_and_its_calls_never_run(
    room: Room,
) -> None:
    stall(room)
    turn(room.sandbox, drop_answers=1)
    with pytest.raises(OutcomeUnknown):
        push(room.session, room.job)
    room.clock.moved += AN_HOUR
    push(room.session, room.job)
    assert room.chunks()[0].state == ChunkState.LOST
    assert room.states() == {ONE: "unsure", TWO: "unsure", "NOT-YET": "planned"}
    run_to_end(room)
    assert (room.batches(), room.ran()) == (1, [])


@pytest.mark.parametrize("status", [404, 400])
def test_if_the_store_forgot_the_ticket_the_rows_are_to_be_looked_up(
    room: Room, client: Client, status: int
) -> None:
    turn(room.sandbox, unknown_ticket=status)
    push(room.session, room.job)
    assert client.batches.delete(room.chunks()[0].ticket)
    room.later(1)
    assert poll(room.session, room.job) is None
    assert [chunk.state for chunk in room.chunks()] == [ChunkState.LOST]
    assert room.states() == {ONE: "unsure", TWO: "unsure", "NOT-YET": "planned"}


def test_a_batch_that_stalls_for_an_hour_is_cancelled_before_its_rows_are_released(room: Room) -> None:
    stall(room)
    push(room.session, room.job)
    room.clock.moved += AN_HOUR - timedelta(minutes=2)
    assert poll(room.session, room.job) is not None
    assert room.chunks()[0].state == ChunkState.POSTED
    room.clock.moved += timedelta(minutes=2)
    assert poll(room.session, room.job) is None
    assert room.chunks()[0].state == ChunkState.LOST
    assert room.states() == {ONE: "unsure", TWO: "unsure", "NOT-YET": "planned"}
    assert room.sandbox.store.state.value("select status from batches", ()) == "COMPLETED"
    assert room.ran() == []


@pytest.fixture
def half_way(ledger: Engine, client: Client, sandbox: Sandbox) -> Room:
    """Return a room in which 100 rows of a chunk of 120 are done and recorded."""
    room = room_of(ledger, client, sandbox, *(f"MANY-{number:03}" for number in range(120)))
    turn(sandbox, batch_pause=3_600.0)  # after a hundred
    push(room.session, room.job)
    [chunk] = room.chunks()
    wait_for(lambda: client.batches.status(chunk.ticket).completed == 100)
    room.later(1)
    next_at = poll(room.session, room.job)
    [chunk] = room.chunks()
    assert (chunk.state, chunk.polls, chunk.poll_at) == (ChunkState.POSTED, 1, next_at)
    assert chunk.poll_at >= room.clock.now() + poll_pause(1) - timedelta(seconds=1)
    assert Counter(room.states().values()) == {"done": 100, "posting": 20, "planned": 1}
    return room


def test_rows_that_a_batch_ended_without_are_sent_again_and_the_others_stay_done(
    half_way: Room, client: Client
) -> None:
    room = half_way
    client.batches.cancel_group(room.chunks()[0].deduplication_key)
    room.later(10)
    assert poll(room.session, room.job) is None
    assert room.chunks()[0].state == ChunkState.DONE
    assert Counter(room.states().values()) == {"done": 100, "planned": 21}
    again = intend(room.session, room.job)
    assert again is not None
    assert again.size == 20
    assert Counter(row.attempts for row in room.rows().values()) == {0: 1, 1: 100, 2: 20}


def test_of_a_forgotten_batch_only_rows_without_an_answer_are_to_be_looked_up(
    half_way: Room, client: Client
) -> None:
    room = half_way
    client.batches.delete(room.chunks()[0].ticket)
    room.later(10)
    assert poll(room.session, room.job) is None
    assert Counter(room.states().values()) == {"done": 100, "unsure": 20, "planned": 1}


def test_only_the_oldest_chunk_is_polled_and_no_more_are_in_flight_than_the_job_allows(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    room = room_of(ledger, client, sandbox, ONE, TWO, THREE)
    room.put_off(TWO, room.clock.now() + timedelta(seconds=10))
    room.put_off(THREE, room.clock.now() + timedelta(seconds=20))
    stall(room)
    for out in (1, 2, 2):
        push(room.session, room.job)
        assert len(room.chunks()) == out
        room.later(10)
    assert room.states() == {ONE: "posting", TWO: "posting", THREE: "planned", "NOT-YET": "planned"}
    assert poll_counting_calls(room) == 1, "the later one can't be further"
    oldest, later = room.chunks()
    assert (oldest.polls, later.polls) == (1, 0)
    assert later.poll_at < room.clock.now()
    assert poll_counting_calls(room) == 0, "the oldest isn't due, whatever the later one is"
    assert poll(room.session, room.job) == oldest.poll_at
    client.batches.cancel_group(oldest.deduplication_key)
    wait_for(lambda: client.batches.status(later.ticket).finished)
    room.later(1)
    assert poll_counting_calls(room) == 2, "once it is over the next one has its turn at once"
    assert room.states()[TWO] == "done"


def test_if_the_store_does_nothing_for_us_an_error_is_raised_after_everything_is_written(room: Room) -> None:
    turn(room.sandbox, missing_scopes=["create_discount_coupons"])
    push(room.session, room.job)
    wait_for(lambda: len(room.ran()) == 2)
    room.later(1)
    with pytest.raises(NeedsPerson, match=r"The store makes none: .+\."):
        poll(room.session, room.job)
    assert room.chunks()[0].state == ChunkState.DONE
    assert room.states() == {ONE: "planned", TWO: "planned", "NOT-YET": "planned"}
    turn(room.sandbox, missing_scopes=[])
    run_to_end(room)
    assert room.rows()[ONE].state == "done"


def test_a_chunk_is_only_updated_in_the_state_it_was_read_in(room: Room) -> None:
    seen = intend(room.session, room.job)
    assert seen is not None
    now = room.clock.now()
    with writing(room.ledger) as connection:
        update_chunk(connection, import_chunks, seen, now=now, state=ChunkState.LOST)
        update_chunk(connection, import_chunks, seen, now=now, state=ChunkState.POSTED, ticket="too late")
    [chunk] = room.chunks()
    assert (chunk.state, chunk.ticket) == (ChunkState.LOST, "")


def faulty_rows(room: Room) -> dict[str, str]:
    """Return the rows that failed, with the exception's class."""
    with room.ledger.connect() as connection:
        return {fault.item: fault.error for fault in list_faults(connection, 1, now=room.clock.now())}


def test_a_row_whose_call_cant_be_built_costs_no_other_row_its_call(room: Room) -> None:
    room.job.broken.add(f"request {TWO}")
    push(room.session, room.job)
    wait_for(lambda: room.later(30) or poll(room.session, room.job) is None)
    assert room.states()[ONE] == "done"
    assert room.states()[TWO] == "planned"
    assert faulty_rows(room) == {TWO: "KeyError"}
    room.job.broken.clear()
    run_to_end(room)
    assert room.states()[TWO] == "done"
    assert Counter(room.ran()) == {200: 2}


def test_a_row_whose_answer_cant_be_read_is_lost_alone(room: Room) -> None:
    room.job.broken.add(f"answer {ONE}")
    push(room.session, room.job)
    wait_for(lambda: room.later(30) or poll(room.session, room.job) is None)
    assert (room.states()[ONE], room.states()[TWO]) == ("unsure", "done")
    assert faulty_rows(room) == {ONE: "KeyError"}


def test_a_row_whose_outcome_cant_be_written_costs_no_other_row_its_own(room: Room) -> None:
    room.job.broken.add(f"write {ONE}")
    push(room.session, room.job)
    wait_for(lambda: room.later(30) or poll(room.session, room.job) is None)
    row = room.rows()[ONE]
    assert (row.state, row.import_chunk_id, room.states()[TWO]) == ("planned", None, "done")
    assert row.not_before > room.clock.now() - timedelta(hours=1), "it rests before it is sent again"
    assert faulty_rows(room) == {ONE: "KeyError"}
    with room.ledger.connect() as connection:
        states = set(connection.scalars(sa.select(import_chunks.c.state)))
    assert states == {ChunkState.DONE}, "no chunk stays open, which would block the later ones"
