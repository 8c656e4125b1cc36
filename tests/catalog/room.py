"""What the catalogue's tests work with: a room on a sandbox store, and a clock whose pauses pass at once."""

from __future__ import annotations

import csv
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tillroll.catalog.decide import Counts
from tillroll.catalog.journal import counts, failures
from tillroll.catalog.parts import Catalogue
from tillroll.catalog.shape import of_product, of_variation
from tillroll.ecwid.client import Client
from tillroll.mint.draw import new_key
from tillroll.wiring import Services


class Hurried:
    """A clock that is moved on by every pause instead of waiting it out."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead.total_seconds()

    def sleep(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)
        time.sleep(min(seconds, 0.005))


def room_of(services: Services, client: Client) -> Catalogue:
    return Catalogue(engine=services.engine, client=client, clock=Hurried(), store_id=1, new_key=new_key)


def quiet(_tally: Counts) -> None:
    """Nobody watches."""


def write_csv(path: Path, *rows: dict[str, str]) -> Path:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, columns, restval="")
        out.writeheader()
        out.writerows(rows)
    return path


def tally(room: Catalogue, import_id: int) -> Counts:
    with room.engine.connect() as connection:
        return counts(connection, import_id)


def reasons(room: Catalogue, import_id: int) -> dict[str, str]:
    return {row.sku: row.reason for row in failures(room.engine, import_id)}


def shop(client: Client) -> dict[str, dict[str, Any]]:
    """Every product and variation by its SKU."""
    found: dict[str, dict[str, Any]] = {}
    for product in client.products.every():
        found[product.sku] = of_product(product)
        found.update({one.sku: of_variation(one) for one in product.variations})
    return found
