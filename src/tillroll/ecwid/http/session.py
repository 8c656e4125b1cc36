"""The only place that opens HTTP connections: to one host, without redirects, cookies or proxies, and with bounded answers."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import certifi
import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import ClosedPoolError, ConnectTimeoutError, HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as TooSlow

from tillroll.ecwid.http.bounded import PlainPool, SecurePool, TooLarge
from tillroll.ecwid.http.dialling import Resolver, look_up
from tillroll.ecwid.http.hosts import AllowedHosts

CONNECTING = 5.0
"""Seconds for the look-up, the connection and its TLS handshake together."""
_KEPT = 4  # connections
_PIECE = 64 * 1024


class CallFailed(Exception):
    """No complete answer came. The text names the cause."""

    def __init__(self, reason: str, *, sent: bool, hung: bool, untrusted: bool = False) -> None:
        super().__init__(reason)
        self.untrusted = untrusted  # whether the host's certificate is not one that we trust
        self.sent = sent  # whether the host may have received the request
        self.hung = hung  # whether it took too long


class AnswerTooLarge(CallFailed):
    """The answer has more bytes than any honest one."""


@dataclass(frozen=True, kw_only=True)
class HttpAnswer:
    """An answer as it came; its body may be packed."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes


CallListener = Callable[[str, str, bytes | None, HttpAnswer | None], None]
"""Told of a call: its method, its path, its body, and the answer (None: there was none)."""


class _Adapter(HTTPAdapter):
    """Sends every request of a session over the connections of one pool, which check the certificate by themselves."""

    def __init__(self, pool: HTTPConnectionPool) -> None:
        super().__init__(max_retries=0)
        self._pool = pool

    def get_connection_with_tls_context(self, *_given: Any, **_named: Any) -> HTTPConnectionPool:
        return self._pool

    def cert_verify(self, *_given: Any, **_named: Any) -> None:
        """Leave the pool's TLS settings as they are: reading the certificates anew would cost each connection long."""

    def close(self) -> None:
        super().close()
        self._pool.close()


class HttpSession:
    """Calls to one host. Safe to share between threads."""

    def __init__(
        self,
        address: str,
        *,
        hosts: AllowedHosts,
        headers: Mapping[str, str],
        connecting: float = CONNECTING,
        resolver: Resolver = look_up,
        certificates: str | None = None,
        listener: CallListener | None = None,
    ) -> None:
        """Prepare calls below `address`. Raises `Misconfigured` if the rules forbid it.

        `certificates` is a file of trusted certificates, instead of the usual ones. `listener` is told of every call.
        """
        self._listener = listener
        self._to = hosts.destination(address)
        self._root = f"{'https' if self._to.secure else 'http'}://{_in_address(self._to.host)}:{self._to.port}{self._to.path}"
        self._headers = {"Accept": "application/json", "Accept-Encoding": "gzip", **headers}
        self._connecting, self._resolver, self._certificates = connecting, resolver, certificates
        self._session = self._new_session()

    def close(self) -> None:
        """Close the connections. They are opened again when needed."""
        self._session.close()
        self._session = self._new_session()

    def call(
        self,
        method: str,
        path: str,
        *,
        seconds: float,
        body: bytes | None = None,
        kind: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> HttpAnswer:
        """Send a request and return the whole answer, within `seconds`. `kind` is the type of the body.

        `headers` are those of this call alone.

        Raises `CallFailed`, and `Misconfigured` if the host leads into a private network and may not.
        """
        answer: HttpAnswer | None = None
        try:
            also = {"Content-Type": kind, **(headers or {})} if kind else headers
            answer = self._answer(method, path, seconds, body, also)
        finally:
            if self._listener is not None:
                self._listener(method, path, body, answer)
        return answer

    def _answer(
        self, method: str, path: str, seconds: float, body: bytes | None, headers: Mapping[str, str] | None
    ) -> HttpAnswer:
        try:
            answer = self._session.request(
                method,
                self._root + path,
                data=body,
                headers=headers,
                allow_redirects=False,
                stream=True,
                timeout=(self._connecting, seconds),
            )
            with answer:
                # as it came: what it would be when it is unpacked is bounded elsewhere
                pieces = list(iter(lambda: answer.raw.read(_PIECE, decode_content=False), b""))
        except (requests.RequestException, HTTPError, OSError) as fault:
            raise _failed(fault) from fault
        return HttpAnswer(
            status=answer.status_code,
            reason=answer.reason or "",
            headers=answer.headers,
            body=b"".join(pieces),
        )

    def _new_session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False  # no proxies and no .netrc of the machine
        session.headers.clear()
        session.headers.update(self._headers)
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        session.adapters.clear()
        session.mount(self._root, _Adapter(self._new_pool()))
        return session

    def _new_pool(self) -> HTTPConnectionPool:
        named: dict[str, Any] = {"maxsize": _KEPT, "to": self._to, "resolver": self._resolver}
        if self._to.secure:
            context = _context(self._certificates or certifi.where())
            return SecurePool(self._to.host, self._to.port, ssl_context=context, **named)
        return PlainPool(self._to.host, self._to.port, **named)


def _in_address(host: str) -> str:
    """Return a host as an address has it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


@cache
def _context(certificates: str) -> ssl.SSLContext:
    """Return the TLS settings: made once, because reading the certificates takes long."""
    return ssl.create_default_context(cafile=certificates)


def _failed(fault: Exception) -> CallFailed:
    """Return the error for a call without a complete answer. Each layer may have wrapped the cause in an error of its own."""
    causes = list(_causes(fault))
    reason = next((str(cause) for cause in reversed(causes) if str(cause)), type(fault).__name__)
    if any(isinstance(cause, TooLarge) for cause in causes):
        return AnswerTooLarge("the answer is too large", sent=True, hung=False)
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return CallFailed(reason, sent=False, hung=False, untrusted=True)
    if any(isinstance(cause, ConnectTimeoutError) for cause in causes):
        return CallFailed(reason, sent=False, hung=True)
    if any(isinstance(cause, NewConnectionError | ClosedPoolError) for cause in causes):
        return CallFailed(reason, sent=False, hung=False)
    hung = any(isinstance(cause, TooSlow | TimeoutError) for cause in causes)
    return CallFailed(reason, sent=True, hung=hung)


def _causes(fault: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that it wraps, the innermost last."""
    waiting, seen = [fault], {id(fault)}
    while waiting:
        cause = waiting.pop(0)
        yield cause
        inner = (*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__)
        for each in inner:
            if isinstance(each, BaseException) and id(each) not in seen:
                seen.add(id(each))
                waiting.append(each)
