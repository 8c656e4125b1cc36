"""Which mail server messages are handed to, and how its certificate is checked."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from tillroll.errors import Misconfigured

_NAME = re.compile(r"[A-Za-z0-9.-]{1,255}|\[[0-9A-Fa-f:.A-Za-z]{2,64}\]")  # a host, or an address in brackets


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

    @classmethod
    def from_url(cls, url: str) -> SmtpServer:
        """Read `smtp://user:password@host:587` (STARTTLS if offered) or `smtps://…:465`. Raises `Misconfigured`.

        `smtp+insecure://` and `smtps+insecure://` accept any certificate, and give the password without encryption too.
        `?helo=shop.example` is the name that we greet the server by; some want a full one.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as fault:
            raise Misconfigured(
                "SMTP_URL is not a valid address.", hint="Write it like smtp://user:password@host:587"
            ) from fault
        scheme, _, insecure = parts.scheme.partition("+")
        if scheme not in {"smtp", "smtps"} or insecure not in {"", "insecure"} or not parts.hostname:
            raise Misconfigured(
                "SMTP_URL must begin with smtp:// or smtps:// and name a host.",
                hint="Write it like smtp://user:password@host:587",
            )
        tls = scheme == "smtps"
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        helo = options.pop("helo", None)
        if options or (helo is not None and not _NAME.fullmatch(helo)):
            raise Misconfigured(
                "SMTP_URL has an option that isn't understood.",
                hint="The only one is the name that the server is greeted by, like ?helo=shop.example",
            )
        return cls(
            host=parts.hostname,
            port=port or (465 if tls else 587),
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            tls=tls,
            starttls=not tls,
            is_checked=not insecure,
            helo=helo,
        )


def trusting(server: SmtpServer) -> ssl.SSLContext:
    """Return how the server's certificate is checked: by the machine's list of authorities, and for the server's name."""
    context = ssl.create_default_context()
    if not server.is_checked:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
