"""One recipient as a plan freezes them, and some of many, evenly spread. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Recipient:
    """Everything that a message can show of somebody, with their arm and their own value."""

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
        """From a row, which may hold more."""
        return cls(**{one.name: row[one.name] for one in fields(cls)})


class Sample:
    """Keeps some of a stream whose length nobody knows, spread evenly over it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._every = 1
        self._seen = 0
        self._kept: list[Recipient] = []

    def take(self, row: Mapping[str, Any]) -> None:
        """Look at one more."""
        if self._seen % self._every == 0:
            self._kept.append(Recipient.of(row))
            if len(self._kept) == 2 * self._most:
                self._kept = self._kept[::2]
                self._every *= 2
        self._seen += 1

    def kept(self) -> tuple[Recipient, ...]:
        """At most so many, from the first to near the last."""
        count = len(self._kept)
        if count <= self._most:
            return tuple(self._kept)
        return tuple(self._kept[index * count // self._most] for index in range(self._most))


def masked_email(email: str) -> str:
    """Enough of an address to recognise a customer by, and no more."""
    name, at, domain = email.partition("@")
    start, end = (name[:2], name[-2:]) if len(name) > 6 else (name[:1], "")
    return f"{start}•••{end}{at}{domain}"
