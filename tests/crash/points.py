"""The crash points: where a worker may die without losing anything, by the names in the docstrings of `mint` and `batches`.

The product has no hooks for this: `kill_at` runs in the worker's process before the worker starts, and watches which functions
are entered and left. At the n-th time of a point's function the process ends by SIGKILL: no handler, no clean-up, no commit.
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
    """One crash point: the n-th time that a function is entered or left."""

    name: str
    function: str  # module:qualified name
    when: Literal["entered", "left"]
    time: int = 1

    @property
    def trap(self) -> str:
        """What `tests.forks` calls in the worker so that it dies here."""
        return ":".join(["tests.crash.points:kill_at", *self.function.split(":"), self.when, str(self.time)])


def _point(name: str, function: str, when: Literal["entered", "left"], time: int = 1) -> Point:
    return Point(name=name, function=f"tillroll.{function}", when=when, time=time)


PATH = (
    _point("a piece of the mirror written", "track.mirror.readings:write_piece", "left"),
    _point("the news read, not noted", "track.mirror.sync:_end_news", "entered"),
    _point("deleted and redeemed, not noted", "track.mirror.sync:mark_fresh", "entered"),
    _point("planned: some recipients, no digest", "plan.freeze:write_piece", "left"),
    _point("planned: the digest isn't committed", "plan.make:_finish_plan", "left"),
    _point("planned, nothing cleaned up", "plan.make:Planning._settle", "left"),
    _point("approved by the policy, not committed", "approve.act:_record", "left"),
    _point("begun, not committed", "mint.issue.begin:_work_out_validity", "left"),
    _point("begun", "mint.issue.begin:begin", "left"),
    _point("drawn, not reserved", "mint.issue.reserve:_drawn", "left"),
    _point("reserved, not committed", "ledger.bulk.rows:add_many", "left"),
    _point("reserved", "mint.issue.reserve:reserve", "left"),
    _point("intended", "mint.issue.push:intend", "left"),
    _point("posted, answer lost", "ecwid.endpoints.batches:Batches.create", "left"),
    _point("posted", "mint.issue.push:record_ticket", "left"),
    _point("asked, nothing recorded", "ecwid.endpoints.batches:Batches.status", "left"),
    _point("answers written, not committed", "mint.issue.settle:_write", "left"),
    _point("answers recorded", "mint.issue.settle:settle", "left"),
    _point("every code explained, not committed", "ledger.queries.runs:move_run", "left"),
)
"""The points up to the last code, in the order in which a run passes them."""

OLD_KEY = (
    _point("key too old", "mint.issue.lookup:give_up", "entered"),
    _point("given up", "mint.issue.lookup:give_up", "left"),
    _point("looked up, nothing written", "mint.issue.lookup:_find", "left"),
    _point("looked up, not committed", "mint.issue.lookup:_settle_found", "left"),
    _point("looked up", "mint.issue.lookup:look_up", "left"),
)
"""The points of a chunk that was intended more than an hour ago."""

SENDING = (
    _point("messages written down", "send.slices.prepare:prepare", "left"),
    _point("claimed", "send.slices.claim:claim", "left"),
    _point("some e-mails written, none noted", "send.transports.outbox:_Folders.write", "left", 40),
    _point("handed over", "send.transports.outbox:Outbox._append", "left"),
    _point("what became of them written, not committed", "send.outcomes:_write_outcomes", "left"),
    _point("what became of them recorded", "send.outcomes:record", "left"),
)
"""The points after the last code."""

ONE_BY_ONE = (
    _point("one by one: about to call", "ecwid.endpoints.coupons:Coupons.create", "entered", 2),
    _point("one by one: looked up, nothing written", "mint.issue.lookup:_find", "left"),
    _point("one by one: made, the answer not written", "ecwid.endpoints.coupons:Coupons.create", "left"),
    _point("one by one: some recorded, the chunk open", "mint.issue.settle:settle", "left"),
    _point("one by one: the chunk closed", "mint.issue.settle:close_chunk", "left"),
    _point("the last e-mail recorded, the run still sending", "send.slices.deliver:_finish", "entered"),
    _point("compared with the store, not noted", "mint.reconcile.hourly:record_reconciled", "entered"),
)
"""The points of a run with a few codes."""

POINTS = (*PATH, *OLD_KEY, *SENDING, *ONE_BY_ONE)

BATCH_JOB = (
    _point("batch job: intended", "batches.runner:intend", "left"),
    _point("batch job: posted, the ticket not written", "batches.runner:record_ticket", "entered"),
    _point("batch job: posted", "batches.runner:record_ticket", "left"),
    _point("batch job: asked, nothing written", "batches.runner:settle", "entered"),
    _point("batch job: some answers written, not committed", "mint.changes.settle:write_settled", "left", 40),
    _point("batch job: settled", "batches.runner:settle", "left"),
)
"""The points of a batch job's chunk, in the order in which a change to codes passes them."""

GIVEN_UP = (
    _point("batch job: given up, not cancelled", "batches.runner:lose", "entered"),
    _point("batch job: cancelled, nothing written", "ecwid.endpoints.batches:Batches.cancel_group", "left"),
    _point("batch job: some given back, not committed", "mint.changes.settle:write_settled", "left", 40),
    _point("batch job: lost", "batches.runner:lose", "left"),
)
"""The points of a batch job's chunk that was intended more than an hour ago."""


def code_of(module: str, name: str) -> CodeType:
    """Return the code of a function. Raises `AttributeError` if there is no function of this name."""
    function: Any = importlib.import_module(module)
    for part in name.split("."):
        function = getattr(function, part)
    code: CodeType = function.__code__
    return code


def kill_at(module: str, name: str, when: str, time: str) -> None:
    """Let this process die at the n-th time that the function is entered or left, in any thread."""
    code, event, left = code_of(module, name), {"entered": "call", "left": "return"}[when], [int(time)]

    def watch(frame: FrameType, what: str, _: object) -> None:
        if frame.f_code is code and what == event:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(watch)
    sys.setprofile(watch)
