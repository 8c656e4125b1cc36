"""Images as the store keeps them: checked, numbered, and shown by addresses in several sizes."""

from __future__ import annotations

import re
from typing import Any

from tillroll.sandbox.formats.wire import ApiError, Query, wrong

_LARGEST = 20 * 1024 * 1024  # bytes
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"RIFF", b"BM", b"<svg", b"<?xml")
_ADDRESS = re.compile(r"https?://[\w.:-]+(?:/\S*)?")
_SIZES = ("160", "400", "800", "1500")


def check_upload(query: Query, body: Any) -> None:
    """Check an image: its bytes, or `externalUrl`, which the sandbox does not call. Raises 400; for an address 422."""
    if "externalUrl" in query:
        check_address(query["externalUrl"])
    elif not isinstance(body, bytes):
        raise wrong("externalUrl", "expected an image in the body, or its address")
    elif len(body) > _LARGEST:
        raise ApiError(400, "The image is over 20 MB", "INCORRECT_IMAGE_SIZE")
    elif not body.startswith(_BEGINNINGS):
        raise wrong("image", "not an image")


def check_address(address: str) -> None:
    """Check the address of an image or a file. Raises 422."""
    if not _ADDRESS.fullmatch(address):
        raise ApiError(422, f"Wrong URL: {address}", "WRONG_URL")


def shown(url: str, number: int) -> dict[str, str]:
    """Return the addresses of an image in its sizes, below the store's own address."""
    sizes = {f"image{size}pxUrl": f"{url}/images/{number}-{size}.jpg" for size in _SIZES}
    return {**sizes, "imageOriginalUrl": f"{url}/images/{number}.jpg"}


def main_fields(image: dict[str, Any]) -> dict[str, Any]:
    """Return the older fields of the main image, beside `media`."""
    original = {
        "url": image["imageOriginalUrl"],
        "width": image.get("width", 1500),
        "height": image.get("height", 1500),
    }
    return {
        "thumbnailUrl": image["image400pxUrl"],
        "imageUrl": image["image1500pxUrl"],
        "smallThumbnailUrl": image["image160pxUrl"],
        "hdThumbnailUrl": image["image800pxUrl"],
        "originalImageUrl": image["imageOriginalUrl"],
        "originalImage": original,
    }


def gallery_fields(image: dict[str, Any]) -> dict[str, Any]:
    """Return an entry of the older list `galleryImages`."""
    return {"id": int(image["id"]), "alt": image.get("alt", {}).get("main", ""), **main_fields(image)}
