"""Tax invoices of orders (dossier section 6.1). The answer to creating one is not documented: an id is our guess."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from tillroll.sandbox.endpoints import orders
from tillroll.sandbox.formats import pdf
from tillroll.sandbox.formats.wire import RawAnswer, out
from tillroll.sandbox.state.database import dump
from tillroll.sandbox.state.store import SandboxStore

_UNDONE = ("CANCELLED", "REFUNDED")


def listed(store: SandboxStore, order: str) -> dict[str, Any]:
    """`GET /orders/{orderId}/invoices`: oldest first."""
    kept = json.loads(orders.row(store, order)["body"])
    return {"invoices": kept.get("invoices", [])}


def receipt(store: SandboxStore, order: str) -> RawAnswer:
    """`GET /orders/{orderId}/invoice`: the receipt as a page."""
    lines = "".join(f"<p>{escape(line)}</p>" for line in _lines(store, order))
    page = f'<!DOCTYPE html><html><head><meta charset="utf-8"></head><body>{lines}</body></html>'
    return RawAnswer(content=page.encode(), kind="text/html; charset=utf-8")


def receipt_pdf(store: SandboxStore, order: str) -> RawAnswer:
    """`GET /orders/{orderId}/invoice-pdf`: the receipt as a document."""
    return RawAnswer(content=pdf.page(_lines(store, order)), kind="application/pdf")


def _lines(store: SandboxStore, order: str) -> list[str]:
    shown = orders.get(store, order)
    items = [
        f"{item['quantity']} x {item.get('name', '')}: {item.get('price', 0):.2f} EUR"
        for item in shown.get("items", ())
    ]
    return [f"Order {shown['id']}", shown["createDate"], *items, f"Total: {shown['total']:.2f} EUR"]


def create(store: SandboxStore, order: str) -> dict[str, Any]:
    """`POST /orders/{orderId}/invoices/create-invoice`: an invoice of the sale, or a credit note if the order was undone."""
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
