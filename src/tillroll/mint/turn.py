"""A store's turn of minting: all its runs together, a step at a time, so that none is stuck behind another.

A step is at most one call to the store. Small runs come first and large ones take turns (`share.py`); the store's queue is kept
as long as it is fast (`forecast.py`), so that it never runs dry and a code in a hurry never waits long.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tillroll.campaign.states import ChunkState, RunState
from tillroll.chunks.row import count_in
from tillroll.errors import Refused
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.runs import put_off, runs_in
from tillroll.ledger.tables import chunks
from tillroll.mint.desk import Desk, Way, open_desk
from tillroll.mint.finish import finish
from tillroll.mint.hand_out import hand_out
from tillroll.mint.lookup import look_up_lost
from tillroll.mint.parts import Mint
from tillroll.mint.poll import ask, oldest_out
from tillroll.mint.push import push, resume, unsent
from tillroll.mint.reserve import PIECE, reserve
from tillroll.mint.share import Claim, next_claim

_POOL_REST = timedelta(seconds=30)  # a pool that is too small is filled by a run of its own
_ANOTHER_REST = timedelta(seconds=2)  # a shared code is made for another run
_REFUSED_REST = timedelta(seconds=30)


@dataclass(kw_only=True)
class Turn:
    """What came of a turn."""

    next_at: datetime | None = None  # when there is more to do; None: nothing is left
    done: list[int] = field(default_factory=list)  # runs that left `minting`
    aside: dict[int, str] = field(default_factory=dict)  # runs that wait a little, and why


class _Table:
    """The runs that are being minted, in one turn."""

    def __init__(self, mint: Mint) -> None:
        self.mint = mint
        self.turn = Turn()
        self.desks: dict[int, Desk] = {}

    @contextmanager
    def trouble_of(self, run_id: int) -> Iterator[None]:
        """A fault of one run is that run's: it waits a little and says why, and the others go on."""
        try:
            yield
        except Refused as trouble:
            self.put_off(run_id, _REFUSED_REST, trouble.message)
            self.turn.aside[run_id] = trouble.message

    def put_off(self, run_id: int, rest: timedelta, reason: str) -> None:
        until = self.mint.clock.now() + rest
        with writing(self.mint.engine) as connection:
            put_off(connection, run_id, until=until, reason=reason)
        self.desks.pop(run_id, None)

    def stir(self, run_id: int) -> None:
        """Something of a run was settled: there may be codes to hand over again, or nothing more to wait for."""
        if (desk := self.desks.get(run_id)) is not None:
            desk.waiting = desk.open = True


def mint_turn(mint: Mint, *, until: datetime) -> Turn:
    """Work on all that the store's runs want minted, until nothing can be done now or the time is over.

    The caller holds the store's lane. Halted runs get nothing new; what they have out is still asked after.
    """
    table = _Table(mint)
    with reading(mint.engine) as connection:
        minting = runs_in(connection, mint.store_id, {RunState.MINTING}, now=mint.clock.now())
    for run in minting:
        with table.trouble_of(run.id):
            table.desks[run.id] = open_desk(mint, run)
    mint.watch.begin_at(mint.clock.now())
    for chunk in unsent(mint):
        with table.trouble_of(chunk.run_id):
            resume(mint, chunk)
            table.stir(chunk.run_id)
    while True:
        steps = [_look_up(table), _ask(table), _send(table), _hand_out(table), _finish(table)]
        if not any(steps):
            table.turn.next_at = _next_at(table)
            return table.turn
        if mint.clock.now() >= until:
            table.turn.next_at = mint.clock.now()
            return table.turn


def _look_up(table: _Table) -> bool:
    run_id = look_up_lost(table.mint)
    if run_id is not None:
        table.stir(run_id)
    return run_id is not None


def _ask(table: _Table) -> bool:
    """Ask after the store's oldest batch if it should be done."""
    found = oldest_out(table.mint)
    if found is None or found[1] > table.mint.clock.now():
        return False
    chunk, _ = found
    ask(table.mint, chunk)
    table.stir(chunk.run_id)
    return True


def _send(table: _Table) -> bool:
    """Hand over the chunk whose turn it is, if the store's queue has room."""
    mint, watch = table.mint, table.mint.watch
    claims = [
        Claim(run_id=desk.run.id, planned=desk.planned, served=watch.served.get(desk.run.id, 0))
        for desk in table.desks.values()
        if desk.way is Way.MAKE and desk.waiting
    ]
    if not claims:
        return False
    room = watch.forecast.depth - _flying(mint)
    claim = next_claim(claims, room=room, small_in_a_row=watch.small_in_a_row)
    if claim is None:
        return False
    desk = table.desks[claim.run_id]
    with table.trouble_of(claim.run_id):
        if desk.wants_codes(mint):
            desk.reserved = reserve(mint.engine, run=desk.run, now=mint.clock.now(), most=PIECE)
        desk.waiting = push(mint, desk.run, desk.request(mint)) or not desk.reserved
        watch.handed_over(claim)
    return True


def _flying(mint: Mint) -> int:
    """Batches that the store has of ours."""
    with reading(mint.engine) as connection:
        return count_in(connection, chunks, ChunkState.POSTED, store_id=mint.store_id)


def _hand_out(table: _Table) -> bool:
    """Give codes of their pools to the runs that take theirs from one."""
    moved = False
    for desk in [one for one in table.desks.values() if one.way is Way.POOL and one.waiting]:
        mint = table.mint
        with table.trouble_of(desk.run.id):
            given = hand_out(mint.engine, run=desk.run, now=mint.clock.now(), most=PIECE)
            desk.waiting = given is None
            if given is False:
                table.put_off(desk.run.id, _POOL_REST, "its pool has too few codes; it waits for more")
            moved = True
    return moved


def _finish(table: _Table) -> bool:
    """Let those runs go on that have nothing to wait for."""
    moved = False
    for desk in [one for one in table.desks.values() if one.open and not one.waiting]:
        desk.open = False
        with table.trouble_of(desk.run.id):
            if finish(table.mint, desk):
                del table.desks[desk.run.id]
                table.mint.watch.served.pop(desk.run.id, None)
                table.turn.done.append(desk.run.id)
                moved = True
    return moved


def _next_at(table: _Table) -> datetime | None:
    """When there is something to do again."""
    found = oldest_out(table.mint)
    if found is not None:
        return found[1]
    return table.mint.clock.now() + _ANOTHER_REST if table.desks else None
