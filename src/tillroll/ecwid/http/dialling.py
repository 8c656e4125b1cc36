"""Opening a connection: the host is looked up once, every address is checked, and only checked addresses are connected to.

The look-up and the connection are one step, so no second answer of the name server can lead elsewhere (DNS rebinding). TLS still
checks the certificate for the host's name. All of it, with the TLS handshake, has one time limit.
"""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable
from ipaddress import ip_address

from tillroll.clock import SystemClock
from tillroll.ecwid.http.hosts import Destination, is_public, private_address

_CLOCK = SystemClock()
_MOST_ADDRESSES = 4  # of a host are tried

Resolver = Callable[[str, int], list[str]]
"""(host, port) → its IP addresses. Raises `OSError`."""


def look_up(host: str, port: int) -> list[str]:
    """Return a host's addresses, as the machine's resolver orders them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def dial(to: Destination, *, seconds: float, resolver: Resolver) -> socket.socket:
    """Return a socket that is connected to a host; what is left of the time is its time-out.

    Raises `TimeoutError`, `OSError`, and `Misconfigured` if the host leads into a private network and may not.
    """
    ends = _CLOCK.monotonic() + seconds
    addresses = _within(seconds, resolver, to)[:_MOST_ADDRESSES]
    if not to.may_be_private and not all(
        is_public(ip_address(known.partition("%")[0])) for known in addresses
    ):
        raise private_address(to.host)
    fault: OSError = OSError(f"{to.host} has no address")
    for address in addresses:
        left = ends - _CLOCK.monotonic()
        if left <= 0:
            raise TimeoutError(f"no connection to {to.host} in time")
        try:
            connected = socket.create_connection((address, to.port), timeout=left)
        except OSError as failed:
            fault = failed
            continue
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.settimeout(max(0.001, ends - _CLOCK.monotonic()))
        return connected
    raise fault


def _within(seconds: float, resolver: Resolver, to: Destination) -> list[str]:
    """Look a host up in a thread, because the system's look-up has no time limit of its own."""
    answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(resolver(to.host, to.port))
        except Exception as fault:
            answers.put(fault)

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer from the name server for {to.host}") from None
    if isinstance(answer, UnicodeError):  # a name that can't be written in DNS
        raise OSError(f"{to.host} is not a host name") from answer
    if isinstance(answer, Exception):
        raise answer
    return answer
