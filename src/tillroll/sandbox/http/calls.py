"""A request to an endpoint, and the row of a table that says who answers it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tillroll.sandbox.formats.wire import Query
from tillroll.sandbox.state.store import SandboxStore


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request to an endpoint."""

    store: SandboxStore
    ids: tuple[str, ...]  # of the path, decoded
    query: Query
    body: Any

    @property
    def id(self) -> str:
        """Return the first id of the path."""
        return self.ids[0]

    @property
    def inner(self) -> str:
        """Return the second id of the path, of something that belongs to the first."""
        return self.ids[1]


@dataclass(frozen=True, kw_only=True)
class Route:
    """One row of the API's endpoint tables."""

    method: str
    path: str
    pattern: re.Pattern[str]
    scope: str  # "" if none is needed, nor a token
    answer: Callable[[Call], Any]


def route(method: str, path: str, scope: str, answer: Callable[[Call], Any]) -> Route:
    """Return a row of a table; `{id}` stands for any word."""
    pattern = re.compile(path.replace("{id}", "([^/]+)") + "/?")
    return Route(method=method, path=path, pattern=pattern, scope=scope, answer=answer)
