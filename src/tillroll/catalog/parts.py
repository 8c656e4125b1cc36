"""What an import works with, handed in by the command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.engine import Engine

from tillroll.clock import Clock
from tillroll.ecwid.client import Client


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """The ledger, one store's API, the time, and a source of deduplication keys."""

    engine: Engine
    client: Client
    clock: Clock
    store_id: int  # the ledger's number of the store
    new_key: Callable[[], str]
