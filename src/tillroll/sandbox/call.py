"""One request as its handler sees it, what a handler may refuse it with, and how a route is declared."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tillroll.sandbox.query import Query
from tillroll.sandbox.refusal import Refusal
from tillroll.sandbox.switches import Switches

__all__ = ["Call", "Grant", "Handler", "Refusal", "Route", "found"]


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What a token lets its holder do in one store."""

    store_id: int
    token: str
    client_id: str
    scopes: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request that passed the door, with the connection its work happens on."""

    db: sqlite3.Connection
    grant: Grant
    now: datetime
    switches: Switches
    ids: Mapping[str, str]  # the named parts of the path, decoded
    query: Query
    body: Any  # parsed JSON, None when there was none

    @property
    def store_id(self) -> int:
        return self.grant.store_id

    @property
    def at(self) -> int:
        """Now, in whole UNIX seconds: the precision of every date the API shows."""
        return int(self.now.timestamp())

    def touch(self, area: str) -> None:
        """Note for `GET /latest-stats` that something of this area changed."""
        self.db.execute("INSERT OR REPLACE INTO stamps VALUES (?, ?, ?)", (self.store_id, area, self.at))


Handler = Callable[[Call], Any]


@dataclass(frozen=True, kw_only=True)
class Route:
    """One endpoint: `/discount_coupons/{identifier}` with its method, scope and handler."""

    method: str
    path: str
    handler: Handler
    scopes: frozenset[str]  # all of them are needed

    @property
    def writes(self) -> bool:
        return self.method != "GET"


def found(row: sqlite3.Row | None, *, code: str, message: str) -> sqlite3.Row:
    """The row, or the API's 404 for its kind."""
    if row is None:
        raise Refusal(404, code, message)
    return row
