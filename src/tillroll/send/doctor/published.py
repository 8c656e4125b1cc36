"""What a domain publishes in the DNS about its e-mails. Each look-up is bounded, and one that fails is told as such."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import dns.exception
import dns.name
import dns.resolver

_SECONDS = 5.0


class NotAnswered(Exception):
    """A look-up got no answer, so nobody knows what is published. The text says why."""


class DnsRecords(Protocol):
    """A source of what is published."""

    def texts(self, name: str) -> Sequence[str]:
        """Return the TXT records of a name; empty if it has none. Raises `NotAnswered`."""
        ...

    def mail_servers(self, name: str) -> Sequence[str]:
        """Return the hosts that take a domain's mail, `.` for none at all (RFC 7505). Raises `NotAnswered`."""
        ...

    def has_address(self, name: str) -> bool:
        """Return whether a name leads to a machine. Raises `NotAnswered`."""
        ...


class LiveDns:
    """The DNS, as this machine or one server of it answers."""

    def __init__(self, server: str = "", *, port: int = 53, seconds: float = _SECONDS) -> None:
        """`server`: the address of a DNS server; empty: those of this machine."""
        self._resolver = dns.resolver.Resolver(configure=not server)
        if server:
            self._resolver.nameservers, self._resolver.port = [server], port
        self._seconds = seconds

    def texts(self, name: str) -> Sequence[str]:
        return [b"".join(row.strings).decode("utf-8", "replace") for row in self._rows(name, "TXT")]

    def mail_servers(self, name: str) -> Sequence[str]:
        rows = sorted(self._rows(name, "MX"), key=lambda row: row.preference)
        return [str(row.exchange).rstrip(".").lower() or "." for row in rows]

    def has_address(self, name: str) -> bool:
        return bool(self._rows(name, "A") or self._rows(name, "AAAA"))

    def _rows(self, name: str, kind: str) -> Sequence[Any]:
        try:
            absolute = dns.name.from_text(name.rstrip(".") + ".")
            return list(
                self._resolver.resolve(absolute, kind, lifetime=self._seconds, raise_on_no_answer=False)
            )
        except dns.resolver.NXDOMAIN:
            return []
        except (dns.exception.DNSException, OSError, ValueError) as fault:
            raise NotAnswered(type(fault).__name__) from fault
