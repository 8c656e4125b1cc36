"""Variations of a product: combinations of its options, each with its own stock (dossier section 9)."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from tillroll.sandbox.endpoints import catalog, products
from tillroll.sandbox.formats import fields
from tillroll.sandbox.formats.wire import ApiError
from tillroll.sandbox.state.database import dump
from tillroll.sandbox.state.store import SandboxStore

Options = list[dict[str, Any]]


def listed(store: SandboxStore, product: str) -> list[dict[str, Any]]:
    """`GET /products/{id}/combinations`: a bare list, without pages."""
    identity = catalog.row(store, product)["id"]
    return catalog.combinations(store, [identity]).get(identity, [])


def get(store: SandboxStore, product: str, identifier: str) -> dict[str, Any]:
    """`GET /products/{id}/combinations/{combinationId}`."""
    return catalog.show_combination(_row(store, product, identifier))


def create(store: SandboxStore, product: str, body: Any) -> dict[str, Any]:
    """`POST /products/{id}/combinations`: options that the product lacks are added to it."""
    owner = catalog.row(store, product)
    kept, options = _read(body)
    if not options:
        raise fields.absent("Combination.options")
    sku = kept.pop("sku", "")
    products.check_sku(store, sku)
    kept = products.counted({"unlimited": "quantity" not in kept, **kept}, kept)
    combination = store.state.next_id("combinations", after=50_000)
    last = "select coalesce(max(number), 0) from combinations where product = ?"
    number = int(store.state.value(last, (owner["id"],))) + 1
    try:
        store.state.run(
            "insert into combinations values (?, ?, ?, ?, ?, ?)",
            (combination, owner["id"], number, sku, _key(options), dump({**kept, "options": options})),
        )
    except sqlite3.IntegrityError as fault:
        raise _duplicated() from fault
    _learn(store, owner, options)
    return {"id": combination}


def update(store: SandboxStore, product: str, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /products/{id}/combinations/{combinationId}`: a merge."""
    owner, row = catalog.row(store, product), _row(store, product, identifier)
    sent, options = _read(body)
    sku = sent.pop("sku", row["sku"])
    if sku != row["sku"]:
        products.check_sku(store, sku)
    kept = json.loads(row["body"])
    options = options or kept["options"]
    kept = products.counted({**kept, **sent, "options": options}, sent)
    try:
        store.state.run(
            "update combinations set sku = ?, options = ?, body = ? where id = ?",
            (sku, _key(options), dump(kept), row["id"]),
        )
    except sqlite3.IntegrityError as fault:
        raise _duplicated() from fault
    _learn(store, owner, options)
    return {"updateCount": 1}


def adjust(store: SandboxStore, product: str, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /products/{id}/combinations/{combinationId}/inventory`."""
    owner, row = catalog.row(store, product), _row(store, product, identifier)
    kept = json.loads(row["body"])
    left = products.by_delta(kept, body)
    store.state.run("update combinations set body = ? where id = ?", (dump(kept), row["id"]))
    products.keep(store, owner["id"], json.loads(owner["body"]))
    return products.moved(left)


def keep_image(store: SandboxStore, product: str, identifier: str, shown: dict[str, Any]) -> bool:
    """Store the fields of a variation's image, or none. Return whether it had one before."""
    owner, row = catalog.row(store, product), _row(store, product, identifier)
    kept = json.loads(row["body"])
    before = bool(kept.pop("image", None))
    kept |= {"image": shown} if shown else {}
    store.state.run("update combinations set body = ? where id = ?", (dump(kept), row["id"]))
    products.keep(store, owner["id"], json.loads(owner["body"]))
    return before


def delete(store: SandboxStore, product: str, identifier: str) -> dict[str, Any]:
    """`DELETE /products/{id}/combinations/{combinationId}`."""
    owner, row = catalog.row(store, product), _row(store, product, identifier)
    store.state.run("delete from combinations where id = ?", (row["id"],))
    products.keep(store, owner["id"], json.loads(owner["body"]))
    return {"deleteCount": 1}


def delete_all(store: SandboxStore, product: str) -> dict[str, Any]:
    """`DELETE /products/{id}/combinations`."""
    owner = catalog.row(store, product)
    gone = store.state.run("delete from combinations where product = ?", (owner["id"],)).rowcount
    if gone:
        products.keep(store, owner["id"], json.loads(owner["body"]))
    return {"deleteCount": gone}


def _read(body: Any) -> tuple[dict[str, Any], Options]:
    sent = fields.read(body, {**products.STOCK, "options": fields.objects})
    options = sent.pop("options", [])
    for option in options:
        for name in ("name", "value"):
            if not isinstance(option.get(name), str) or not option[name]:
                raise fields.absent(f"Combination.options.{name}")
    return sent, [{"name": option["name"], "value": option["value"]} for option in options]


def _key(options: Options) -> str:
    """Return a key that is the same for the same options in any order."""
    return dump(sorted([option["name"], option["value"]] for option in options))


def _learn(store: SandboxStore, owner: sqlite3.Row, options: Options) -> None:
    """Add these options to the product if it lacks them, as choices from a list."""
    kept = json.loads(owner["body"])
    of_product = kept.setdefault("options", [])
    for wanted in options:
        option = next((each for each in of_product if each.get("name") == wanted["name"]), None)
        if option is None:
            option = {"type": "SELECT", "name": wanted["name"], "choices": [], "defaultChoice": 0}
            of_product.append(option)
        choices = option.setdefault("choices", [])
        if all(choice.get("text") != wanted["value"] for choice in choices):
            choices.append({"text": wanted["value"], "priceModifier": 0, "priceModifierType": "ABSOLUTE"})
    products.keep(store, owner["id"], kept)


def _row(store: SandboxStore, product: str, identifier: str) -> sqlite3.Row:
    owner = catalog.row(store, product)
    row = (
        store.state.row("select * from combinations where id = ? and product = ?", (identifier, owner["id"]))
        if identifier.isdigit()
        else None
    )
    if row is None:
        raise ApiError(404, f"Combination #{identifier} not found", "COMBINATION_NOT_FOUND")
    return row


def _duplicated() -> ApiError:
    return ApiError(409, "A variation with these options already exists", "COMBINATION_DUPLICATED")
