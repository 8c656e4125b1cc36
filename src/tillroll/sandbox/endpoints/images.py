"""Images of products, variations, categories and the store, as bytes or by address (dossier section 9.6).

The sandbox keeps no bytes and calls no address: an image is a number, and its addresses are below the store's own.
"""

from __future__ import annotations

import json
from typing import Any

from tillroll.sandbox.endpoints import catalog, categories, products, profile, variations
from tillroll.sandbox.formats import fields, images
from tillroll.sandbox.formats.wire import ApiError, Query, wrong
from tillroll.sandbox.state.store import SandboxStore

LOGOS = {"logo": "storeLogoUrl", "invoicelogo": "invoiceLogoUrl", "emaillogo": "emailLogoUrl"}
"""A logo's path to its field in the profile's settings."""
_ASYNC: dict[str, fields.Kind] = {
    "url": fields.text(4096),
    "width": fields.anything,
    "height": fields.anything,
    "externalId": fields.text(255),
    "alt": fields.an_object,
}


def by_address(body: Any) -> dict[str, Any]:
    """Return what an asynchronous upload says of its image: address, width and height are required."""
    sent = fields.read(body, _ASYNC)
    for name in ("url", "width", "height"):
        if not sent.get(name):
            raise fields.absent(f"AsyncPictureData.{name}")
    images.check_address(sent["url"])
    if not all(str(sent[name]).isdigit() for name in ("width", "height")):
        raise wrong("width", "not a number or a number out of range")
    return {"alt": sent.get("alt", {}), "width": int(sent["width"]), "height": int(sent["height"])}


def upload(query: Query, body: Any) -> dict[str, Any]:
    """Check an image that came as bytes or by `externalUrl`."""
    images.check_upload(query, body)
    return {"alt": {}}


def set_main(store: SandboxStore, product: str, image: dict[str, Any]) -> dict[str, Any]:
    """`POST /products/{id}/image` and `/image/async`: the main image; the one before is replaced."""
    number = _number(store)
    made = {"id": "0", "isMain": True, "orderBy": 0, **images.shown(store.url, number), **image}
    _keep(store, product, [made, *(one for one in _of(store, product) if not one["isMain"])])
    return {"id": number}


def add(store: SandboxStore, product: str, image: dict[str, Any]) -> dict[str, Any]:
    """`POST /products/{id}/gallery` and `/gallery/async`: one image more."""
    number, own = _number(store), _of(store, product)
    made = {
        "id": str(number),
        "isMain": False,
        "orderBy": len(own),
        **images.shown(store.url, number),
        **image,
    }
    _keep(store, product, [*own, made])
    return {"id": number}


def delete_main(store: SandboxStore, product: str) -> dict[str, Any]:
    """`DELETE /products/{id}/image`."""
    own = _of(store, product)
    left = [one for one in own if not one["isMain"]]
    _keep(store, product, left)
    return {"deleteCount": len(own) - len(left)}


def delete_from_gallery(store: SandboxStore, product: str, identifier: str) -> dict[str, Any]:
    """`DELETE /products/{id}/gallery/{imageId}`."""
    own = _of(store, product)
    left = [one for one in own if one["isMain"] or one["id"] != identifier]
    if len(left) == len(own):
        raise ApiError(404, f"Image #{identifier} not found")
    _keep(store, product, left)
    return {"deleteCount": 1}


def delete_gallery(store: SandboxStore, product: str) -> dict[str, Any]:
    """`DELETE /products/{id}/gallery`: all but the main image."""
    own = _of(store, product)
    left = [one for one in own if one["isMain"]]
    _keep(store, product, left)
    return {"deleteCount": len(own) - len(left)}


def set_variations(
    store: SandboxStore, product: str, variation: str, image: dict[str, Any]
) -> dict[str, Any]:
    """`POST /products/{id}/combinations/{combinationId}/image` and `/image/async`."""
    number = _number(store)
    shown = images.main_fields({**images.shown(store.url, number), **image})
    variations.keep_image(store, product, variation, shown)
    return {"id": number}


def delete_variations(store: SandboxStore, product: str, variation: str) -> dict[str, Any]:
    """`DELETE /products/{id}/combinations/{combinationId}/image`."""
    return {"deleteCount": int(variations.keep_image(store, product, variation, {}))}


def set_categorys(store: SandboxStore, category: str, image: dict[str, Any]) -> dict[str, Any]:
    """`POST /categories/{id}/image` and `/image/async`."""
    number = _number(store)
    shown = images.main_fields({**images.shown(store.url, number), **image})
    categories.keep_image(store, category, shown)
    return {"id": number}


def delete_categorys(store: SandboxStore, category: str) -> dict[str, Any]:
    """`DELETE /categories/{id}/image`."""
    return {"deleteCount": int(categories.keep_image(store, category, {}))}


def set_logo(store: SandboxStore, name: str, query: Query, body: Any) -> dict[str, Any]:
    """`POST /profile/logo`, `/profile/invoicelogo`, `/profile/emaillogo`."""
    images.check_upload(query, body)
    number = _number(store)
    profile.update(store, {"settings": {LOGOS[name]: images.shown(store.url, number)["imageOriginalUrl"]}})
    return {"id": number}


def delete_logo(store: SandboxStore, name: str) -> dict[str, Any]:
    """`DELETE /profile/logo`, `/profile/invoicelogo`, `/profile/emaillogo`."""
    there = bool(profile.profile(store, {})["settings"].get(LOGOS[name]))
    profile.update(store, {"settings": {LOGOS[name]: ""}})
    return {"deleteCount": int(there)}


def _number(store: SandboxStore) -> int:
    return store.state.next_number("images", after=4_519_000_000)


def _of(store: SandboxStore, product: str) -> list[dict[str, Any]]:
    kept = json.loads(catalog.row(store, product)["body"])
    own: list[dict[str, Any]] = kept.get("media", {}).get("images", [])
    return own


def _keep(store: SandboxStore, product: str, own: list[dict[str, Any]]) -> None:
    row = catalog.row(store, product)
    kept = json.loads(row["body"])
    kept["media"] = {**kept.get("media", {"videos": []}), "images": own}
    products.keep(store, row["id"], kept)
