"""HTTP: the order of checks, the answers, and the counters (dossier sections 4.5, 12.1, 12.8)."""

from __future__ import annotations

import hmac
import json
import re
import socket
import traceback
from collections.abc import Callable
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tillroll.sandbox import batch
from tillroll.sandbox.batch import Executor
from tillroll.sandbox.checkout import checkout
from tillroll.sandbox.routes import dispatch
from tillroll.sandbox.store import Store
from tillroll.sandbox.wire import ApiError, Query

_API = re.compile(r"/api/v3/([^/]+)(/.*)")
_MOST_BYTES = 16 * 1024 * 1024


class Server(ThreadingHTTPServer):
    """Serves one store on loopback."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, store: Store, executor: Executor) -> None:
        self.store = store
        self.executor = executor
        super().__init__(("127.0.0.1", port), Handler)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Server
    disable_nagle_algorithm = True
    timeout = 120

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_PUT(self) -> None:
        self._answer("PUT")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: a demo's terminal belongs to the demo."""

    def _answer(self, method: str) -> None:
        store = self.server.store
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        content = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), _MOST_BYTES))
        try:
            with store.state.transaction():
                answer = self._handle(method, parts.path, query, content)
        except ApiError as fault:
            self._send(fault.status, fault.body, fault.headers)
            return
        except Exception:  # an endpoint's own fault is a 500, as it is in the real store
            traceback.print_exc()
            self._send(500, ApiError(500, "Internal error", "INTERNAL_ERROR").body, {})
            return
        if method != "GET" and parts.path.startswith("/api/") and store.switches.drop_answers:
            store.switches = store.switches.changed({"drop_answers": store.switches.drop_answers - 1})
            store.counters["dropped"] += 1
            self._hang_up()
            return
        self._send(200, answer, {})

    def _handle(self, method: str, path: str, query: Query, content: bytes) -> Any:
        match = _API.fullmatch(path)
        if match is None:
            return self._admin(method, path, content)
        store = self.server.store
        store.counters["requests"] += 1
        if match[1] != str(store.store_id):
            raise ApiError(404, "Store not found", "STORE_NOT_FOUND")
        given = self.headers.get("Authorization", "")
        if store.switches.token_revoked or not hmac.compare_digest(
            given.encode(), f"Bearer {store.token}".encode()
        ):
            store.allowance.stranger(store.switches, self.client_address[0])
            raise ApiError(403)
        store.allowance.check_address(self.client_address[0])
        store.allowance.take(store.switches)
        store.check_account()
        if method == "GET" and store.switches.fail_reads:
            store.switches = store.switches.changed({"fail_reads": store.switches.fail_reads - 1})
            raise ApiError(500, "Internal error", "INTERNAL_ERROR")
        return self._api(method, match[2], query, lambda: self._body(content))

    def _api(self, method: str, path: str, query: Query, read_body: Callable[[], Any]) -> Any:
        store = self.server.store
        match method, path:
            case "POST", "/batch":
                answer = batch.create(store, query, read_body())
                self.server.executor.wake()
                return answer
            case "GET", "/batch":
                return batch.status(store, query)
            case "DELETE", "/batch":
                return batch.delete(store, query)
            case "POST", "/batch/cancel-group":
                return batch.cancel_group(store, query)
            case _, "/batch" | "/batch/cancel-group":
                raise ApiError(405, "Method not allowed", "METHOD_NOT_ALLOWED")
        return dispatch(store, method, path, query, read_body)

    def _body(self, content: bytes) -> Any:
        if not content:
            return None
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip()
        if kind not in {"application/json", "text/json"}:
            raise ApiError(415, "Unsupported media type")
        try:
            return json.loads(content)
        except ValueError as fault:
            raise ApiError(400, "Request body is not JSON", "WRONG_PARAMETER") from fault

    def _admin(self, method: str, path: str, content: bytes) -> Any:
        """What only a sandbox has: no token, loopback alone."""
        store = self.server.store
        try:
            body = json.loads(content) if content else {}
        except ValueError as fault:
            raise ApiError(400, "not JSON") from fault
        if path == "/sandbox/health":
            return {"status": "ok"}
        if path == "/sandbox/counters":
            return {**store.counters, "rate_limited": store.allowance.refused}
        if path == "/sandbox/checkout" and method == "POST":
            return checkout(store, body)
        if path == "/sandbox/switches" and method == "GET":
            return asdict(store.switches)
        if path == "/sandbox/switches" and method == "POST":
            try:
                store.switches = store.switches.changed(body)
            except (ValueError, AttributeError) as fault:
                raise ApiError(400, str(fault)) from fault
            return {"switched": sorted(body)}
        raise ApiError(404, "Not found")

    def _send(self, status: int, body: Any, headers: dict[str, str]) -> None:
        content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _hang_up(self) -> None:
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
