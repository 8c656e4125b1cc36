"""Black and white pictures as PNG (ISO/IEC 15948): one bit a pixel, so a code takes a few hundred bytes. Pure."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREYSCALE, _ONE_BIT = 0, 1


def png(rows: Sequence[Sequence[bool]], *, scale: int, height: int = 1) -> bytes:
    """Return a picture of rows of modules (true: black), each module `scale` pixels wide and `scale × height` pixels high."""
    width = len(rows[0]) * scale
    lines = b"".join(_line(row, scale) * (scale * height) for row in rows)
    head = struct.pack(
        ">IIBBBBB", width, len(rows) * scale * height, _ONE_BIT, _GREYSCALE, 0, 0, 0
    )  # deflated, filtered by lines, not interlaced
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(kind, content) for kind, content in parts)


def _line(row: Sequence[bool], scale: int) -> bytes:
    """Return one line of pixels: a byte that says it isn't filtered, then a bit a pixel (1: white), filled up with white."""
    bits = "".join(("0" if module else "1") * scale for module in row)
    bits += "1" * (-len(bits) % 8)
    return b"\x00" + int(bits, 2).to_bytes(len(bits) // 8, "big")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
