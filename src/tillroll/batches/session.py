"""A store session: what work on one store needs, as one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.engine import Engine

from tillroll.clock import Clock
from tillroll.ecwid.client import Client


@dataclass(frozen=True, kw_only=True)
class StoreSession:
    """The ledger, one store's API and the time.

    A deadline is not part of it: every slice of work has its own, so a function that needs one takes it beside the session.
    """

    engine: Engine  # of the ledger
    client: Client  # of the store's API
    store_id: int  # the ledger's number of the store
    clock: Clock


@dataclass(frozen=True, kw_only=True)
class BatchSession(StoreSession):
    """A store session that can send batches."""

    new_key: Callable[[], str]  # draws a fresh deduplication key
