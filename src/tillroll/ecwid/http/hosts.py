"""Which hosts may be called: a list of names, `https`, and no address of a private network that the operator has not named.

A store's address comes from a person (`tillroll store connect --url`) or from the ledger. Without these rules it could point at
this machine or at its neighbours, such as a cloud's metadata service (169.254.169.254), and receive the token.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from tillroll.errors import Misconfigured

_PORTS = {"https": 443, "http": 80}
_NAT64 = IPv6Network("64:ff9b::/96")  # the last 32 bits are an IPv4 address


@dataclass(frozen=True, kw_only=True)
class Destination:
    """A host that may be called."""

    host: str
    port: int
    secure: bool  # https
    may_be_private: bool  # whether its addresses may be those of a private network
    path: str  # what every path begins with


@dataclass(frozen=True, kw_only=True)
class AllowedHosts:
    """The rules of an installation."""

    named: frozenset[str] = frozenset()  # in lower case; the operator named them: they may be private
    others: bool = True  # whether a public host that the operator did not name may be called
    private: bool = False  # any host may be private, and may be called without encryption (sandbox)

    @classmethod
    def of(
        cls, addresses: Iterable[str], *, hosts: Iterable[str] = (), private: bool = False
    ) -> AllowedHosts:
        """Return rules for the operator's addresses. When `hosts` are given too, no other host may be called."""
        listed = frozenset(host.lower() for host in hosts)
        own = frozenset(host for address in addresses if (host := urlsplit(address).hostname))
        return cls(named=listed | own, others=not listed, private=private)

    def destination(self, address: str) -> Destination:
        """Return where an address leads. Raises `Misconfigured` if it may not be called."""
        parts, port = _split(address)
        host = (parts.hostname or "").lower()
        if not self.others and host not in self.named:
            raise Misconfigured(
                f"{host} is not one of the hosts that Tillroll may call.",
                hint="If the address is right, add the host to TILLROLL_HOSTS.",
            )
        may_be_private = self.private or host in self.named
        local = host == "localhost" or ((known := _literal(host)) is not None and known.is_loopback)
        if parts.scheme == "http" and not (self.private or (may_be_private and local)):
            raise Misconfigured(
                f"The address {parts.scheme}://{host} is not encrypted, so the token could be read on its way.",
                hint="Use https://. Only a sandbox store is called by http:// (TILLROLL_ENVIRONMENT=sandbox).",
            )
        literal = _literal(host)
        if literal is not None and not may_be_private and not is_public(literal):
            raise private_address(host)
        return Destination(
            host=host,
            port=port,
            secure=parts.scheme == "https",
            may_be_private=may_be_private,
            path=parts.path.rstrip("/"),
        )


def private_address(host: str) -> Misconfigured:
    """Return the error for a host that leads into a private network."""
    return Misconfigured(
        f"{host} is an address of this machine or of a private network, where no store is.",
        hint="If it is a store of yours, add the host to TILLROLL_HOSTS; for a sandbox store, set "
        "TILLROLL_ENVIRONMENT=sandbox.",
    )


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Return whether an address belongs to the public internet, also by the IPv4 address inside an IPv6 one."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFF_FFFF)
        if address.teredo is not None or (inner is not None and not is_public(inner)):
            return False
        if address.ipv4_mapped is not None:
            return True
    return address.is_global and not address.is_multicast


def _split(address: str) -> tuple[SplitResult, int]:
    """Return the parts and the port of an address. Raises `Misconfigured` unless it is scheme, host, port and path."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:  # a port that is no number, or half an IPv6 address
        parts, port = SplitResult("", "", "", "", ""), None
    plain = address.isascii() and address.isprintable() and not {" ", "\\"} & set(address)
    extras = parts.username is not None or parts.query or parts.fragment
    if not plain or extras or parts.scheme not in _PORTS or not parts.hostname:
        raise Misconfigured(
            "The address of the store's API is not valid.",
            hint="Write it like https://app.ecwid.com/api/v3: no user name, no query, plain letters.",
        )
    return parts, port or _PORTS[parts.scheme]


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a host is written as; None for a name."""
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None
