"""Facts about batches. Their inner requests read the profile, so a batch changes nothing."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from tillroll.ecwid.http.headers import calls_left
from tillroll.probe.conversation import (
    Ask,
    Conversation,
    Depth,
    Reply,
    Step,
    Unlearned,
    Wait,
    fact,
    surprised,
)
from tillroll.probe.samples import CHEAPEST

_PAUSES = (0.05, 0.1, 0.2, 0.5, 1.0, 1.0, 2.0, 2.0, 5.0, 5.0, 10.0, 10.0, 20.0)
"""Seconds between two questions whether a batch is done: about a minute."""
_COUNTED = 100
_HOUR = 3600.0


@fact(
    "A repeated deduplication key",
    {_HOUR: "gets the first batch's ticket", 0.0: "makes a second batch"},
    depth=Depth.WRITE,
)
def dedup_seconds(mark: str) -> Conversation:
    """Send a batch twice with one key."""
    first = yield from _post(1, f"tillroll-probe-{mark}")
    second = yield from _post(1, f"tillroll-probe-{mark}")
    return _HOUR if first == second else 0.0


@fact(
    "The answers of a batch",
    {True: "come with every status", False: "come only with `escapedJson=true`"},
    depth=Depth.WRITE,
)
def body_without_escaped(mark: str) -> Conversation:
    """Ask for a finished batch without `escapedJson`."""
    done = yield from _finished((yield from _post(1)), {})
    return isinstance(done.get("responses"), list)


@fact(
    "The requests inside a batch",
    {True: "count against the rate limit", False: "don't count against the rate limit"},
    depth=Depth.WRITE,
)
def count_inner_requests(mark: str) -> Conversation:
    """Compare the calls that are left before and after a batch of a hundred reads."""
    before = calls_left((yield CHEAPEST).headers)
    if before is None:
        raise Unlearned(
            "the store does not say how many calls are left; finding out would take exceeding them"
        )
    if before < 2 * _COUNTED:
        raise Unlearned("too few calls are left this minute to see the difference")
    yield from _finished((yield from _post(_COUNTED)), {"escapedJson": "true"})
    after = calls_left((yield CHEAPEST).headers)
    if after is None:
        raise Unlearned("the store does not always say how many calls are left")
    return before - after > _COUNTED // 2


def _post(many: int, key: str = "") -> Generator[Step, Reply, str]:
    """Post a batch of reads and return its ticket."""
    inner = [
        {
            "id": str(number),
            "method": "GET",
            "path": "/profile?responseFields=generalInfo(storeId)",
            "body": "",
        }
        for number in range(many)
    ]
    query: dict[str, Any] = {"stopOnFirstFailure": "false", **({"deduplicationKey": key} if key else {})}
    reply = yield Ask(method="POST", path="/batch", query=query, body=inner)
    ticket = reply.get("ticket")
    if not reply.accepted or not isinstance(ticket, str):
        raise surprised(reply)
    return ticket


def _finished(ticket: str, query: dict[str, Any]) -> Generator[Step, Reply, Reply]:
    """Return the status of a batch once it is done."""
    for pause in _PAUSES:
        reply = yield Ask(method="GET", path="/batch", query={"ticket": ticket, **query})
        if reply.get("status") == "COMPLETED":
            return reply
        yield Wait(pause)
    raise Unlearned("the batch was not done within a minute")
