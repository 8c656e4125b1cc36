"""One token's way to the store: HTTP with its pace, its retries and its errors (`errors.py`). The areas of the API use it.

Base: `{base_url}/{store_id}`; `Authorization: Bearer …` (docs.ecwid.com/api-reference). Reads are tried again a few times here,
unless it was the time that ran out; writes never: the caller knows whether doing a thing twice is harmless. A token that the
store has refused is dead for this connection: nothing is sent with it any more, since one that knocks gets its address blocked.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from urllib3.exceptions import TimeoutError as Timeout

from tillroll.clock import Clock
from tillroll.ecwid import wire
from tillroll.ecwid.errors import (
    StoreBusy,
    StoreHangs,
    StoreSaysConflict,
    StoreSaysNo,
    StoreSaysNotFound,
    StoreUnknown,
    StoreUnreachable,
)
from tillroll.ecwid.pace import LONGEST_PAUSE, Pace
from tillroll.ecwid.paging import Place, Row, every
from tillroll.ecwid.patience import Patient
from tillroll.errors import (
    NeedsPerson,
    OutcomeUnknown,
    PlanLacksApi,
    ScopeMissing,
    StoreDisconnected,
    TryLater,
)

_CONNECTING, _ANSWER, _HURRIED = 5.0, 30.0, 10.0
"""Seconds: for a connection, for a whole answer, and for what is read while others wait for this call's thread."""

_READ_TRIES = 4
_FIRST_PAUSE, _PAUSE_GROWS = 0.3, 3  # seconds: 0.3, 0.9, 2.7
_DEFAULT_WAIT = 10.0

Query = Mapping[str, Any]


class Connection:
    """Calls to one store with one token. Safe to share between threads."""

    def __init__(
        self, *, base_url: str, store_id: int, token: str, pace: Pace, clock: Clock, person: bool = False
    ) -> None:
        """`person`: somebody waits at a screen for these calls, so the share kept for people may be used."""
        self.store_id = store_id
        self.pace = pace
        self.hurried = False  # others wait for the thread of these calls: what is read must be there sooner
        self.hung = False  # the last call ran out of its time: it held a thread for all of it
        self.skew: timedelta | None = (
            None  # how far the store's clock is ahead of ours; None until it has answered
        )
        self._root = f"{base_url.rstrip('/')}/{store_id}"
        self._clock = clock
        self._person = person
        self._dead: NeedsPerson | None = None
        self._session = requests.Session()
        # no proxy or .netrc of the machine slips in, and each call is a third cheaper
        self._session.trust_env = False
        self._session.mount(self._root, Patient(pool_maxsize=4, max_retries=0))
        self._session.headers.update({"Authorization": f"Bearer {token}", "Accept": "application/json"})

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    @property
    def refused(self) -> bool:
        """Whether the store has refused this token: every further call fails here, unsent."""
        return self._dead is not None

    def store_time(self) -> datetime:
        """Now by the store's clock, as far as it is known: what its dates and windows are counted in."""
        return self._clock.now() + (self.skew or timedelta(0))

    def every(
        self,
        path: str,
        query: Query | None = None,
        *,
        identity: Callable[[Row], Hashable],
        place: Place | None = None,
    ) -> Iterator[Row]:
        """Every row of a list from a place on, a page at a time, none missed while the list changes (`paging.py`)."""

        def fetch(offset: int, limit: int) -> Mapping[str, Any]:
            return self.read(path, {**(query or {}), "offset": offset, "limit": limit})

        return every(fetch, identity=identity, place=place)

    def read(self, path: str, query: Query | None = None) -> dict[str, Any]:
        """A GET: harmless to repeat, so passing trouble is tried again a few times, seconds apart."""
        for attempt in range(_READ_TRIES - 1):
            try:
                return self._call("GET", path, query=query)
            except StoreBusy as busy:  # its wait is kept by the pace, if it isn't too long
                if (busy.retry_at - self._clock.now()).total_seconds() > LONGEST_PAUSE:
                    raise
            except StoreHangs:
                raise
            except TryLater:
                self._clock.sleep(_FIRST_PAUSE * _PAUSE_GROWS**attempt)
        return self._call("GET", path, query=query)

    def write(
        self, method: str, path: str, *, query: Query | None = None, body: Any = None
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
        self, method: str, path: str, *, query: Query | None = None, body: Any = None
    ) -> dict[str, Any]:
        if self._dead is not None:
            raise self._dead
        self.pace.wait(person=self._person)
        seconds = _HURRIED if self.hurried and method == "GET" else _ANSWER
        self.hung = False
        try:
            answer = self._session.request(
                method, self._root + path, params=query, json=body, timeout=(_CONNECTING, seconds)
            )
        except requests.ConnectTimeout as fault:
            self.hung = True
            raise self._unreachable(fault) from fault
        except requests.RequestException as fault:
            self.hung = _ran_out(fault)
            if method == "GET" or _never_connected(fault):
                raise self._unreachable(fault) from fault
            raise OutcomeUnknown(f"The store's answer to {method} {path} was lost.") from fault
        self._listen(answer.headers)
        if answer.status_code in {requests.codes.ok, requests.codes.accepted}:
            return self._parsed(answer, method, path)
        failure = self._failure(answer, method, path)
        if isinstance(failure, StoreDisconnected | PlanLacksApi):
            self._dead = failure
        raise failure

    def _listen(self, headers: Mapping[str, str]) -> None:
        """What any answer tells besides its body: the store's clock, and how many calls it still allows."""
        try:
            said = parsedate_to_datetime(headers.get("Date", ""))
            skew = said - self._clock.now()
            # the header is cut to whole seconds: a second either way is no skew
            self.skew = skew if abs(skew) > timedelta(seconds=2) else timedelta(0)
        except (TypeError, ValueError):
            pass
        remaining = headers.get("X-RateLimit-Remaining", "")
        if remaining.isdigit():
            self.pace.told(int(remaining))

    def _parsed(self, answer: requests.Response, method: str, path: str) -> dict[str, Any]:
        try:
            parsed = answer.json()
        except ValueError as fault:
            if method == "GET":
                raise self._unreachable(fault) from fault
            raise OutcomeUnknown(f"The store's answer to {method} {path} can't be read.") from fault
        return parsed if isinstance(parsed, dict) else {"items": parsed}

    def _unreachable(self, fault: Exception) -> StoreUnreachable:
        hangs = _ran_out(fault)
        kind, what = (StoreHangs, "doesn't answer") if hangs else (StoreUnreachable, "can't be reached")
        return kind(
            f"Store {self.store_id} {what} at {self._root}.",
            retry_at=self._clock.now() + timedelta(seconds=5),
            hint=f"Nothing was changed; it will be tried again. ({type(fault).__name__})",
        )

    def _failure(self, answer: requests.Response, method: str, path: str) -> Exception:
        """The error an answer other than 200 stands for; see the table in `errors.py`."""
        status, where = answer.status_code, f"{method} {path}"
        message, code = wire.failure_text(answer.content, answer.reason or "")
        if status == requests.codes.too_many_requests:
            until = self.pace.blocked_for(_seconds(answer.headers.get("Retry-After")))
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
            return StoreUnknown(
                f"There is no store {self.store_id} at {self._root}.",
                hint="Check ECWID_STORE_ID and ECWID_API_URL.",
            )
        refusal = {404: StoreSaysNotFound, 409: StoreSaysConflict}.get(status, StoreSaysNo)
        return refusal(message or f"The store refused {where} (HTTP {status}).", status=status, code=code)

    def _forbidden(self, answer: requests.Response, message: str, code: str) -> Exception:
        if not answer.content.strip() or code == "INVALID_API_TOKEN":
            return StoreDisconnected(
                f"Store {self.store_id} refuses the token: it was revoked, mistyped, or belongs to another store.",
                hint="Take the secret token from the store's admin (Apps → your app), then set ECWID_TOKEN to it"
                f" or run: tillroll store connect --id {self.store_id} --token-stdin",
            )
        return ScopeMissing(
            f"The token lacks a right: {message or code}.",
            hint="Ask for the missing scope, reinstall the app in the store, and set ECWID_TOKEN to its new token.",
        )


def _ran_out(fault: Exception) -> bool:
    """Whether the time for an answer was over."""
    return isinstance(fault, requests.Timeout) or bool(fault.args and isinstance(fault.args[0], Timeout))


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
