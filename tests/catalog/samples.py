"""Helpers of the catalogue's tests: a session with a sandbox store, files, and what an import has done."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from tests.clocks import FakeClock
from tillroll.batches.session import BatchSession
from tillroll.catalog.fields import of_product, of_variation
from tillroll.catalog.journal import Counts, count_rows, failed_rows
from tillroll.ecwid.client import Client
from tillroll.mint.draw import new_key
from tillroll.wiring import Services


def session_for(services: Services, client: Client) -> BatchSession:
    return BatchSession(
        engine=services.engine, client=client, clock=FakeClock.running(), store_id=1, new_key=new_key
    )


def quiet(_tally: Counts) -> None:
    """Ignore the progress."""


def write_csv(path: Path, *rows: dict[str, str]) -> Path:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, columns, restval="")
        out.writeheader()
        out.writerows(rows)
    return path


def tally(session: BatchSession, import_id: int) -> Counts:
    with session.engine.connect() as connection:
        return count_rows(connection, import_id)


def reasons(session: BatchSession, import_id: int) -> dict[str, str]:
    return {row.sku: row.reason for row in failed_rows(session.engine, import_id)}


def shop(client: Client) -> dict[str, dict[str, Any]]:
    """Return the fields of every product and variation by its SKU."""
    fields: dict[str, dict[str, Any]] = {}
    for product in client.products.every():
        fields[product.sku] = of_product(product)
        fields.update({each.sku: of_variation(each) for each in product.variations})
    return fields
