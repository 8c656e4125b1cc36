"""Batches: up to 500 calls sent as one request. The store runs them in the background, first in, first out.

Source: docs.ecwid.com/api-reference/rest-api/batch-requests. A batch is not atomic. Whether its inner calls count towards the
rate limit is not documented.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tillroll.ecwid.endpoints.resource import Resource, made_key
from tillroll.ecwid.http.errors import StoreSaysNotFound
from tillroll.ecwid.http.wire import Raw, count, parts, text

MOST_IN_A_BATCH = 500
KEY_GOOD_FOR = timedelta(minutes=55)  # the store remembers a deduplication key for an hour
_PAGE = 100


@dataclass(frozen=True, kw_only=True)
class InnerRequest:
    """One request inside a batch; its answer has the same `id`."""

    id: str
    method: str
    path: str  # from the first slash after the store's id; `+` in it must be written %2B
    body: Mapping[str, Any] | str


@dataclass(frozen=True, kw_only=True)
class InnerAnswer:
    """The answer to one request inside a batch."""

    id: str
    executed: bool  # False: skipped after an earlier failure, or cancelled
    status: int  # the inner HTTP status; 0 when not executed
    body: Any  # parsed JSON, or None when empty or not JSON

    @property
    def message(self) -> str:
        """The store's text for a failure, or empty."""
        if isinstance(self.body, dict):
            return text(self.body.get("errorMessage")) or text(self.body.get("errorCode"))
        return ""


@dataclass(frozen=True, kw_only=True)
class BatchStatus:
    """The progress of a batch."""

    status: str  # QUEUED, IN_PROGRESS, COMPLETED
    total: int
    completed: int
    answers: Sequence[InnerAnswer]

    @property
    def finished(self) -> bool:
        """Whether every inner request has an answer."""
        return self.status == "COMPLETED"


def poll_pause(polls: int) -> timedelta:
    """Return how long to wait before the next poll: up to half a minute, growing as in the vendor's own client."""
    return timedelta(seconds=min(0.5 + 0.5 * polls, 30.0))


def key_still_good(created_at: datetime, now: datetime) -> bool:
    """Return whether a batch may be posted again under its key without making a second one."""
    return now - created_at < KEY_GOOD_FOR


class Batches(Resource):
    """The store's batches. Errors: `http/errors.py`."""

    def create(
        self,
        requests: Sequence[InnerRequest],
        *,
        deduplication_key: str,
        group: str,
        parallel: bool = True,
    ) -> str:
        """Send up to 500 requests (`POST /batch`) and return the ticket. A failure does not stop the rest.

        Within an hour the same key returns the first ticket again, so a call whose answer was lost is safe to repeat.
        `parallel=False` keeps the order, for requests that build on each other. Scopes: those of the inner requests.
        """
        query = {
            "stopOnFirstFailure": "false",
            "allowParallelMode": "true" if parallel else "false",
            "deduplicationKey": deduplication_key,
            "groupId": group,
        }
        body = [
            {"id": inner.id, "path": inner.path, "method": inner.method, "body": inner.body}
            for inner in requests
        ]
        answer = self._connection.write("POST", "/batch", query=query, body=body)
        self._connection.pace.spend_inner(len(body))
        return made_key(answer, "ticket", "POST /batch")

    def status(self, ticket: str) -> BatchStatus:
        """Return a batch's progress and its answers so far (`GET /batch?ticket=…&escapedJson=true`).

        Raises `StoreSaysNotFound` or `StoreSaysNo` for an unknown ticket: the store answers 404 or 400.
        """
        return _status(self._connection.read("/batch", {"ticket": ticket, "escapedJson": "true"}))

    def tickets(self, status: str) -> Iterator[str]:
        """Yield the tickets in a state (`GET /batch?status=QUEUED|IN_PROGRESS|COMPLETED`). These pages have no total."""
        offset = 0
        while True:
            query = {"status": status, "limit": _PAGE, "offset": offset}
            items = list(parts(self._connection.read("/batch", query), "items"))
            yield from (text(item.get("ticket")) for item in items)
            offset += len(items)
            if len(items) < _PAGE:
                return

    def cancel_group(self, group: str) -> int:
        """Cancel the calls of a group that have not run (`POST /batch/cancel-group?groupId=…`). Return how many batches end."""
        answer = self._connection.write("POST", "/batch/cancel-group", query={"groupId": group})
        return count(answer.get("updateCount"))

    def delete(self, ticket: str) -> bool:
        """Stop and delete a batch (`DELETE /batch?ticketId=…`). Return whether it existed."""
        try:
            answer = self._connection.write("DELETE", "/batch", query={"ticketId": ticket})
        except StoreSaysNotFound:
            return False
        return bool(answer.get("deleteCount"))


def _status(raw: Raw) -> BatchStatus:
    return BatchStatus(
        status=text(raw.get("status")),
        total=count(raw.get("totalRequests")),
        completed=count(raw.get("completedRequests")),
        answers=tuple(map(_answer, parts(raw, "responses"))),
    )


def _answer(raw: Raw) -> InnerAnswer:
    body = raw.get("httpBody")
    escaped = raw.get("escapedHttpBody")
    if body is None and isinstance(escaped, str):
        try:
            body = json.loads(escaped) if escaped else None
        except (ValueError, RecursionError):
            body = None
    executed = raw.get("status") != "NOT_EXECUTED"
    status = count(raw.get("httpStatusCode") or raw.get("httpCode"))
    return InnerAnswer(id=text(raw.get("id")), executed=executed, status=status if executed else 0, body=body)
