"""Promotions: discounts that apply by themselves, without a code (dossier section 11)."""

from __future__ import annotations

import json
from typing import Any

from tillroll.sandbox.endpoints.searches import Search
from tillroll.sandbox.formats import fields
from tillroll.sandbox.formats.wire import ApiError, Query
from tillroll.sandbox.state.database import dump
from tillroll.sandbox.state.store import SandboxStore

_MOST = 100
_FIELDS: dict[str, fields.Kind] = {
    "name": fields.text(1024),
    "enabled": fields.boolean,
    "externalReferenceId": fields.text(255),
    "discountBase": fields.one_of("ITEM", "SUBTOTAL", "SHIPPING"),
    "discountType": fields.one_of("PERCENT", "ABSOLUTE", "FIXED_PRICE"),
    "amount": fields.amount,
    "triggers": fields.an_object,
    "targets": fields.an_object,
}


def search(store: SandboxStore, query: Query) -> dict[str, Any]:
    """`GET /promotions`."""
    promotions = Search(store, "promotions", query)
    return promotions.answer("id", lambda row: {"id": row["id"], **json.loads(row["body"])})


def create(store: SandboxStore, body: Any) -> dict[str, Any]:
    """`POST /promotions`."""
    sent = _read(store, body)
    for name in ("name", "discountBase", "discountType", "amount"):
        if name not in sent:
            raise fields.absent(f"Promotion.{name}")
    if store.state.count("select count(*) from promotions", (), tables=["promotions"]) >= _MOST:
        raise ApiError(402, f"No more than {_MOST} promotions", "MAX_PROMOTIONS_LIMIT_EXCEEDED")
    identity = store.state.next_id("promotions", after=180_000)
    kept = {"enabled": True, "triggers": {}, "targets": {"all": True}, **sent}
    _check_reference(store, identity, kept)
    store.state.run("insert into promotions values (?, ?, 1)", (identity, dump(kept)))
    store.happened("promotion.created", identity, {"version": "1"})
    return {"id": identity}


def update(store: SandboxStore, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /promotions/{id}`: a merge."""
    identity, kept, version = _kept(store, identifier)
    kept |= _read(store, body)
    _check_reference(store, identity, kept)
    store.state.run(
        "update promotions set body = ?, version = ? where id = ?", (dump(kept), version + 1, identity)
    )
    store.happened("promotion.updated", identity, {"version": str(version + 1)})
    return {"updateCount": 1}


def delete(store: SandboxStore, identifier: str) -> dict[str, Any]:
    """`DELETE /promotions/{id}`."""
    identity, _, version = _kept(store, identifier)
    store.state.run("delete from promotions where id = ?", (identity,))
    store.happened("promotion.deleted", identity, {"version": str(version)})
    return {"deleteCount": 1}


def _read(store: SandboxStore, body: Any) -> dict[str, Any]:
    if "promotions" in store.switches.missing_features:
        code = "ADVANCED_DISCOUNTS_FEATURE_NOT_AVAILABLE"
        raise ApiError(403, "Promotions are switched off in this store", code)
    sent = fields.read(body, _FIELDS)
    if "all" in sent.get("targets", ()):
        raise ApiError(422, "targets.all can't be written", "READ_ONLY_PROMOTION_FIELD_CHANGE")
    return sent


def _check_reference(store: SandboxStore, identity: int, kept: dict[str, Any]) -> None:
    reference = kept.get("externalReferenceId")
    other = "select 1 from promotions where json_extract(body, '$.externalReferenceId') = ? and id != ?"
    if reference and store.state.value(other, (reference, identity)):
        raise ApiError(409, "The external reference is in use", "EXTERNAL_ID_ALREADY_USED")


def _kept(store: SandboxStore, identifier: str) -> tuple[int, dict[str, Any], int]:
    row = (
        store.state.row("select * from promotions where id = ?", (identifier,))
        if identifier.isdigit()
        else None
    )
    if row is None:
        raise ApiError(404, f"Promotion #{identifier} not found", "PROMOTION_NOT_FOUND")
    return row["id"], json.loads(row["body"]), row["version"]
