"""The door: which store is meant, the order of checks, and the faults around an answer (sections 4.5, 12.1, 12.8)."""

from __future__ import annotations

import json
import re
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl

from tillroll.sandbox import mischief
from tillroll.sandbox.areas import batch
from tillroll.sandbox.delivery import Sender
from tillroll.sandbox.door import admin, oauth
from tillroll.sandbox.door.executor import Executor
from tillroll.sandbox.door.listener import Answer, Request
from tillroll.sandbox.door.routes import dispatch
from tillroll.sandbox.door.scopes import check_scope
from tillroll.sandbox.memory.access import Token
from tillroll.sandbox.memory.store import Store
from tillroll.sandbox.wire import Accepted, ApiError, Query

_API = re.compile(r"/api/v3/([^/]+)(/.*)")
_TOKEN = re.compile(r"/api/oauth/token(?:/([^/]+))?/?")
_ADMIN = re.compile(r"/sandbox/(?:stores/(\d+)/)?([a-z-]+)/?")
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, kw_only=True)
class Site:
    """A store with those who work for it in the background."""

    store: Store
    executor: Executor
    sender: Sender


class Server:
    """Answers requests for any of its stores."""

    def __init__(self, sites: Sequence[Site]) -> None:
        self._sites = {str(site.store.store_id): site for site in sites}
        self._first = sites[0]
        self._stores = [site.store for site in sites]
        self.stopping = threading.Event()

    def answer(self, request: Request) -> Answer:
        """What goes back, or how it doesn't."""
        match = _API.fullmatch(request.path)
        if match is not None:
            site = self._sites.get(match[1])
            if site is not None:
                return self._call(site, request, match[2])
            missing = ApiError(404, "Store not found", "STORE_NOT_FOUND")
            return _refusal(self._first.store, missing)
        if request.path.startswith("/api/oauth/"):
            return self._oauth(request)
        return self._admin(request)

    def _call(self, site: Site, request: Request, path: str) -> Answer:
        """One request of the API, with the faults that strike it."""
        store, faults, method = site.store, site.store.faults, request.method
        if faults.any and faults.strike("resets", method, path):
            return Answer(fate="reset")
        query = dict(parse_qsl(request.query, keep_blank_values=True)) if request.query else {}
        headers: dict[str, str] = {}
        token, lost = store.tokens.find(_token_text(store, request, query)), False
        # said on arrival: a request that was let in before the 429 was spoken is no knock, wherever it waits
        knock = token is not None and token.allowance.told_to_wait
        try:
            with store.state.transaction():
                if token is not None and knock:
                    token.allowance.knocks += 1
                body = self._checked(site, request, token, path, query, headers)
                lost = self._lost(store, method, path)
        except ApiError as fault:
            answer = _refusal(store, fault)
        except Exception:  # an endpoint's own fault is a 500, as it is in the real store
            traceback.print_exc()
            answer = _refusal(store, ApiError(500, "Internal error", "INTERNAL_ERROR"))
        else:
            if faults.any:
                with store.state.transaction():
                    mischief.shift_page(store, method, path, query)
                    mischief.meddle(store, method, path)
            answer = _said(store, body, Accepted.status if isinstance(body, Accepted) else 200)
            answer.fate = "lost" if lost else "sent"
        answer.headers.update(headers)
        if faults.any:
            slow = faults.strike("slow", method, path)
            if slow:
                self.stopping.wait(slow["seconds"])
        return answer

    def _lost(self, store: Store, method: str, path: str) -> bool:
        """Whether the answer goes astray after the work was done."""
        if method != "GET" and store.switches.drop_answers:
            store.switches = store.switches.changed({"drop_answers": store.switches.drop_answers - 1})
        elif not (store.faults.any and store.faults.strike("lost_answers", method, path)):
            return False
        store.counters["dropped"] += 1
        return True

    def _checked(
        self,
        site: Site,
        request: Request,
        given: Token | None,
        path: str,
        query: Query,
        headers: dict[str, str],
    ) -> Any:
        """The checks in their order, then the endpoint."""
        store, method = site.store, request.method
        store.counters["requests"] += 1
        token = _living(store, given, request.address)
        store.addresses.check(request.address)
        if store.faults.any:
            storm = store.faults.strike("storm", method, path)
            if storm:
                raise token.allowance.storm(storm["retry_after"])
        try:
            token.allowance.take(store.switches)
        finally:
            if store.switches.quota_headers:
                headers |= token.allowance.headers(store.switches)
        store.check_account()
        store.faults.came("plan_downgraded")
        if store.faults.any:
            error = store.faults.strike("errors", method, path)
            if error:
                raise ApiError(error["status"], "Internal error", "INTERNAL_ERROR")
        if method == "GET" and store.switches.fail_reads:
            store.switches = store.switches.changed({"fail_reads": store.switches.fail_reads - 1})
            raise ApiError(500, "Internal error", "INTERNAL_ERROR")
        return _endpoint(
            site, token, method, path, query, lambda: _body(request, raw=path.startswith("/storage/"))
        )

    def _oauth(self, request: Request) -> Answer:
        """The page that asks the merchant, and the exchange of codes."""
        form = dict(
            parse_qsl(request.query if request.method == "GET" else request.content.decode("latin-1"))
        )
        match = _TOKEN.fullmatch(request.path)
        if match is not None and request.method == "POST":
            site = self._sites.get(match[1] or str(self._first.store.store_id))
            if site is None:
                return _refusal(self._first.store, ApiError(404, "Store not found", "STORE_NOT_FOUND"))
            if request.headers.get("content-type", "").partition(";")[0].strip() != _FORM:
                return _said(site.store, {"error": "invalid_request"}, 400)
            with site.store.state.transaction():
                token, fault = oauth.exchange(site.store, form)
            return _said(site.store, token or {"error": fault}, 200 if token else 400)
        store = self._first.store
        if request.path.rstrip("/") != "/api/oauth/authorize" or request.method not in ("GET", "POST"):
            return _refusal(store, ApiError(404, "Not found"))
        fault = oauth.fault_of(form)
        site = self._sites.get(form.get("store_id") or str(store.store_id))
        if fault or site is None:
            return _refusal(store, ApiError(400, fault or "Store not found"))
        if request.method == "GET":
            page = oauth.page(form, self._stores).encode()
            return Answer(content=page, kind="text/html; charset=utf-8", headers=_dated(store))
        with site.store.state.transaction():
            address = oauth.decide(site.store, form)
        return Answer(status=302, headers={"Location": address, **_dated(store)})

    def _admin(self, request: Request) -> Answer:
        match = _ADMIN.fullmatch(request.path)
        site = self._first if match is None or not match[1] else self._sites.get(match[1])
        if match is None or site is None:
            return _refusal(self._first.store, ApiError(404, "Not found"))
        if (
            match[2] == "stores"
        ):  # it reads all of them: always from the first on, so that no two wait for each other
            site = self._first
        desk = admin.Desk(store=site.store, sender=site.sender, stores=self._stores)
        try:
            with site.store.state.transaction():
                return _said(site.store, admin.answer(desk, request.method, match[2], request.content))
        except ApiError as fault:
            return _refusal(site.store, fault)
        except Exception:  # a caller of the sandbox is told, and the next one is still served
            traceback.print_exc()
            return _refusal(site.store, ApiError(500, "Internal error", "INTERNAL_ERROR"))


def _token_text(store: Store, request: Request, query: dict[str, str]) -> str:
    given = request.headers.get("authorization", "")
    in_query = query.pop("token", "") if store.switches.token_in_query else ""
    return given[7:] if given.startswith("Bearer ") else in_query


def _living(store: Store, token: Token | None, address: str) -> Token:
    """The token, if it is one and lives; 403 otherwise."""
    if token is not None and not (
        token.revoked or store.switches.token_revoked or store.faults.due("token_revoked")
    ):
        store.faults.came("token_revoked")
        return token
    store.counters["unknown_token" if token is None else "revoked_token"] += 1
    store.addresses.stranger(store.switches, address)
    if store.switches.forbidden_body == "json":
        raise ApiError(403, "The API token is not valid", "INVALID_API_TOKEN")
    raise ApiError(403)


def _endpoint(
    site: Site, token: Token, method: str, path: str, query: Query, read_body: Callable[[], Any]
) -> Any:
    store = site.store
    match method, path.rstrip("/"):
        case "POST", "/batch":
            answer = batch.create(store, query, read_body(), token)
            site.executor.wake()
            return answer
        case "GET", "/batch":
            return batch.status(store, query)
        case "DELETE", "/batch":
            return batch.delete(store, query)
        case "POST", "/batch/cancel-group":
            return batch.cancel_group(store, query)
        case _, "/batch" | "/batch/cancel-group":
            raise ApiError(405, "Method not allowed", "METHOD_NOT_ALLOWED")
    check_scope(token, method, path)
    return dispatch(store, method, path, query, read_body)


def _body(request: Request, *, raw: bool) -> Any:
    """What was sent; `raw`: a text that isn't JSON is taken as it stands, as the app storage's older pages have it."""
    if not request.content:
        return None
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind not in {"application/json", "text/json"}:
        raise ApiError(415, "Unsupported media type")
    try:
        return json.loads(request.content)
    except ValueError as fault:
        if raw and not isinstance(fault, UnicodeDecodeError):
            return request.content.decode()
        raise ApiError(400, "Request body is not JSON", "WRONG_PARAMETER") from fault


def _said(store: Store, body: Any, status: int = 200) -> Answer:
    content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
    return Answer(status=status, content=content, headers=_dated(store))


def _refusal(store: Store, fault: ApiError) -> Answer:
    answer = _said(store, fault.body, fault.status)
    answer.headers.update(fault.headers)
    return answer


def _dated(store: Store) -> dict[str, str]:
    return {"Date": formatdate(store.now(), usegmt=True)}
