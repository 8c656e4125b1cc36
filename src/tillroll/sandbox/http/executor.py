"""The background worker for batches: first in, first out, with the retries and the pace of the real store.

All waits use the store's clock (dossier section 3.5).
"""

from __future__ import annotations

import json
import sqlite3
import threading
import traceback
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from tillroll.sandbox.endpoints.batch import end
from tillroll.sandbox.formats.wire import Accepted, ApiError, RawAnswer
from tillroll.sandbox.http.routes import dispatch
from tillroll.sandbox.http.scopes import check_scope
from tillroll.sandbox.state.access import Token
from tillroll.sandbox.state.database import State, dump
from tillroll.sandbox.state.store import SandboxStore

_PIECE = 50
_AT_ONCE = 100
"""How many inner requests run at once in parallel mode."""
_TRIES = 5
"""How often an inner request that answers 5xx is tried, if failures do not stop the batch."""


class Executor:
    """The worker thread of one store."""

    def __init__(self, store: SandboxStore, speed: float = 1.0) -> None:
        self._store = store
        self._speed = speed
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._tries: dict[tuple[int, int], tuple[float, int]] = {}
        """(batch, position) → (earliest next try, tries so far). A restart begins at zero."""
        self._free = self._now()
        """When the last inner request was done. If inner requests take time, the next one begins then."""
        self._due = 0.0
        self._worked = 0
        self._thread = threading.Thread(target=self._run, name="batches", daemon=True)

    def start(self) -> None:
        """Start, and continue the batches of an earlier process."""
        self._wake.set()
        self._thread.start()

    def wake(self) -> None:
        """Tell the thread about a new batch."""
        self._wake.set()

    def stop(self) -> None:
        """Finish the piece under way."""
        self._stop.set()
        self._wake.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stop.is_set():
            if not self.work():
                left = self._due - self._now()
                # a clock that is set by hand moves without telling
                self._wake.wait(timeout=max(0.0, min(0.05, left / self._speed)) if self._due else 1.0)
                self._wake.clear()
            elif self._store.switches.batch_pause:
                self._stop.wait(self._store.switches.batch_pause * max(1, self._worked / _PIECE))

    def _now(self) -> float:
        return self._store.clock.now().timestamp()

    def work(self) -> bool:
        """Do one piece of the oldest batch. Return False if there is none or none is ready."""
        self._due = 0.0
        with self._store.state.transaction() as state:
            batch = state.row(
                "select batches.*, token, coalesce(parallel, 0) as parallel,"
                " coalesce(not_before, 0) as not_before"
                " from batches left join batch_terms on batch = number"
                " where status != 'COMPLETED' order by number limit 1"
            )
            if batch is None:
                self._tries = {}
                return False
            if self._not_yet(batch["not_before"]):
                return False
            rows = self._ready(batch)
            if not rows or not self._spent(batch, rows):
                return False
            self._worked = len(rows)
            self._piece(state, batch, rows)
        return True

    def _not_yet(self, due: float) -> bool:
        if self._now() >= due:
            return False
        self._due = due
        return True

    def _ready(self, batch: sqlite3.Row) -> list[sqlite3.Row]:
        """Return the inner requests that may run now: the next in order, or in parallel mode all that need not wait."""
        rows = self._store.state.rows(
            "select * from inner_requests where batch = ? and answer is null order by position limit ?",
            (batch["number"], _AT_ONCE if batch["parallel"] else _PIECE),
        )
        waits = [self._tries.get((row["batch"], row["position"]), (0.0, 0))[0] for row in rows]
        now = self._now()
        if batch["parallel"]:
            ready = [row for row, wait in zip(rows, waits, strict=True) if wait <= now]
        else:
            ready = rows if not waits or waits[0] <= now else []
        if rows and not ready:
            self._due = min(waits) if batch["parallel"] else waits[0]
        return ready

    def _spent(self, batch: sqlite3.Row, rows: list[sqlite3.Row]) -> bool:
        """Return whether the time that the inner requests take has passed; in order, each takes its own."""
        seconds = self._store.switches.inner_request_seconds
        if not seconds:
            return True
        if not batch["parallel"]:
            del rows[1:]
        waits = [self._tries.get((row["batch"], row["position"]), (0.0, 0))[0] for row in rows]
        done = max(self._free, batch["created"], batch["not_before"], *waits) + seconds
        if self._not_yet(done):
            return False
        self._free = done
        return True

    def _piece(self, state: State, batch: sqlite3.Row, rows: list[sqlite3.Row]) -> None:
        number, stop, failed = batch["number"], batch["stop_on_failure"], False
        token = self._store.tokens.find(batch["token"] or "") or self._store.tokens.own
        for row in rows:
            code, answer = self._one(json.loads(row["request"]), token)
            if code >= 500 and not stop and self._try_again(number, row["position"]):
                if batch["parallel"]:
                    continue
                break
            self._tries.pop((number, row["position"]), None)
            state.run(
                "update inner_requests set answer = ? where batch = ? and position = ?",
                (dump({"code": code, "body": answer}), number, row["position"]),
            )
            self._store.counters["batch_inner"] += 1
            failed = failed or code >= 300
            if failed and stop and not batch["parallel"]:
                break
        if failed and stop:  # in parallel mode, requests that run at once end at once
            end(self._store, number)
            return
        left = state.value(
            "select count(*) from inner_requests where batch = ? and answer is null", (number,)
        )
        done = "COMPLETED" if not left else "QUEUED" if left == batch["total"] else "IN_PROGRESS"
        state.run("update batches set status = ? where number = ?", (done, number))

    def _one(self, request: dict[str, Any], token: Token) -> tuple[int, Any]:
        """Run one inner request through the same endpoints. Its path is decoded like a query: `+` is a space.

        The vendor's client writes it without the slash at its beginning, its documents with it.
        """
        parts = urlsplit("/" + request["path"].removeprefix("/"))
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        store = self._store
        try:
            if token.revoked or store.switches.token_revoked or store.faults.due("token_revoked"):
                raise ApiError(403)
            if store.switches.count_inner_requests:
                token.allowance.take(store.switches, early=False)
            store.check_account()
            if store.switches.inner_failures:
                left = store.switches.inner_failures - 1
                store.switches = store.switches.changed({"inner_failures": left})
                raise ApiError(500, "Internal error", "INTERNAL_ERROR")
            check_scope(store, token, request["method"], parts.path)
            with store.state.transaction():
                answer = dispatch(
                    store,
                    request["method"],
                    parts.path,
                    query,
                    lambda: request.get("body"),
                    decode=unquote_plus,
                )
                if isinstance(answer, RawAnswer):
                    answer = answer.content.decode("latin-1")
                return Accepted.status if isinstance(answer, Accepted) else 200, answer
        except ApiError as fault:
            return fault.status, fault.body
        except Exception:  # a fault in an endpoint answers 500 to that request and must not end the queue
            traceback.print_exc()
            return 500, ApiError(500, "Internal error", "INTERNAL_ERROR").body

    def _try_again(self, batch: int, position: int) -> bool:
        """Return whether a 5xx is tried again, after a pause."""
        tries = self._tries.get((batch, position), (0.0, 0))[1] + 1
        if tries >= _TRIES:
            return False
        self._tries[batch, position] = (self._now() + self._store.switches.inner_retry_seconds, tries)
        return True
