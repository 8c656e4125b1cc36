"""What minting works with, handed in by the loop."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.engine import Engine

from tillroll.clock import Clock
from tillroll.ecwid.client import Client


@dataclass(frozen=True, kw_only=True)
class Mint:
    """The ledger, one store's API, and the time."""

    engine: Engine
    client: Client
    clock: Clock
    store_id: int  # the ledger's number of the store
