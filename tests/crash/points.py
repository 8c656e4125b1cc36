"""The places where a worker may die and must lose nothing, by the names that the rooms' docstrings give them.

The product has no hooks for this: `kill_at` runs in the worker's process before it begins and watches which functions are entered
and left. At the n-th time of a point's function the process ends by SIGKILL: no handler, no clean-up, no commit of what is open.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Point:
    """One place: the n-th time that a function is entered or left."""

    name: str
    function: str  # module:qualified name
    when: Literal["entered", "left"]
    time: int = 1

    @property
    def trap(self) -> str:
        """What `tests.forks` calls in the worker to have it die here."""
        return ":".join(["tests.crash.points:kill_at", *self.function.split(":"), self.when, str(self.time)])


def _point(name: str, function: str, when: Literal["entered", "left"], time: int = 1) -> Point:
    return Point(name=name, function=f"tillroll.{function}", when=when, time=time)


PATH = (
    _point("a piece of the mirror written", "track.readings:write_piece", "left"),
    _point("the news read, not noted", "track.sync:_end_news", "entered"),
    _point("deleted and redeemed, not noted", "track.sync:mark_fresh", "entered"),
    _point("planned: some recipients, no digest", "plan.freeze:write_piece", "left"),
    _point("planned: the digest isn't committed", "plan.make:_finish_plan", "left"),
    _point("planned, nothing cleared away", "plan.make:Planning._settle", "left"),
    _point("approved by the policy, not committed", "approve.act:_record", "left"),
    _point("begun, not committed", "mint.begin:_validity", "left"),
    _point("begun", "mint.begin:begin", "left"),
    _point("drawn, not reserved", "mint.reserve:_drawn", "left"),
    _point("reserved, not committed", "ledger.bulk:add_many", "left"),
    _point("reserved", "mint.reserve:reserve", "left"),
    _point("intended", "mint.push:intend", "left"),
    _point("posted, answer lost", "ecwid.batches:Batches.create", "left"),
    _point("posted", "mint.push:posted", "left"),
    _point("asked, nothing recorded", "ecwid.batches:Batches.status", "left"),
    _point("answers written, not committed", "mint.settle:_write", "left"),
    _point("answers recorded", "mint.settle:settle", "left"),
    _point("every code explained, not committed", "ledger.runs:move_run", "left"),
)
"""Up to the last code, in the order in which a run comes by them."""

OLD_KEY = (
    _point("key too old", "mint.lookup:give_up", "entered"),
    _point("given up", "mint.lookup:give_up", "left"),
    _point("looked up, nothing written", "mint.lookup:_find", "left"),
    _point("looked up, not committed", "mint.lookup:_settle_found", "left"),
    _point("looked up", "mint.lookup:look_up_lost", "left"),
)
"""When a chunk was intended more than an hour ago."""

SENDING = (
    _point("messages written down", "send.prepare:prepare", "left"),
    _point("claimed", "send.deliver:_claim", "left"),
    _point("some e-mails written, none noted", "send.outbox:Outbox._write_file", "left", 40),
    _point("handed over", "send.outbox:Outbox._append", "left"),
    _point("half of what became of them written, not committed", "send.outcomes:_write_sent", "left", 50),
    _point("what became of them recorded", "send.outcomes:record", "left"),
)
"""From the last code on."""

ONE_BY_ONE = (
    _point("one by one: about to call", "ecwid.coupons:Coupons.create", "entered", 2),
    _point("one by one: looked up, nothing written", "mint.lookup:_find", "left"),
    _point("one by one: made, the answer not written", "ecwid.coupons:Coupons.create", "left"),
    _point("one by one: some recorded, the chunk open", "mint.settle:settle", "left"),
    _point("one by one: the chunk closed", "mint.settle:close", "left"),
    _point("the last e-mail recorded, the run still sending", "send.deliver:_finish", "entered"),
    _point("compared with the store, not noted", "mint.recent:reconciled", "entered"),
)
"""Of a run of a few."""

POINTS = (*PATH, *OLD_KEY, *SENDING, *ONE_BY_ONE)

ERRAND = (
    _point("errand: intended", "chunks.carry:intend", "left"),
    _point("errand: posted, the ticket not written", "chunks.carry:posted", "entered"),
    _point("errand: posted", "chunks.carry:posted", "left"),
    _point("errand: asked, nothing written", "chunks.carry:settle", "entered"),
    _point("errand: some answers written, not committed", "mint.changes.settle:write_settled", "left", 40),
    _point("errand: settled", "chunks.carry:settle", "left"),
)
"""Of a chunk of an errand, in the order in which a change to codes comes by them."""

GIVEN_UP = (
    _point("errand: given up, not cancelled", "chunks.carry:lose", "entered"),
    _point("errand: cancelled, nothing written", "ecwid.batches:Batches.cancel_group", "left"),
    _point("errand: some given back, not committed", "mint.changes.settle:write_settled", "left", 40),
    _point("errand: lost", "chunks.carry:lose", "left"),
)
"""When a chunk of an errand was intended more than an hour ago."""


def code_of(module: str, name: str) -> CodeType:
    """The code of a function; `AttributeError` when there is none of this name (any more)."""
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    code: CodeType = found.__code__
    return code


def kill_at(module: str, name: str, when: str, time: str) -> None:
    """From now on this process dies at the n-th time that the function is entered or left, in whichever thread."""
    code, event, left = code_of(module, name), {"entered": "call", "left": "return"}[when], [int(time)]

    def watch(frame: FrameType, what: str, _: object) -> None:
        if frame.f_code is code and what == event:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(watch)
    sys.setprofile(watch)
