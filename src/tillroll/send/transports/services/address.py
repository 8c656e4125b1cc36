"""The address of a mail service, like `postmark://TOKEN@?batch=50`: which service it is, its key and its options."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from tillroll.campaign.language.models import Via
from tillroll.ecwid.http.hosts import AllowedHosts
from tillroll.ecwid.http.session import HttpSession
from tillroll.errors import Misconfigured

_MOST_CONNECTIONS = 4  # that a session keeps open
_PARTS = re.compile(r"(?P<scheme>[a-z+]+)://(?P<rest>[^?#]*)(?:\?(?P<query>[^#]*))?", re.IGNORECASE)
_KEY = re.compile(r"[\x21-\x7e]{1,500}")
_HOST = re.compile(r"[A-Za-z0-9.-]{0,255}(?::\d{1,5})?")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*")


@dataclass(frozen=True, kw_only=True)
class ServiceAddress:
    """A mail service, as MAIL_URL names it."""

    via: Via
    scheme: str
    key: str = field(repr=False)  # what is before the @, up to its first colon; empty: none
    secret: str = field(repr=False)  # what follows the colon; empty: none
    host: str  # what follows the @: a domain or a region; empty: none
    path: str
    options: Mapping[str, str] = field(repr=False)
    example: str  # how such an address is written

    @classmethod
    def from_url(cls, url: str, via: Via, *, example: str) -> ServiceAddress:
        """Read an address. Raises `Misconfigured`, without showing any of it."""
        found = _PARTS.fullmatch(url.strip())
        if found is None:
            raise _unlike(example)
        credentials, at, place = found["rest"].rpartition("@")
        if not at and "@" not in url:
            credentials, place = "", found["rest"]
        host, slash, path = place.partition("/")
        key, _, secret = credentials.partition(":")
        if not _HOST.fullmatch(host) or not _PATH.fullmatch(slash + path):
            raise _unlike(example)
        try:
            options = dict(parse_qsl(found["query"] or "", keep_blank_values=True, max_num_fields=20))
        except ValueError as fault:
            raise _unlike(example) from fault
        return cls(
            via=via,
            scheme=found["scheme"].lower(),
            key=unquote(key),
            secret=unquote(secret),
            host=host,
            path=(slash + path).rstrip("/"),
            options=options,
            example=example,
        )

    def needed_key(self) -> str:
        """Return the key. Raises `Misconfigured` if there is none that a header can carry."""
        if not _KEY.fullmatch(self.key):
            raise Misconfigured(
                "The address has no key of the mail service.", hint=f"Write it like {self.example}"
            )
        return self.key

    def needed_secret(self) -> str:
        """Return the second part of the key. Raises `Misconfigured` if there is none."""
        if not _KEY.fullmatch(self.secret):
            raise Misconfigured(
                "The address has no secret beside the key of the mail service.",
                hint=f"Write it like {self.example}",
            )
        return self.secret

    def needed_host(self, what: str) -> str:
        """Return what follows the @. Raises `Misconfigured` if it is missing; `what` says what it would be."""
        if not self.host or ":" in self.host:
            raise Misconfigured(f"The address lacks {what}.", hint=f"Write it like {self.example}")
        return self.host.lower()

    def only(self, *names: str) -> None:
        """Raise `Misconfigured` if the address has other options than these, `batch`, `connections` and `api`."""
        known = {*names, "batch", "connections", "api"}
        unknown = sorted(set(self.options) - known)
        if unknown:
            raise Misconfigured(
                f"The address has an option that isn't understood: {unknown[0][:30]}.",
                hint=f"A {self.via.value} address takes: {', '.join(sorted(known))}.",
            )

    def in_region(self, base: str, *, eu: str) -> str:
        """Return the service's own address: that of Europe with `?region=eu`."""
        return eu if self.options.get("region") == "eu" else base

    def batch(self, most: int) -> int:
        """Return how many e-mails a request holds. Raises `Misconfigured` if that is no number up to `most`."""
        raw = self.options.get("batch", "1")
        if raw.isascii() and raw.isdigit() and len(raw) < 6 and 1 <= int(raw) <= most:
            return int(raw)
        raise Misconfigured(
            "The number of e-mails in one request (batch in the address) isn't possible.",
            hint=f"With {self.via.value} it is a whole number from 1 to {most}.",
        )

    def connections(self) -> int:
        """Return how many requests are made at once. Raises `Misconfigured` if that is no number from 1 to 4."""
        raw = self.options.get("connections", str(_MOST_CONNECTIONS))
        if raw in {str(number) for number in range(1, _MOST_CONNECTIONS + 1)}:
            return int(raw)
        raise Misconfigured(
            "The number of requests at once (connections in the address) isn't possible.",
            hint=f"It is a whole number from 1 to {_MOST_CONNECTIONS}.",
        )

    def session(self, base: str, headers: Mapping[str, str]) -> HttpSession:
        """Return a session with the service: at its own address, or the one that `?api=https://…` names."""
        place = self.options.get("api", base)
        try:
            return HttpSession(place, hosts=AllowedHosts.of([place]), headers=headers)
        except Misconfigured as fault:
            raise Misconfigured(
                "The address leads to a place that e-mails can't be posted to.",
                hint="It must be https:// with a host; http:// is for this machine only.",
            ) from fault


def _unlike(example: str) -> Misconfigured:
    return Misconfigured("The address is not valid.", hint=f"Write it like {example}")
