"""Which mail server messages are handed to, and how its certificate is checked."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from tillroll.campaign.text.units import Pacing, parse_rate
from tillroll.errors import Misconfigured

_NAME = re.compile(r"[A-Za-z0-9.-]{1,255}|\[[0-9A-Fa-f:.A-Za-z]{2,64}\]")  # a host, or an address in brackets


_DIGITS = re.compile(r"[0-9]{1,6}")
MOST_CONNECTIONS = 50
"""At once. A Postfix server takes no more from one address, unless it is told to."""

_MOST_MESSAGES = 100_000


@dataclass(frozen=True, kw_only=True)
class SmtpServer:
    """The mail server that messages are handed to."""

    host: str
    port: int
    user: str  # empty: no login
    password: str
    tls: bool  # encrypted from the first byte (smtps)
    starttls: bool  # encrypted if the server offers it
    is_checked: bool = True  # its certificate; and no password goes to it without encryption
    helo: str | None = None  # the name that we greet it by; None: this machine's
    connections: int = 1  # at once
    per_connection: int | None = None  # messages on a connection; None: as many as the server takes
    rate: Pacing | None = None  # the most that leave in so long; None: as many as can

    @classmethod
    def from_url(cls, url: str) -> SmtpServer:
        """Read `smtp://user:password@host:587` (STARTTLS if offered) or `smtps://…:465`. Raises `Misconfigured`.

        `smtp+insecure://` and `smtps+insecure://` accept any certificate, and give the password without encryption too.
        `?helo=shop.example` is the name that we greet the server by; some want a full one. `?connections=4&per_connection=100`:
        so many connections at once, with so many e-mails on each. `?rate=600/m`: no more than that.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as fault:
            raise Misconfigured(
                "The address is not valid.", hint="Write it like smtp://user:password@host:587"
            ) from fault
        scheme, _, insecure = parts.scheme.partition("+")
        if scheme not in {"smtp", "smtps"} or insecure not in {"", "insecure"} or not parts.hostname:
            raise Misconfigured(
                "The address must begin with smtp:// or smtps:// and name a host.",
                hint="Write it like smtp://user:password@host:587",
            )
        tls = scheme == "smtps"
        options = _options(parts.query)
        return cls(
            host=parts.hostname,
            port=port or (465 if tls else 587),
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            tls=tls,
            starttls=not tls,
            is_checked=not insecure,
            helo=options.helo,
            connections=options.connections,
            per_connection=options.per_connection,
            rate=options.rate,
        )


@dataclass(frozen=True, kw_only=True)
class _Options:
    """What follows the `?` in the address."""

    helo: str | None = None
    connections: int = 1
    per_connection: int | None = None
    rate: Pacing | None = None


def _options(query: str) -> _Options:
    given = dict(parse_qsl(query, keep_blank_values=True))
    helo, rate = given.pop("helo", None), given.pop("rate", None)
    if helo is not None and not _NAME.fullmatch(helo):
        raise _not_understood()
    try:
        options = _Options(
            helo=helo,
            connections=_count(given.pop("connections", "1"), MOST_CONNECTIONS),
            per_connection=_count(given.pop("per_connection"), _MOST_MESSAGES)
            if "per_connection" in given
            else None,
            rate=parse_rate(rate) if rate is not None else None,
        )
    except ValueError as fault:
        raise _not_understood() from fault
    if given:
        raise _not_understood()
    return options


def _count(text: str, most: int) -> int:
    if not _DIGITS.fullmatch(text) or not 0 < int(text) <= most:
        raise ValueError(text)
    return int(text)


def _not_understood() -> Misconfigured:
    return Misconfigured(
        "The address has an option that isn't understood.",
        hint=(
            "There are: ?helo=shop.example (the name that the server is greeted by),"
            f" connections=4 (at once, at most {MOST_CONNECTIONS}), per_connection=100 (e-mails), rate=600/m"
        ),
    )


def trusting(server: SmtpServer) -> ssl.SSLContext:
    """Return how the server's certificate is checked: by the machine's list of authorities, and for the server's name."""
    context = ssl.create_default_context()
    if not server.is_checked:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
