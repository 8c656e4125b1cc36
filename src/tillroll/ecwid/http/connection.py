"""HTTP calls to one store with one token: rate limit, retries and errors (`errors.py`). The endpoints are built on it.

Base: `{base_url}/{store_id}`; `Authorization: Bearer …` (docs.ecwid.com/api-reference). Reads are retried a few times, except
after a timeout. Writes are not retried: only the caller knows whether it is safe to repeat one. Once the store has refused the
token, nothing more is sent with it, because repeated use of a revoked token blocks the IP address.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterator, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from tillroll.campaign.digest import Blinder
from tillroll.campaign.figures.retry import RetryPolicy
from tillroll.clock import Clock
from tillroll.ecwid.http import headers, wire
from tillroll.ecwid.http.answers import Unreadable, parse, told, unpack
from tillroll.ecwid.http.errors import (
    StoreBusy,
    StoreHangs,
    StoreMoved,
    StoreSaysConflict,
    StoreSaysNo,
    StoreSaysNotFound,
    StoreUnknown,
    StoreUnreachable,
    StoreUnreadable,
)
from tillroll.ecwid.http.hosts import AllowedHosts
from tillroll.ecwid.http.pace import LONGEST_PAUSE, Pace
from tillroll.ecwid.http.paging import ListPosition, Row, every
from tillroll.ecwid.http.session import AnswerTooLarge, CallFailed, CallListener, HttpAnswer, HttpSession
from tillroll.errors import (
    NeedsPerson,
    OutcomeUnknown,
    PlanLacksApi,
    ScopeMissing,
    StoreDisconnected,
    TryLater,
)

_ANSWER, _HURRIED = 30.0, 10.0
"""Seconds: for a whole answer, and for a read while other stores wait for this call's thread."""

_CALL_RETRIES = RetryPolicy(attempts=4, first_pause=timedelta(seconds=0.3), growth=3)
"""For one call: pauses of 0.3, 0.9 and 2.7 seconds. A 429 sets its own pause."""
_NOT_REPEATED = {HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT}
"""Redirects that say that nothing was done here; after another one, a write may have been carried out."""

_CHEAPEST = "/profile"
"""What every token may read. A 403 with an empty body elsewhere may mean a dead token or a missing scope: this call tells."""

Query = Mapping[str, Any]


class Connection:
    """Sends calls to one store with one token. Safe to share between threads."""

    def __init__(
        self,
        *,
        base_url: str,
        store_id: int,
        token: str,
        hosts: AllowedHosts,
        pace: Pace,
        clock: Clock,
        person: bool = False,
        listener: CallListener | None = None,
    ) -> None:
        """Prepare the session; nothing is sent yet. Raises `Misconfigured` if `hosts` does not allow the address.

        `person`: somebody waits at a screen for these calls, so they may use what is kept for people.
        """
        self.store_id = store_id
        self.pace = pace
        self.hurried = False  # other stores wait for this thread: reads get less time
        self.hung = False  # the last call timed out, and held its thread until then
        self.skew: timedelta | None = None
        self.blinder = Blinder()  # makes digests of what must not go further in clear
        """How far the store's clock is ahead of ours; None until the store has answered."""
        self._root = f"{base_url.rstrip('/')}/{store_id}"
        self._clock = clock
        self._person = person
        self._dead: NeedsPerson | None = None
        self._session = HttpSession(
            self._root, hosts=hosts, headers={"Authorization": f"Bearer {token}"}, listener=listener
        )

    def close(self) -> None:
        """Close the connections. They are opened again when needed."""
        self._session.close()

    @property
    def refused(self) -> bool:
        """Whether the store has refused this token: every further call fails without being sent."""
        return self._dead is not None

    def store_time(self) -> datetime:
        """Return the present moment by the store's clock, as far as it is known. The store's dates are by that clock."""
        return self._clock.now() + (self.skew or timedelta(0))

    def every(
        self,
        path: str,
        query: Query | None = None,
        *,
        identity: Callable[[Row], Hashable],
        place: ListPosition | None = None,
    ) -> Iterator[Row]:
        """Yield every row of a list, from `place` on. Reads page by page and misses none while the list changes (`paging.py`)."""

        def fetch(offset: int, limit: int) -> Mapping[str, Any]:
            answer = self.read(path, {**(query or {}), "offset": offset, "limit": limit})
            if (
                not isinstance(answer.get("items") or [], list)
                or wire.maybe_whole(answer.get("total") or 0) is None
            ):
                raise self._unreadable("GET", path, "it holds no list")
            return answer

        return every(fetch, identity=identity, place=place)

    def read(self, path: str, query: Query | None = None) -> dict[str, Any]:
        """Send a GET. Temporary failures are retried a few times within seconds, since a read is safe to repeat."""
        attempts = 1
        while _CALL_RETRIES.may_try_again(attempts):
            try:
                return self._call("GET", path, query=query)
            except StoreBusy as busy:  # the pace waits it out before the next call, unless it is too long
                if (busy.retry_at - self._clock.now()).total_seconds() > LONGEST_PAUSE:
                    raise
            except StoreHangs:
                raise
            except TryLater:
                self._clock.sleep(_CALL_RETRIES.pause_before(attempts).total_seconds())
            attempts += 1
        return self._call("GET", path, query=query)

    def write(
        self, method: str, path: str, *, query: Query | None = None, body: Any = None
    ) -> dict[str, Any]:
        """Send a call that changes the store, once. Only a 429 is retried after its wait: it has changed nothing.

        Raises `OutcomeUnknown` when the answer was lost.
        """
        attempts = 1
        while _CALL_RETRIES.may_try_again(attempts):
            try:
                return self._call(method, path, query=query, body=body)
            except StoreBusy as busy:
                if (busy.retry_at - self._clock.now()).total_seconds() > LONGEST_PAUSE:
                    raise
            attempts += 1
        return self._call(method, path, query=query, body=body)

    def ask(self, method: str, path: str, *, query: Query | None = None, body: Any = None) -> HttpAnswer:
        """Send a call once and return the answer as it came, refusals too. Raises for a 402 or 429, and for no answer."""
        answer = self._send(method, path, query=query, body=body)
        if answer.status in {HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.TOO_MANY_REQUESTS}:
            raise self._failure(answer, method, path)
        return answer

    def _call(
        self, method: str, path: str, *, query: Query | None = None, body: Any = None
    ) -> dict[str, Any]:
        answer = self._send(method, path, query=query, body=body)
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return self._parsed(answer, method, path)
        failure = self._failure(answer, method, path)
        if isinstance(failure, StoreDisconnected | PlanLacksApi):
            self._dead = failure
        raise failure

    def _send(self, method: str, path: str, *, query: Query | None, body: Any) -> HttpAnswer:
        """Send a call when the pace allows it and return the answer, whatever its status."""
        if self._dead is not None:
            raise self._dead
        self.pace.wait(person=self._person)
        seconds = _HURRIED if self.hurried and method == "GET" else _ANSWER
        self.hung = False
        try:
            answer = self._session.call(
                method,
                path + wire.query_out(query or {}),
                body=None if body is None else json.dumps(body, allow_nan=False).encode(),
                kind="" if body is None else "application/json",
                seconds=seconds,
            )
        except AnswerTooLarge as fault:
            raise self._unreadable(method, path, str(fault)) from fault
        except CallFailed as fault:
            self.hung = fault.hung
            if method == "GET" or not fault.sent:
                raise self._unreachable(str(fault), hangs=fault.hung) from fault
            raise OutcomeUnknown(f"The store's answer to {method} {path} was lost.") from fault
        self._read_headers(answer.headers)
        return answer

    def _read_headers(self, given: Mapping[str, str]) -> None:
        """Take the store's clock, and how many calls it still allows, from the headers of any answer."""
        skew = headers.clock_skew(given, self._clock.now())
        self.skew = self.skew if skew is None else skew
        if (left := headers.calls_left(given)) is not None:
            self.pace.note_remaining(left)

    def _parsed(self, answer: HttpAnswer, method: str, path: str) -> dict[str, Any]:
        try:
            parsed = parse(unpack(answer.body, answer.headers.get("Content-Encoding", "")))
        except Unreadable as fault:
            raise self._unreadable(method, path, str(fault)) from fault
        if isinstance(parsed, list):
            return {"items": parsed}
        if not isinstance(parsed, dict):
            raise self._unreadable(method, path, "it is neither an object nor a list")
        return parsed

    def _unreadable(self, method: str, path: str, problem: str) -> Exception:
        """Return the error for an answer that can't be read. After a write, nobody knows what the store has done."""
        text = f"The answer of store {self.store_id} to {method} {path} can't be read: {problem}."
        if method != "GET":
            return OutcomeUnknown(text)
        return StoreUnreadable(
            text,
            retry_at=self._clock.now() + timedelta(seconds=5),
            hint=f"Nothing was changed; the call will be retried. Check that {self._root} is the store's API.",
        )

    def _unreachable(self, cause: str, *, hangs: bool = False) -> StoreUnreachable:
        kind, problem = (StoreHangs, "doesn't answer") if hangs else (StoreUnreachable, "can't be reached")
        return kind(
            f"Store {self.store_id} {problem} at {self._root}.",
            retry_at=self._clock.now() + timedelta(seconds=5),
            hint="Nothing was changed. Check that the store can be reached; the worker tries again by itself."
            f" ({cause})",
        )

    def _moved(self, answer: HttpAnswer, method: str, path: str) -> Exception:
        target = wire.host_of(answer.headers.get("Location", ""))
        text = f"Store {self.store_id} answers {method} {path} with a redirect{f' to {target}' if target else ''}."
        if method != "GET" and answer.status not in _NOT_REPEATED:
            return OutcomeUnknown(f"{text} It was not followed.")
        return StoreMoved(
            text,
            hint="No redirect is followed, since codes and addresses would go elsewhere. Correct the store's address "
            f"({self._root}), or run `tillroll store check` once the redirect is gone.",
        )

    def _failure(self, answer: HttpAnswer, method: str, path: str) -> Exception:
        """Return the error for an answer that is not a success; the table is in `errors.py`."""
        status, where = answer.status, f"{method} {path}"
        if status < HTTPStatus.BAD_REQUEST:
            return self._moved(answer, method, path)
        message, code = told(answer.body, answer.headers, answer.reason)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            until = self.pace.block_for(headers.wait_asked(answer.headers, self.store_time()))
            return StoreBusy("The store accepts no more requests this minute.", retry_at=until)
        if status == HTTPStatus.PAYMENT_REQUIRED:
            return PlanLacksApi(
                f"Store {self.store_id} has no API: {message or 'its plan does not include it'}.",
                hint="The store needs a plan with API access (Venture or higher), and must not be suspended.",
            )
        if status == HTTPStatus.FORBIDDEN:
            if not answer.body.strip() and path != _CHEAPEST:
                self._call("GET", _CHEAPEST, query={"responseFields": "generalInfo(storeId)"})
                return _scope_missing(f"The token lacks the permission for {where}.")
            return self._forbidden(answer, message, code)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
            if method == "GET":
                return self._unreachable(f"HTTP {status}")
            return OutcomeUnknown(
                f"The store failed during {where} (HTTP {status}); it may or may not have carried it out."
            )
        if code == "STORE_NOT_FOUND":
            return StoreUnknown(
                f"There is no store {self.store_id} at {self._root}.",
                hint="Check ECWID_STORE_ID and ECWID_API_URL.",
            )
        refusal = {404: StoreSaysNotFound, 409: StoreSaysConflict}.get(status, StoreSaysNo)
        return refusal(message or f"The store refused {where} (HTTP {status}).", status=status, code=code)

    def _forbidden(self, answer: HttpAnswer, message: str, code: str) -> Exception:
        """Return the error for a 403. One with an empty body comes here only if the profile is refused in the same way."""
        if not answer.body.strip() or code == "INVALID_API_TOKEN":
            return StoreDisconnected(
                f"Store {self.store_id} refuses the token: it was revoked, mistyped, or belongs to another store.",
                hint="Copy the secret token from the store's admin (Apps → your app), then set ECWID_TOKEN to it"
                f" or run: tillroll store connect --id {self.store_id} --token-stdin",
            )
        return _scope_missing(f"The token lacks a permission: {message or code}.")


def _scope_missing(message: str) -> ScopeMissing:
    return ScopeMissing(
        message,
        hint="Add the missing scope to the app, reinstall the app in the store, and set ECWID_TOKEN to its new token.",
    )
