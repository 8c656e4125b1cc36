"""Files of digital products (dossier section 9.6)."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from tillroll.sandbox.endpoints import catalog, products
from tillroll.sandbox.formats import fields, images
from tillroll.sandbox.formats.wire import ApiError, Query, RawAnswer, wrong
from tillroll.sandbox.state.store import SandboxStore

_BY_ADDRESS = b"A file that was named by its address: the sandbox calls no address.\n"


def add(store: SandboxStore, product: str, query: Query, body: Any) -> dict[str, Any]:
    """`POST /products/{id}/files?fileName=…`: the file is the body, or at `externalUrl`."""
    if not query.get("fileName"):
        raise wrong("fileName", "expected the name of the file")
    content = body if isinstance(body, bytes) else None
    if "externalUrl" in query:
        images.check_address(query["externalUrl"])
        content = _BY_ADDRESS
    if content is None:
        raise wrong("externalUrl", "expected a file in the body, or its address")
    return {
        "id": insert(
            store, catalog.row(store, product), query["fileName"], query.get("description", ""), content
        )
    }


def insert(store: SandboxStore, product: sqlite3.Row, name: str, description: str, content: bytes) -> int:
    """Store a file of a product and return its id."""
    number = store.state.next_id("files", after=96_000_000)
    row = (number, product["id"], name, description, len(content), content)
    store.state.run("insert into files values (?, ?, ?, ?, ?, ?)", row)
    _learn(store, product)
    return number


def get(store: SandboxStore, product: str, identifier: str) -> RawAnswer:
    """`GET /products/{id}/files/{fileId}`: its bytes."""
    return RawAnswer(content=_row(store, product, identifier)["content"], kind="application/octet-stream")


def update(store: SandboxStore, product: str, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /products/{id}/files/{fileId}`: its description."""
    row = _row(store, product, identifier)
    sent = fields.read(body, {"description": fields.text()})
    description = sent.get("description", row["description"])
    store.state.run("update files set description = ? where id = ?", (description, row["id"]))
    _learn(store, catalog.row(store, product))
    return {"updateCount": 1}


def delete(store: SandboxStore, product: str, identifier: str) -> dict[str, Any]:
    """`DELETE /products/{id}/files/{fileId}`."""
    store.state.run("delete from files where id = ?", (_row(store, product, identifier)["id"],))
    _learn(store, catalog.row(store, product))
    return {"deleteCount": 1}


def delete_all(store: SandboxStore, product: str) -> dict[str, Any]:
    """`DELETE /products/{id}/files`."""
    owner = catalog.row(store, product)
    gone = store.state.run("delete from files where product = ?", (owner["id"],)).rowcount
    _learn(store, owner)
    return {"deleteCount": gone}


def _row(store: SandboxStore, product: str, identifier: str) -> sqlite3.Row:
    owner = catalog.row(store, product)
    row = store.state.row(
        "select * from files where cast(id as text) = ? and product = ?", (identifier, owner["id"])
    )
    if row is None:
        raise ApiError(404, f"File #{identifier} not found")
    return row


def _learn(store: SandboxStore, product: sqlite3.Row) -> None:
    """Write the product's list of files."""
    rows = store.state.rows(
        "select id, name, description, size from files where product = ? order by id", (product["id"],)
    )
    address = f"https://app.ecwid.com/api/v3/{store.store_id}/products/{product['id']}/files"
    listed = [{**dict(row), "adminUrl": f"{address}/{row['id']}"} for row in rows]
    products.keep(store, product["id"], {**json.loads(product["body"]), "files": listed})
