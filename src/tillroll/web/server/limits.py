"""The limits of a request before the app sees it, and how long a connection may take for each of its phases."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv6Address, ip_address

HEADER_BYTES = 16 * 1024
"""Of the request line and all header fields together."""
HEADER_FIELDS = 60
LINE_BYTES = 4 * 1024
"""Of the request line: method, path and query."""
BODY_BYTES = 64 * 1024
HOOK_BYTES = 1024 * 1024
"""Of the body of what a mail service tells: it collects its events."""
HOOKS = "/hooks/mail/"
"""How the addresses of mail services begin."""
THREADS = 8
"""Of one process, for pages."""
QUICK_THREADS = 2
"""Of one process, for what must be answered while all other threads are busy."""
QUICK_PATHS = ("/healthz", "/webhooks/", "/events/", "/hooks/")
PER_ADDRESS = 50
"""Connections of one address, in one process, that have waited for the client for longer than `PATIENCE`."""
PATIENCE = 3.0  # seconds
_CONNECTIONS = 1_000
_OTHER_FILES = 224
"""Files that a process has open besides its connections: the ledger, its pool, logs."""


class Phase(Enum):
    """What a connection waits for."""

    IDLE = "the first byte of a request"
    HEADER = "the rest of the header"
    BODY = "the rest of the body"
    AT_WORK = "the app"
    ANSWER = "the client to read the answer"
    LINGER = "the client to stop sending what was refused"


@dataclass(frozen=True, kw_only=True)
class Tempo:
    """How fast a client must be: after `first` seconds at `rate` bytes a second, and done after `whole` seconds."""

    first: float
    rate: float
    whole: float

    def seconds_for(self, moved: int) -> float:
        """Return how long a client may have taken that has moved this many bytes."""
        return min(self.whole, self.first + moved / self.rate)


TEMPOS = {
    Phase.IDLE: Tempo(first=15, rate=1, whole=15),
    Phase.HEADER: Tempo(first=10, rate=1_000, whole=20),
    Phase.BODY: Tempo(first=10, rate=2_000, whole=30),
    Phase.LINGER: Tempo(first=2, rate=1_000_000, whole=2),
    Phase.ANSWER: Tempo(first=30, rate=4_000, whole=180),
}


def is_too_slow(phase: Phase, *, seconds: float, moved: int) -> bool:
    """Return whether a client has taken too long for a phase in which it has moved so many bytes."""
    tempo = TEMPOS.get(phase)
    return tempo is not None and seconds > tempo.seconds_for(moved)


def most_connections() -> int:
    """Return how many connections a process may hold: a thousand, or fewer where it may open few files."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _CONNECTIONS if soft == resource.RLIM_INFINITY else max(64, min(_CONNECTIONS, soft - _OTHER_FILES))


def neighbourhood(address: str) -> str:
    """Return what the bound per address counts by: an IPv4 address, or the first half of an IPv6 address.

    A customer of an IPv6 network usually has a whole half to themselves.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped else str(IPv6Address(int(parsed) >> 64 << 64))
    return str(parsed)
