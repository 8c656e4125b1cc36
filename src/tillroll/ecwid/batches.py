"""Batches: up to 500 calls handed over as one, worked off in the background, first in, first out.

Source: docs.ecwid.com/api-reference/rest-api/batch-requests. A batch is not atomic, and what its inner calls cost of the
token's allowance is not documented.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tillroll.ecwid.connection import Connection
from tillroll.ecwid.errors import StoreSaysNotFound
from tillroll.ecwid.wire import Raw, text

MOST_IN_A_BATCH = 500
KEY_GOOD_FOR = timedelta(minutes=55)  # the store remembers a deduplication key for an hour
_PAGE = 100


@dataclass(frozen=True, kw_only=True)
class InnerRequest:
    """One request inside a batch; `id` comes back with its answer."""

    id: str
    method: str
    path: str  # from the first slash after the store's id; `+` in it must be written %2B
    body: Mapping[str, Any] | str


@dataclass(frozen=True, kw_only=True)
class InnerAnswer:
    """What became of one request inside a batch."""

    id: str
    executed: bool  # False: skipped after an earlier failure, or cancelled
    status: int  # the inner HTTP status; 0 when not executed
    body: Any  # parsed JSON, or None when empty or not JSON

    @property
    def message(self) -> str:
        """The store's own words for a failure, if it gave any."""
        if isinstance(self.body, dict):
            return str(self.body.get("errorMessage") or self.body.get("errorCode") or "")
        return ""


@dataclass(frozen=True, kw_only=True)
class BatchStatus:
    """How far a batch is."""

    status: str  # QUEUED, IN_PROGRESS, COMPLETED
    total: int
    completed: int
    answers: Sequence[InnerAnswer]

    @property
    def finished(self) -> bool:
        """Whether every inner request has its answer."""
        return self.status == "COMPLETED"


def poll_pause(polls: int) -> timedelta:
    """How long to wait before asking again: growing, as the vendor's own client does, up to half a minute."""
    return timedelta(seconds=min(0.5 + 0.5 * polls, 30.0))


def key_still_good(created_at: datetime, now: datetime) -> bool:
    """Whether posting a batch again under its key can't make a second one."""
    return now - created_at < KEY_GOOD_FOR


class Batches:
    """The store's batches. Errors: `errors.py`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(
        self,
        requests: Sequence[InnerRequest],
        *,
        deduplication_key: str,
        group: str,
        parallel: bool = True,
    ) -> str:
        """`POST /batch`: hand over up to 500 requests, answer the ticket. A failure doesn't stop the rest.

        The same key within an hour answers the first ticket again, so after a lost answer it may be asked for once more.
        `parallel=False` keeps the order: needed where one request builds on another. Scopes: those of the inner requests.
        """
        query = {
            "stopOnFirstFailure": "false",
            "allowParallelMode": "true" if parallel else "false",
            "deduplicationKey": deduplication_key,
            "groupId": group,
        }
        body = [{"id": one.id, "path": one.path, "method": one.method, "body": one.body} for one in requests]
        return str(self._connection.write("POST", "/batch", query=query, body=body)["ticket"])

    def status(self, ticket: str) -> BatchStatus:
        """`GET /batch?ticket=…&escapedJson=true`: how far it is, and every inner answer so far.

        For a ticket it doesn't know the store answers 404 or 400: `StoreSaysNotFound` or `StoreSaysNo`.
        """
        return _status(self._connection.read("/batch", {"ticket": ticket, "escapedJson": "true"}))

    def tickets(self, status: str) -> Iterator[str]:
        """`GET /batch?status=QUEUED|IN_PROGRESS|COMPLETED`: the tickets in that state; a page tells no total."""
        offset = 0
        while True:
            query = {"status": status, "limit": _PAGE, "offset": offset}
            items = self._connection.read("/batch", query).get("items") or []
            yield from (text(item.get("ticket")) for item in items)
            offset += len(items)
            if len(items) < _PAGE:
                return

    def cancel_group(self, group: str) -> int:
        """`POST /batch/cancel-group?groupId=…`: what hasn't run of the group never will; how many batches that ends."""
        answer = self._connection.write("POST", "/batch/cancel-group", query={"groupId": group})
        return int(answer.get("updateCount") or 0)

    def delete(self, ticket: str) -> bool:
        """`DELETE /batch?ticketId=…`: stop and forget; whether there was one."""
        try:
            answer = self._connection.write("DELETE", "/batch", query={"ticketId": ticket})
        except StoreSaysNotFound:
            return False
        return bool(answer.get("deleteCount"))


def _status(raw: Raw) -> BatchStatus:
    return BatchStatus(
        status=text(raw.get("status")),
        total=int(raw.get("totalRequests") or 0),
        completed=int(raw.get("completedRequests") or 0),
        answers=tuple(_answer(answer) for answer in raw.get("responses") or ()),
    )


def _answer(raw: Raw) -> InnerAnswer:
    body = raw.get("httpBody")
    escaped = raw.get("escapedHttpBody")
    if body is None and isinstance(escaped, str):
        try:
            body = json.loads(escaped) if escaped else None
        except ValueError:
            body = None
    executed = raw.get("status") != "NOT_EXECUTED"
    status = raw.get("httpStatusCode") or raw.get("httpCode") or 0
    return InnerAnswer(
        id=text(raw.get("id")), executed=executed, status=int(status) if executed else 0, body=body
    )
