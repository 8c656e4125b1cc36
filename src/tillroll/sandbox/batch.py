"""Batches: handed over whole, worked off one after another in the background (dossier section 3).

An inner request's effect and its answer are one transaction, and the queue is in the state file: a sandbox
that is killed goes on where it was, and does nothing twice.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import traceback
import uuid
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from tillroll.sandbox.routes import dispatch
from tillroll.sandbox.state import dump
from tillroll.sandbox.store import Store
from tillroll.sandbox.wire import ApiError, Query, flag, page

MOST = 500
_PIECE = 50
_METHODS = {"GET", "POST", "PUT", "DELETE"}
_TRIES = 5
"""Of an inner request that is answered 5xx, when failures don't stop the batch."""


def create(store: Store, query: Query, body: Any) -> dict[str, Any]:
    """`POST /batch`: the ticket. The same deduplication key within the hour answers the first ticket."""
    _check(body)
    key, now = query.get("deduplicationKey", ""), store.now()
    if key:
        since = now - store.switches.dedup_seconds
        found = store.state.value("select ticket from batches where key = ? and created > ?", (key, since))
        if found:
            return {"ticket": found}
    ticket = str(uuid.uuid4())
    stop = flag("stopOnFirstFailure", query.get("stopOnFirstFailure", "true"))
    flag("allowParallelMode", query.get("allowParallelMode", "false"))
    done = store.state.run(
        "insert into batches (ticket, key, groupid, stop_on_failure, status, total, created)"
        " values (?, ?, ?, ?, ?, ?, ?)",
        (ticket, key, query.get("groupId", ""), int(stop), "QUEUED" if body else "COMPLETED", len(body), now),
    )
    rows = [(done.lastrowid, position, dump(request)) for position, request in enumerate(body)]
    store.state.run_many("insert into inner_requests (batch, position, request) values (?, ?, ?)", rows)
    return {"ticket": ticket}


def _check(body: Any) -> None:
    def bad(path: str) -> ApiError:
        fault = ApiError(400)
        fault.body = {
            "error_message": "Can't create batch. Batch request body is invalid."
            f" Path {path} contains bad value"
        }
        return fault

    if not isinstance(body, list) or len(body) > MOST:
        raise bad("$")
    for position, request in enumerate(body):
        if not isinstance(request, dict):
            raise bad(f"$[{position}]")
        path = request.get("path")
        for name, sound in (
            ("id", isinstance(request.get("id", ""), str)),
            ("method", request.get("method") in _METHODS),
            ("path", isinstance(path, str) and path.startswith("/") and not path.startswith("/batch")),
        ):
            if not sound:
                raise bad(f"$[{position}].{name}")


def status(store: Store, query: Query) -> dict[str, Any]:
    """`GET /batch?ticket=…` or `?status=…`."""
    if "status" in query:
        page_ = page(query, over=store.switches.limit_over_100)
        rows = store.state.rows(
            "select ticket, status from batches where status = ? order by number limit ? offset ?",
            (query["status"], page_.limit, page_.offset),
        )
        return {"items": [dict(row) for row in rows]}
    batch = store.state.row(
        "select * from batches where ticket = ?", (query.get("ticket") or query.get("ticketId", ""),)
    )
    if batch is None:
        raise ApiError(store.switches.unknown_ticket, "Batch is not found")
    escaped = flag("escapedJson", query.get("escapedJson", "false"))
    inner = store.state.rows(
        "select * from inner_requests where batch = ? order by position", (batch["number"],)
    )
    answers = [_show(row, escaped) for row in inner if row["answer"] is not None]
    shown = {
        "status": batch["status"],
        "totalRequests": batch["total"],
        "completedRequests": len(answers),
        "responses": answers if escaped or store.switches.body_without_escaped else None,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _show(row: sqlite3.Row, escaped: bool) -> dict[str, Any]:
    request, answer = json.loads(row["request"]), json.loads(row["answer"])
    shown: dict[str, Any] = {"id": request["id"]} if "id" in request else {}
    if answer is None:
        return {**shown, "status": "NOT_EXECUTED"}
    code, body = answer["code"], answer["body"]
    shown |= {
        "status": "COMPLETED" if code == 200 else "FAILED",
        "httpStatusCode": code,
        "httpStatusLine": HTTPStatus(code).phrase,
    }
    if escaped:
        shown["escapedHttpBody"] = "" if body is None else dump(body)
    else:
        shown["httpBody"] = body
    return shown


def cancel_group(store: Store, query: Query) -> dict[str, Any]:
    """`POST /batch/cancel-group`: what hasn't run of the group never will."""
    open_ = "select number from batches where groupid = ? and status != 'COMPLETED'"
    numbers = [row["number"] for row in store.state.rows(open_, (query.get("groupId", ""),))]
    for number in numbers:
        _end(store, number)
    return {"updateCount": len(numbers)}


def delete(store: Store, query: Query) -> dict[str, Any]:
    """`DELETE /batch?ticketId=…`."""
    found = store.state.value("select number from batches where ticket = ?", (query.get("ticketId", ""),))
    if found is None:
        return {"deleteCount": 0}
    store.state.run("delete from inner_requests where batch = ?", (found,))
    store.state.run("delete from batches where number = ?", (found,))
    return {"deleteCount": 1}


def _end(store: Store, number: int) -> None:
    """The rest counts as finished and never runs."""
    store.state.run("update inner_requests set answer = 'null' where batch = ? and answer is null", (number,))
    store.state.run("update batches set status = 'COMPLETED' where number = ?", (number,))


class Executor:
    """Works batches off, first in, first out."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._retry: tuple[tuple[int, int], float, int] | None = (
            None  # (batch, position), not before, tries so far
        )
        self._thread = threading.Thread(target=self._run, name="batches", daemon=True)

    def start(self) -> None:
        """Begin with what an earlier process left."""
        self._wake.set()
        self._thread.start()

    def wake(self) -> None:
        """There is a new batch."""
        self._wake.set()

    def stop(self) -> None:
        """Finish the piece under way."""
        self._stop.set()
        self._wake.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stop.is_set():
            if not self.work():
                self._wake.wait(timeout=1.0)
                self._wake.clear()
            elif self._store.switches.batch_pause:
                self._stop.wait(self._store.switches.batch_pause)

    def work(self) -> bool:
        """Do one piece of the oldest batch; whether there was one."""
        with self._store.state.transaction() as state:
            batch = state.row("select * from batches where status != 'COMPLETED' order by number limit 1")
            if batch is None:
                return False
            if self._retry is not None and self._store.now() < self._retry[1]:
                return False
            inner = state.rows(
                "select * from inner_requests where batch = ? and answer is null order by position limit ?",
                (batch["number"], _PIECE),
            )
            for row in inner:
                code, answer = self._one(json.loads(row["request"]))
                if (
                    code >= 500
                    and not batch["stop_on_failure"]
                    and self._try_again(batch["number"], row["position"])
                ):
                    break
                self._retry = None
                state.run(
                    "update inner_requests set answer = ? where batch = ? and position = ?",
                    (dump({"code": code, "body": answer}), batch["number"], row["position"]),
                )
                self._store.counters["batch_inner"] += 1
                if code != 200 and batch["stop_on_failure"]:
                    _end(self._store, batch["number"])
                    return True
            left = state.value(
                "select count(*) from inner_requests where batch = ? and answer is null", (batch["number"],)
            )
            done = "COMPLETED" if not left else "QUEUED" if left == batch["total"] else "IN_PROGRESS"
            state.run("update batches set status = ? where number = ?", (done, batch["number"]))
        return True

    def _one(self, request: dict[str, Any]) -> tuple[int, Any]:
        """One inner request through the same endpoints; its path is decoded as a query is: `+` is a space."""
        parts = urlsplit(request["path"])
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        try:
            if self._store.switches.count_inner_requests:
                self._store.allowance.take(self._store.switches)
            self._store.check_account()
            if self._store.switches.inner_failures:
                left = self._store.switches.inner_failures - 1
                self._store.switches = self._store.switches.changed({"inner_failures": left})
                raise ApiError(500, "Internal error", "INTERNAL_ERROR")
            with self._store.state.transaction():
                return 200, dispatch(
                    self._store,
                    request["method"],
                    parts.path,
                    query,
                    lambda: request.get("body"),
                    decode=unquote_plus,
                )
        except ApiError as fault:
            return fault.status, fault.body
        except (
            Exception
        ):  # the worker's loop: a fault in one endpoint is that request's 500, never the end of the queue
            traceback.print_exc()
            return 500, ApiError(500, "Internal error", "INTERNAL_ERROR").body

    def _try_again(self, batch: int, position: int) -> bool:
        """Whether a 5xx is worth another try, after a pause. A restart counts the tries anew."""
        place = (batch, position)
        tries = self._retry[2] + 1 if self._retry is not None and self._retry[0] == place else 1
        if tries >= _TRIES:
            return False
        self._retry = (place, self._store.now() + self._store.switches.inner_retry_seconds, tries)
        return True
