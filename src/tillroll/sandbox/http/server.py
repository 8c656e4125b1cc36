"""The API server: which store a request is for, the order of checks, and injected faults (sections 4.5, 12.1, 12.8)."""

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

from tillroll.sandbox.endpoints import batch
from tillroll.sandbox.formats.wire import Accepted, ApiError, Query, RawAnswer, Unchanging
from tillroll.sandbox.http import admin, concurrent_edits, oauth
from tillroll.sandbox.http.delivery import Sender
from tillroll.sandbox.http.executor import Executor
from tillroll.sandbox.http.listener import HttpResponse, Request
from tillroll.sandbox.http.routes import OPEN, dispatch
from tillroll.sandbox.http.scopes import check_scope
from tillroll.sandbox.state.access import Token
from tillroll.sandbox.state.store import SandboxStore

_API = re.compile(r"/api/v3/([^/]+)(/.*)")
_TOKEN = re.compile(r"/api/oauth/token(?:/([^/]+))?/?")
_ADMIN = re.compile(r"/sandbox/(?:stores/(\d+)/)?([a-z-]+)/?")
_UPLOAD = re.compile(r"/(?:products|categories|profile)/.*(?:image|gallery|files|logo)/?")
"""The paths whose requests may carry an image or a file."""
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, kw_only=True)
class Site:
    """One store with its background threads."""

    store: SandboxStore
    executor: Executor
    sender: Sender


class SandboxServer:
    """The server of all stores."""

    def __init__(self, sites: Sequence[Site]) -> None:
        self._sites = {str(site.store.store_id): site for site in sites}
        self._first = sites[0]
        self._stores = [site.store for site in sites]
        self.stopping = threading.Event()

    def answer(self, request: Request) -> HttpResponse:
        """Return the answer to a request, or how it fails."""
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

    def _call(self, site: Site, request: Request, path: str) -> HttpResponse:
        """Answer one API request, with the faults that apply to it."""
        store, faults, method = site.store, site.store.faults, request.method
        if faults.any and faults.strike("resets", method, path):
            return HttpResponse(fate="reset")
        query = dict(parse_qsl(request.query, keep_blank_values=True)) if request.query else {}
        headers: dict[str, str] = {}
        token, lost = store.tokens.find(_token_text(store, request, query)), False
        # decided on arrival: a request accepted before the 429 was sent does not count against the client, however long it waits
        early = token is not None and token.allowance.told_to_wait
        try:
            with store.state.transaction():
                if token is not None and early:
                    token.allowance.early_requests += 1
                body = self._checked(site, request, token, path, query, headers)
                lost = self._lost(store, method, path)
        except ApiError as fault:
            answer = _refusal(store, fault)
        except Exception:  # a fault in an endpoint answers 500, as in the real store
            traceback.print_exc()
            answer = _refusal(store, ApiError(500, "Internal error", "INTERNAL_ERROR"))
        else:
            if faults.any:
                with store.state.transaction():
                    concurrent_edits.shift_page(store, method, path, query)
                    concurrent_edits.edit_coupon(store, method, path)
            answer = _said(store, body, Accepted.status if isinstance(body, Accepted) else 200)
            answer.fate = "lost" if lost else "sent"
        answer.headers.update(headers)
        if faults.any:
            slow = faults.strike("slow", method, path)
            if slow:
                self.stopping.wait(slow["seconds"])
        return answer

    def _lost(self, store: SandboxStore, method: str, path: str) -> bool:
        """Return whether the answer is lost after the work was done."""
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
        """Run the checks in their order, then the endpoint."""
        store, method = site.store, request.method
        store.counters["requests"] += 1
        if given is None and method == "GET" and path.rstrip("/") in OPEN:
            return dispatch(store, method, path, query, lambda: None)
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
        return _endpoint(site, token, method, path, query, lambda: _body(request, path))

    def _oauth(self, request: Request) -> HttpResponse:
        """Answer the page that asks the merchant, and the exchange of codes."""
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
            return HttpResponse(content=page, kind="text/html; charset=utf-8", headers=_dated(store))
        with site.store.state.transaction():
            address = oauth.decide(site.store, form)
        return HttpResponse(status=302, headers={"Location": address, **_dated(store)})

    def _admin(self, request: Request) -> HttpResponse:
        match = _ADMIN.fullmatch(request.path)
        site = self._first if match is None or not match[1] else self._sites.get(match[1])
        if match is None or site is None:
            return _refusal(self._first.store, ApiError(404, "Not found"))
        if (
            match[2] == "stores"
        ):  # this needs all locks: always taken from the first store on, so that no two requests deadlock
            site = self._first
        store_admin = admin.StoreAdmin(store=site.store, sender=site.sender, stores=self._stores)
        try:
            with site.store.state.transaction():
                return _said(site.store, admin.answer(store_admin, request.method, match[2], request.content))
        except ApiError as fault:
            return _refusal(site.store, fault)
        except Exception:  # the caller gets a 500, and the next one is still served
            traceback.print_exc()
            return _refusal(site.store, ApiError(500, "Internal error", "INTERNAL_ERROR"))


def _token_text(store: SandboxStore, request: Request, query: dict[str, str]) -> str:
    given = request.headers.get("authorization", "")
    in_query = query.pop("token", "") if store.switches.token_in_query else ""
    return given[7:] if given.startswith("Bearer ") else in_query


def _living(store: SandboxStore, token: Token | None, address: str) -> Token:
    """Return the token if it is valid. Raises 403."""
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
    check_scope(store, token, method, path)
    return dispatch(store, method, path, query, read_body)


def _body(request: Request, path: str) -> Any:
    """Return what the body holds: of an image or file its bytes, of a value for the app storage its text, JSON or not."""
    if not request.content:
        return None
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind not in {"application/json", "text/json"}:
        if _UPLOAD.fullmatch(path):
            return request.content
        raise ApiError(415, "Unsupported media type")
    try:
        return request.content.decode() if path.startswith("/storage/") else json.loads(request.content)
    except ValueError as fault:
        raise ApiError(400, "Request body is not JSON", "WRONG_PARAMETER") from fault


def _said(store: SandboxStore, body: Any, status: int = 200) -> HttpResponse:
    if isinstance(body, RawAnswer):
        return HttpResponse(status=status, content=body.content, kind=body.kind, headers=_dated(store))
    if isinstance(body, Unchanging):
        body.text = body.text or _encoded(body)
        return HttpResponse(status=status, content=body.text, headers=_dated(store))
    content = b"" if body is None else _encoded(body)
    return HttpResponse(status=status, content=content, headers=_dated(store))


def _encoded(body: Any) -> bytes:
    try:
        return json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a surrogate: JSON can say it, as an escape
        return json.dumps(body).encode()


def _refusal(store: SandboxStore, fault: ApiError) -> HttpResponse:
    answer = _said(store, fault.body, fault.status)
    answer.headers.update(fault.headers)
    return answer


def _dated(store: SandboxStore) -> dict[str, str]:
    return {"Date": formatdate(store.now(), usegmt=True)}
