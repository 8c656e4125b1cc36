"""A recipient as frozen in a plan, and an evenly spread sample of recipients. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Recipient:
    """All facts about one person that a message can show, with their arm and their own value."""

    customer_id: int
    email: str
    name: str
    first_name: str
    language: str
    country: str
    arm: str = ""
    value: Decimal | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Recipient:
        """Read a recipient from a row, which may have more columns."""
        return cls(**{field.name: row[field.name] for field in fields(cls)})


class Sample:
    """A sample of a stream of unknown length, spread evenly over it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._every = 1
        self._seen = 0
        self._kept: list[Recipient] = []

    def take(self, row: Mapping[str, Any]) -> None:
        """Take the next row of the stream."""
        if self._seen % self._every == 0:
            self._kept.append(Recipient.of(row))
            if len(self._kept) == 2 * self._most:
                self._kept = self._kept[::2]
                self._every *= 2
        self._seen += 1

    def kept(self) -> tuple[Recipient, ...]:
        """Return the sample: at most `most` recipients, from the first to near the last."""
        count = len(self._kept)
        if count <= self._most:
            return tuple(self._kept)
        return tuple(self._kept[index * count // self._most] for index in range(self._most))


def mask_email(email: str) -> str:
    """Return an address masked as `an•••ak@mail.example`, enough to recognise a customer."""
    name, at, domain = email.partition("@")
    start, end = (name[:2], name[-2:]) if len(name) > 6 else (name[:1], "")
    return f"{start}•••{end}{at}{domain}"


def mask_code(code: str, prefix: str = "") -> str:
    """Return a code's prefix and its last two characters. Whoever sees a whole code can spend it."""
    shown_prefix = prefix if prefix and code.startswith(prefix) and len(code) > len(prefix) + 2 else ""
    return f"{shown_prefix}{'•' * 6}{code[-2:]}"
