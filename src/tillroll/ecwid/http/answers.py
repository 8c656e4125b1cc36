"""Reading an answer's body: unpacked and parsed within bounds, so that a small body can't become a large object.

Anything else than JSON within the bounds is `Unreadable`; the text says what is wrong, without showing the body.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any, NoReturn

from tillroll.ecwid.http import wire
from tillroll.ecwid.http.bounded import MOST_BYTES

MOST_VALUES = 1_000_000
"""In one answer. A page of a hundred orders has ten thousand or so."""
MOST_LEVELS = 64
"""Of nested lists and objects."""

_GZIP = 16 + zlib.MAX_WBITS  # zlib's way to ask for gzip


class Unreadable(ValueError):
    """A body is not JSON within the bounds."""


def unpack(body: bytes, encoding: str) -> bytes:
    """Return the body as it was before `Content-Encoding`."""
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            return _gunzip(body)
        case _:
            raise Unreadable("it is packed in a way that was not asked for")


def _gunzip(body: bytes) -> bytes:
    unpacker = zlib.decompressobj(_GZIP)
    try:
        plain = unpacker.decompress(body, MOST_BYTES + 1)
    except zlib.error as fault:
        raise Unreadable("it can't be unpacked") from fault
    if len(plain) > MOST_BYTES:
        raise Unreadable("it is too large once unpacked")
    if not unpacker.eof or unpacker.unused_data:
        raise Unreadable("it is cut off, or something follows it")
    return plain


def parse(plain: bytes) -> Any:
    """Return the values of a JSON text."""
    if plain.count(b",") + plain.count(b"[") + plain.count(b"{") > MOST_VALUES:
        raise Unreadable("it has too many values")
    try:
        parsed = _DECODER.decode(plain.decode("utf-8-sig"))
    except RecursionError as fault:
        raise Unreadable("it is nested too deeply") from fault
    except ValueError as fault:  # also bytes that are not UTF-8, and numbers of thousands of digits
        raise Unreadable("it is not JSON") from fault
    _refuse_depth(parsed)
    return parsed


def told(body: bytes, headers: Mapping[str, str], reason: str) -> tuple[str, str]:
    """Return (message, code) of an error answer; the reason phrase if its body can't be read."""
    try:
        raw = parse(unpack(body, headers.get("Content-Encoding", "")))
    except Unreadable:
        raw = {}
    return wire.failure_text(raw if isinstance(raw, dict) else {}, reason)


def _refuse_depth(parsed: Any) -> None:
    """Raise `Unreadable` if the value is nested so deeply that what handles it later could fail."""
    level = [parsed] if isinstance(parsed, dict | list) else []
    for _ in range(MOST_LEVELS):
        if not level:
            return
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
    if level:
        raise Unreadable("it is nested too deeply")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
