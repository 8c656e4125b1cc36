"""Batches: created, asked for, cancelled. `http/executor.py` runs them (dossier section 3).

An inner request's effect and its answer are one transaction, and the queue is in the state file, so a sandbox
that is killed continues where it was and does nothing twice.
"""

from __future__ import annotations

import json
import re
import sqlite3
import uuid
from http import HTTPStatus
from typing import Any

from tillroll.sandbox.formats.wire import ApiError, Query, flag, page
from tillroll.sandbox.state.access import Token
from tillroll.sandbox.state.database import State, dump
from tillroll.sandbox.state.store import SandboxStore

MOST = 500
_METHODS = {"GET", "POST", "PUT", "DELETE"}

_TERMS = """create table if not exists batch_terms (
    batch integer primary key, token text not null, parallel integer not null, not_before real not null)"""
"""The other parameters of a batch."""


def prepare(state: State) -> None:
    """Create the tables of batches."""
    state.run(_TERMS)


def create(store: SandboxStore, query: Query, body: Any, token: Token) -> dict[str, Any]:
    """`POST /batch`: return a ticket. The same deduplication key within the hour returns the first ticket."""
    _check(body)
    key, now = query.get("deduplicationKey", ""), store.clock.now().timestamp()
    if key:
        since = now - store.switches.dedup_seconds
        ticket_before = store.state.value(
            "select ticket from batches where key = ? and created > ?", (key, since)
        )
        if ticket_before:
            return {"ticket": ticket_before}
    ticket = str(uuid.uuid4())
    stop = flag("stopOnFirstFailure", query.get("stopOnFirstFailure", "true"))
    parallel = flag("allowParallelMode", query.get("allowParallelMode", "false"))
    done = store.state.run(
        "insert into batches (ticket, key, groupid, stop_on_failure, status, total, created)"
        " values (?, ?, ?, ?, ?, ?, ?)",
        (ticket, key, query.get("groupId", ""), int(stop), "QUEUED" if body else "COMPLETED", len(body), now),
    )
    rows = [(done.lastrowid, position, dump(request)) for position, request in enumerate(body)]
    store.state.run_many("insert into inner_requests (batch, position, request) values (?, ?, ?)", rows)
    stalled = store.faults.strike("stalled_batches")
    store.state.run(
        "insert into batch_terms values (?, ?, ?, ?)",
        (done.lastrowid, token.text, int(parallel), now + stalled["seconds"] if stalled else 0.0),
    )
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
            ("path", isinstance(path, str) and re.match(r"/?(?!batch\b)[^/]", path) is not None),
        ):
            if not sound:
                raise bad(f"$[{position}].{name}")


def status(store: SandboxStore, query: Query) -> dict[str, Any]:
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
        "status": "COMPLETED" if code < 300 else "FAILED",
        "httpStatusCode": code,
        "httpStatusLine": HTTPStatus(code).phrase,
    }
    if escaped:
        shown["escapedHttpBody"] = "" if body is None else dump(body)
    else:
        shown["httpBody"] = body
    return shown


def cancel_group(store: SandboxStore, query: Query) -> dict[str, Any]:
    """`POST /batch/cancel-group`: cancel the requests of the group that have not run."""
    open_ = "select number from batches where groupid = ? and status != 'COMPLETED'"
    numbers = [row["number"] for row in store.state.rows(open_, (query.get("groupId", ""),))]
    for number in numbers:
        end(store, number)
    return {"updateCount": len(numbers)}


def delete(store: SandboxStore, query: Query) -> dict[str, Any]:
    """`DELETE /batch?ticketId=…`."""
    batch = store.state.value("select number from batches where ticket = ?", (query.get("ticketId", ""),))
    if batch is None:
        return {"deleteCount": 0}
    store.state.run("delete from inner_requests where batch = ?", (batch,))
    store.state.run("delete from batches where number = ?", (batch,))
    return {"deleteCount": 1}


def end(store: SandboxStore, number: int) -> None:
    """End a batch: its remaining requests count as finished and never run."""
    store.state.run("update inner_requests set answer = 'null' where batch = ? and answer is null", (number,))
    store.state.run("update batches set status = 'COMPLETED' where number = ?", (number,))
