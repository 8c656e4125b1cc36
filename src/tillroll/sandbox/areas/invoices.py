"""Tax invoices of orders (dossier section 6.1). What making one answers is not documented: its id is our guess."""

from __future__ import annotations

import json
from typing import Any

from tillroll.sandbox.areas import orders
from tillroll.sandbox.memory.state import dump
from tillroll.sandbox.memory.store import Store
from tillroll.sandbox.wire import out

_UNDONE = ("CANCELLED", "REFUNDED")


def listed(store: Store, order: str) -> dict[str, Any]:
    """`GET /orders/{orderId}/invoices`: oldest first."""
    kept = json.loads(orders.row(store, order)["body"])
    return {"invoices": kept.get("invoices", [])}


def create(store: Store, order: str) -> dict[str, Any]:
    """`POST /orders/{orderId}/invoices/create-invoice`: of the sale, or of its end when the order was undone."""
    row = orders.row(store, order)
    kept = json.loads(row["body"])
    number = store.state.next_number("invoices", after=1_000_000)
    made = {
        "internalId": number,
        "id": f"INV{number}",
        "created": out(store.now()),
        "link": f"{store.url}/download_tax_invoice?ownerid={row['id']}&invoice_id={number}",
        "type": "FULL_CANCEL" if row["status"] in _UNDONE else "SALE",
    }
    kept["invoices"] = [*kept.get("invoices", []), made]
    store.state.run("update orders set body = ? where number = ?", (dump(kept), row["number"]))
    store.happened("invoice.created", number, {"orderId": row["id"]})
    return {"id": made["id"], "internalId": number}
