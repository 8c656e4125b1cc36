"""The store's REST API as methods: typed answers, typed errors (`errors.py`), at the pace of its token.

Base: `{base_url}/{store_id}`; `Authorization: Bearer …` (docs.ecwid.com/api-reference). Each method names its endpoint. Any
of them raises the errors listed in `errors.py`; reads are tried again a few times here, writes never: the caller knows
whether doing a thing twice is harmless.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter

from tillroll.clock import Clock
from tillroll.ecwid import wire
from tillroll.ecwid.errors import (
    StoreBusy,
    StoreSaysConflict,
    StoreSaysNo,
    StoreSaysNotFound,
    StoreUnreachable,
)
from tillroll.ecwid.pace import LONGEST_PAUSE, Pace
from tillroll.ecwid.types import (
    BatchStatus,
    Coupon,
    CouponRequest,
    Customer,
    InnerRequest,
    Order,
    Product,
    Profile,
)
from tillroll.errors import OutcomeUnknown, PlanLacksApi, ScopeMissing, StoreDisconnected, TryLater

PAGE = 100
"""Rows a page: both the default and the most the API gives."""

MOST_IN_A_BATCH = 500
_TIMEOUT = (5.0, 30.0)
_READ_TRIES = 4
_DEFAULT_WAIT = 10.0


class Client:
    """One store's API, through one token. Safe to share between threads."""

    def __init__(self, *, base_url: str, store_id: int, token: str, pace: Pace, clock: Clock) -> None:
        self.store_id = store_id
        self._root = f"{base_url.rstrip('/')}/{store_id}"
        self._pace = pace
        self._clock = clock
        self._session = requests.Session()
        self._session.trust_env = (
            False  # no proxy or .netrc of the machine slips in, and each call is a third cheaper
        )
        self._session.mount(self._root, HTTPAdapter(pool_maxsize=4, max_retries=0))
        self._session.headers.update({"Authorization": f"Bearer {token}", "Accept": "application/json"})

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    @property
    def calls(self) -> int:
        """Requests sent through this client's pace so far."""
        return self._pace.calls

    # -- the store itself

    def profile(self) -> Profile:
        """`GET /profile`: name, currency, time zone, features. Scope `read_store_profile`."""
        return wire.profile(self._read("/profile"))

    # -- coupons

    def find_coupon(self, code: str) -> Coupon | None:
        """`GET /discount_coupons?code=…`: the coupon with exactly this code, or None.

        Whether the store matches exactly or in part is not documented, so equality is checked here.
        """
        answer = self._read("/discount_coupons", {"code": code})
        for raw in answer.get("items") or ():
            coupon = wire.coupon(raw)
            if coupon.code.upper() == code.upper():
                return coupon
        return None

    def coupons(self, *, created_from: datetime | None = None) -> Iterator[Coupon]:
        """`GET /discount_coupons`: every coupon, or those created since. Order is not documented: never rely on it."""
        window = {"createdFrom": int(created_from.timestamp())} if created_from else {}
        yield from map(wire.coupon, self._pages("/discount_coupons", window))

    def create_coupon(self, request: CouponRequest) -> int:
        """`POST /discount_coupons`: make one coupon, answer its id. `StoreSaysConflict` when the code is taken."""
        return int(self._write("POST", "/discount_coupons", body=wire.coupon_out(request))["id"])

    @staticmethod
    def creation(id_: str, request: CouponRequest) -> InnerRequest:
        """`POST /discount_coupons` as one request of a batch."""
        return InnerRequest(id=id_, method="POST", path="/discount_coupons", body=wire.coupon_out(request))

    def delete_coupon(self, coupon_id: int) -> bool:
        """`DELETE /discount_coupons/{id}`: whether there was one. A missing one is no error (200 or 404 by version)."""
        try:
            answer = self._write("DELETE", f"/discount_coupons/{quote(str(coupon_id), safe='')}")
        except StoreSaysNotFound:
            return False
        return bool(answer.get("deleteCount"))

    # -- batches

    def create_batch(self, requests_: Sequence[InnerRequest], *, deduplication_key: str, group: str) -> str:
        """`POST /batch`: hand over up to 500 requests, answer the ticket. Not atomic; a failure doesn't stop the rest.

        The same key within an hour answers the first ticket again, so a lost answer may be asked for once more.
        """
        query = {
            "stopOnFirstFailure": "false",
            "allowParallelMode": "true",
            "deduplicationKey": deduplication_key,
            "groupId": group,
        }
        body = [{"id": one.id, "path": one.path, "method": one.method, "body": one.body} for one in requests_]
        return str(self._write("POST", "/batch", query=query, body=body)["ticket"])

    def batch_status(self, ticket: str) -> BatchStatus:
        """`GET /batch?ticket=…&escapedJson=true`: how far it is, and every inner answer so far."""
        return wire.batch_status(self._read("/batch", {"ticket": ticket, "escapedJson": "true"}))

    # -- customers, orders, products

    def customers(self, *, updated_from: datetime | None = None) -> Iterator[Customer]:
        """`GET /customers`: all of them, or those changed since, oldest registration first so that new ones come last."""
        query: dict[str, Any] = {"sortBy": "REGISTERED_DATE_ASC", "responseFields": wire.CUSTOMER_FIELDS}
        if updated_from:
            query["updatedFrom"] = int(updated_from.timestamp())
        yield from map(wire.customer, self._pages("/customers", query))

    def customer(self, customer_id: int) -> Customer:
        """`GET /customers/{id}`. `StoreSaysNotFound` when it is gone."""
        return wire.customer(self._read(f"/customers/{customer_id}"))

    def orders(self, *, updated_from: datetime | None = None) -> Iterator[Order]:
        """`GET /orders`: all placed orders, or those changed since; unfinished ones are left out by the store."""
        query: dict[str, Any] = {"responseFields": wire.ORDER_FIELDS}
        if updated_from:
            query["updatedFrom"] = int(updated_from.timestamp())
        yield from map(wire.order, self._pages("/orders", query))

    def products(self) -> Iterator[Product]:
        """`GET /products`: the whole catalogue."""
        yield from map(wire.product, self._pages("/products", {}))

    # -- the wire

    def _pages(self, path: str, query: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Every row of a list, page by page, until a page comes back empty or the total is reached."""
        offset = 0
        while True:
            answer = self._read(path, {**query, "offset": offset, "limit": PAGE})
            items = answer.get("items") or []
            yield from items
            offset += len(items)
            if not items or offset >= int(answer.get("total") or 0):
                return

    def _read(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A GET: harmless to repeat, so passing trouble is tried again a few times, seconds apart."""
        for attempt in range(_READ_TRIES):
            try:
                return self._call("GET", path, query=query)
            except TryLater as trouble:
                pause = max((trouble.retry_at - self._clock.now()).total_seconds(), 0.2 * 2**attempt)
                if attempt == _READ_TRIES - 1 or pause > LONGEST_PAUSE:
                    raise
                if not isinstance(trouble, StoreBusy):  # a busy store's wait is kept by the pace
                    self._clock.sleep(pause)
        raise AssertionError("unreachable")

    def _write(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Any = None
    ) -> dict[str, Any]:
        """A call that changes the store: sent once. A 429 has changed nothing and is tried again after its wait."""
        for _attempt in range(_READ_TRIES - 1):
            try:
                return self._call(method, path, query=query, body=body)
            except StoreBusy as busy:
                if (busy.retry_at - self._clock.now()).total_seconds() > LONGEST_PAUSE:
                    raise
        return self._call(method, path, query=query, body=body)

    def _call(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Any = None
    ) -> dict[str, Any]:
        self._pace.wait()
        try:
            answer = self._session.request(
                method, self._root + path, params=query, json=body, timeout=_TIMEOUT
            )
        except requests.ConnectTimeout as fault:
            raise self._unreachable(fault) from fault
        except requests.RequestException as fault:
            if method == "GET" or _never_connected(fault):
                raise self._unreachable(fault) from fault
            raise OutcomeUnknown(f"The store's answer to {method} {path} was lost.") from fault
        if answer.status_code == requests.codes.ok:
            return self._parsed(answer, method, path)
        raise self._failure(answer, method, path)

    def _parsed(self, answer: requests.Response, method: str, path: str) -> dict[str, Any]:
        try:
            parsed = answer.json()
        except ValueError as fault:
            if method == "GET":
                raise self._unreachable(fault) from fault
            raise OutcomeUnknown(f"The store's answer to {method} {path} can't be read.") from fault
        return parsed if isinstance(parsed, dict) else {"items": parsed}

    def _unreachable(self, fault: Exception) -> StoreUnreachable:
        return StoreUnreachable(
            f"Store {self.store_id} can't be reached at {self._root}.",
            retry_at=self._clock.now() + timedelta(seconds=5),
            hint=f"Nothing was changed; it will be tried again. ({type(fault).__name__})",
        )

    def _failure(self, answer: requests.Response, method: str, path: str) -> Exception:
        """The error an answer other than 200 stands for; see the table in `errors.py`."""
        status, where = answer.status_code, f"{method} {path}"
        message, code = wire.failure_text(answer.content, answer.reason or "")
        if status == requests.codes.too_many_requests:
            until = self._pace.blocked_for(_seconds(answer.headers.get("Retry-After")))
            return StoreBusy("The store's allowance of requests for this minute is used up.", retry_at=until)
        if status == requests.codes.payment_required:
            return PlanLacksApi(
                f"Store {self.store_id} has no API: {message or 'its plan does not include it'}.",
                hint="The store's owner must be on a plan with API access (Venture or higher), or lift the suspension.",
            )
        if status == requests.codes.forbidden:
            return self._forbidden(answer, message, code)
        if status >= requests.codes.internal_server_error or status == requests.codes.request_timeout:
            if method == "GET":
                return self._unreachable(RuntimeError(f"HTTP {status}"))
            return OutcomeUnknown(
                f"The store had trouble with {where} (HTTP {status}); it may or may not have done it."
            )
        if code == "STORE_NOT_FOUND":
            return StoreDisconnected(
                f"There is no store {self.store_id} at {self._root}.",
                hint="Check ECWID_STORE_ID and ECWID_API_URL.",
            )
        refusal = {404: StoreSaysNotFound, 409: StoreSaysConflict}.get(status, StoreSaysNo)
        return refusal(message or f"The store refused {where} (HTTP {status}).", status=status, code=code)

    def _forbidden(self, answer: requests.Response, message: str, code: str) -> Exception:
        if not answer.content.strip() or code == "INVALID_API_TOKEN":
            return StoreDisconnected(
                f"Store {self.store_id} refuses the token: it was revoked, mistyped, or belongs to another store.",
                hint="Take the secret token from the store's admin (Apps → your app) and set ECWID_TOKEN to it.",
            )
        return ScopeMissing(
            f"The token lacks a right: {message or code}.",
            hint="Ask for the missing scope, reinstall the app in the store, and set ECWID_TOKEN to its new token.",
        )


def _never_connected(fault: requests.RequestException) -> bool:
    """Whether the request can't have left: the connection itself was refused or its name unknown."""
    reason = getattr(fault.args[0], "reason", None) if fault.args else None
    return type(reason).__name__ in {"NewConnectionError", "NameResolutionError"}


def _seconds(retry_after: str | None) -> float:
    """`Retry-After` in whole seconds; the vendor's own client takes 10 when it is missing."""
    try:
        return float(retry_after) if retry_after else _DEFAULT_WAIT
    except ValueError:
        return _DEFAULT_WAIT
