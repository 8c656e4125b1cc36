"""A store's turn of minting: all of its runs together, a step at a time, so that no run waits for another to end.

A step makes at most one call to the store. Small runs go first and large ones take turns (`fair_share.py`). The store's queue is
only as long as the store is fast (`forecast.py`): it never runs dry, and an urgent code never waits long.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tillroll.batches.chunk_row import chunk_item, count_in
from tillroll.campaign.states import ChunkState, RunState, Stage
from tillroll.errors import Refused
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.faults.boundary import contained
from tillroll.ledger.queries.runs import defer_run, run_item, runs_in
from tillroll.ledger.records import Chunk, Run
from tillroll.ledger.tables import chunks
from tillroll.mint.context import MintContext
from tillroll.mint.fair_share import Claim, choose_claim
from tillroll.mint.issue.confirm import confirm_imported
from tillroll.mint.issue.finish import finish
from tillroll.mint.issue.lookup import look_up, oldest_lost
from tillroll.mint.issue.poll import ask, oldest_in_flight
from tillroll.mint.issue.push import push, resume, unsent_chunks
from tillroll.mint.issue.reserve import PIECE, reserve
from tillroll.mint.issue.run_minting import CodeSource, RunMinting, open_run_minting
from tillroll.mint.pools.hand_out import hand_out

_POOL_REST = timedelta(seconds=30)  # a pool that is too small is filled by a run of its own
_ANOTHER_REST = timedelta(seconds=2)  # a shared code is made for another run
_REFUSED_REST = timedelta(seconds=30)


@dataclass(kw_only=True)
class TurnResult:
    """The result of a turn."""

    next_at: datetime | None = None  # when there is more to do; None: nothing is left
    done: list[int] = field(default_factory=list)  # runs that left `minting`
    aside: dict[int, str] = field(default_factory=dict)  # runs that are deferred because of a fault, and why


class _ActiveRuns:
    """The runs that are being minted in one turn."""

    def __init__(self, context: MintContext) -> None:
        self.context = context
        self.result = TurnResult()
        self.by_id: dict[int, RunMinting] = {}

    @contextmanager
    def one_run(self, run: Run) -> Iterator[None]:
        """Do something for one run. If it is refused it is deferred; after any other fault it rests; the others continue."""
        context = self.context
        boundary = contained(context.engine, run_item(run), stage=Stage.MINT, now=context.clock.now())
        with boundary as outcome, self.deferring_when_refused(run.id):
            yield
        if outcome.failed:
            self.by_id.pop(run.id, None)

    @contextmanager
    def one_chunk(self, chunk: Chunk) -> Iterator[None]:
        """Do something about one chunk. After a fault it rests, its codes keep their state, and the other chunks go on."""
        context = self.context
        item = chunk_item(chunks, chunk, store_id=context.store_id, run_id=chunk.owner_id)
        with contained(context.engine, item, stage=Stage.MINT, now=context.clock.now()):
            yield

    @contextmanager
    def deferring_when_refused(self, run_id: int) -> Iterator[None]:
        """Defer a run that was refused, with the reason."""
        try:
            yield
        except Refused as fault:
            self.put_off(run_id, _REFUSED_REST, fault.message)
            self.result.aside[run_id] = fault.message

    def put_off(self, run_id: int, rest: timedelta, reason: str) -> None:
        """Defer a run and take it out of this turn."""
        until = self.context.clock.now() + rest
        with writing(self.context.engine) as connection:
            defer_run(connection, run_id, until=until, reason=reason)
        self.by_id.pop(run_id, None)

    def wake(self, run_id: int) -> None:
        """Look at a run again, since codes of it were settled: there may be codes to push, or nothing left to wait for."""
        if (minting := self.by_id.get(run_id)) is not None:
            minting.waiting = minting.may_finish = True


def mint_turn(context: MintContext, *, until: datetime) -> TurnResult:
    """Work on all of the store's runs in `minting` until nothing can be done now or the deadline is over.

    The caller holds the store's lock. Halted runs get no new codes, but the results of what they posted are still asked for.
    """
    active = _ActiveRuns(context)
    with reading(context.engine) as connection:
        runs = runs_in(connection, context.store_id, {RunState.MINTING}, now=context.clock.now())
    for run in runs:
        with active.one_run(run):
            active.by_id[run.id] = open_run_minting(context, run)
    context.memory.start_at(context.clock.now(), monotonic=context.clock.monotonic())
    for chunk in unsent_chunks(context):
        with active.one_chunk(chunk), active.deferring_when_refused(chunk.owner_id):
            resume(context, chunk)
            active.wake(chunk.owner_id)
    while True:
        steps = [
            _look_up(active),
            _ask(active),
            _push(active),
            _confirm(active),
            _hand_out(active),
            _finish(active),
        ]
        if not any(steps):
            active.result.next_at = _next_at(active)
            return active.result
        if context.clock.now() >= until:
            active.result.next_at = context.clock.now()
            return active.result


def _look_up(active: _ActiveRuns) -> bool:
    """Look up a piece of a lost chunk. Returns whether there was one."""
    chunk = oldest_lost(active.context)
    if chunk is None:
        return False
    with active.one_chunk(chunk):
        look_up(active.context, chunk)
    active.wake(chunk.owner_id)
    return True


def _ask(active: _ActiveRuns) -> bool:
    """Ask for the result of the store's oldest batch if it should be done. Returns whether the store was asked."""
    oldest = oldest_in_flight(active.context)
    if oldest is None or oldest[1] > active.context.clock.now():
        return False
    chunk, _ = oldest
    with active.one_chunk(chunk):
        ask(active.context, chunk)
    active.wake(chunk.owner_id)
    return True


def _push(active: _ActiveRuns) -> bool:
    """Post the next chunk of the run whose turn it is, if the store's queue has room. Returns whether there was one."""
    context, memory = active.context, active.context.memory
    claims = [
        Claim(run_id=minting.run.id, planned=minting.planned, served=memory.served.get(minting.run.id, 0))
        for minting in active.by_id.values()
        if minting.source is CodeSource.MAKE and minting.waiting
    ]
    if not claims:
        return False
    room = memory.speed.depth - _in_flight(context)
    claim = choose_claim(claims, room=room, small_in_a_row=memory.small_in_a_row)
    if claim is None:
        return False
    minting = active.by_id[claim.run_id]
    with active.one_run(minting.run):
        if minting.wants_codes(context):
            minting.reserved = reserve(context.engine, run=minting.run, now=context.clock.now(), most=PIECE)
        minting.waiting = push(context, minting.run, minting.pattern(context)) or not minting.reserved
        memory.count_chunk(claim)
    return True


def _confirm(active: _ActiveRuns) -> bool:
    """Look up imported codes of the runs that have some. Returns whether there were any."""
    moved = False
    for minting in [each for each in active.by_id.values() if each.imported]:
        with active.one_run(minting.run):
            minting.imported = confirm_imported(active.context, minting.run)
            minting.may_finish = True
            moved = True
    return moved


def _in_flight(context: MintContext) -> int:
    """Return how many of our batches the store has."""
    with reading(context.engine) as connection:
        now = context.clock.now()
        return count_in(connection, chunks, ChunkState.POSTED, {"store_id": context.store_id}, resting_at=now)


def _hand_out(active: _ActiveRuns) -> bool:
    """Hand out codes of pools to the runs that take theirs from one. Returns whether there was such a run."""
    context = active.context
    takers = [
        minting for minting in active.by_id.values() if minting.source is CodeSource.POOL and minting.waiting
    ]
    moved = False
    for minting in takers:
        with active.one_run(minting.run):
            complete = hand_out(context.engine, run=minting.run, now=context.clock.now(), most=PIECE)
            minting.waiting = complete is None
            if complete is False:
                active.put_off(minting.run.id, _POOL_REST, "its pool has too few codes; it waits for more")
            moved = True
    return moved


def _finish(active: _ActiveRuns) -> bool:
    """Move on the runs that wait for nothing more. Returns whether there was one."""
    candidates = [minting for minting in active.by_id.values() if minting.may_finish and not minting.waiting]
    moved = False
    for minting in candidates:
        minting.may_finish = False
        with active.one_run(minting.run):
            if finish(active.context, minting):
                del active.by_id[minting.run.id]
                active.context.memory.served.pop(minting.run.id, None)
                active.result.done.append(minting.run.id)
                moved = True
    return moved


def _next_at(active: _ActiveRuns) -> datetime | None:
    """Return when there is more to do."""
    oldest = oldest_in_flight(active.context)
    if oldest is not None:
        return oldest[1]
    return active.context.clock.now() + _ANOTHER_REST if active.by_id else None
