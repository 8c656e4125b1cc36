"""Pictures as PNG (ISO/IEC 15948): black and white with one bit a pixel, or of a few colours with a byte a pixel. Pure."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREYSCALE, _INDEXED = 0, 3
_ONE_BIT, _ONE_BYTE = 1, 8


def png(rows: Sequence[Sequence[bool]], *, scale: int, height: int = 1) -> bytes:
    """Return a picture of rows of modules (true: black), each module `scale` pixels wide and `scale × height` pixels high."""
    width = len(rows[0]) * scale
    lines = b"".join(_line(row, scale) * (scale * height) for row in rows)
    return _file(_head(width, len(rows) * scale * height, _ONE_BIT, _GREYSCALE), lines)


def indexed_png(lines: Sequence[bytes], palette: Sequence[tuple[str, int]]) -> bytes:
    """Return a picture of lines with a byte a pixel: its place in the palette of colours (`#31556b`) and how opaque they are."""
    colours = b"".join(bytes.fromhex(colour.removeprefix("#")) for colour, _ in palette)
    opaque = bytes(alpha for _, alpha in palette)
    pixels = b"".join(b"\x00" + line for line in lines)
    head = _head(len(lines[0]), len(lines), _ONE_BYTE, _INDEXED)
    return _file(head, pixels, (b"PLTE", colours), (b"tRNS", opaque))


def _head(width: int, height: int, bits: int, kind: int) -> bytes:
    return struct.pack(
        ">IIBBBBB", width, height, bits, kind, 0, 0, 0
    )  # deflated, filtered by lines, not interlaced


def _file(head: bytes, pixels: bytes, *before: tuple[bytes, bytes]) -> bytes:
    parts = ((b"IHDR", head), *before, (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(kind, content) for kind, content in parts)


def _line(row: Sequence[bool], scale: int) -> bytes:
    """Return one line of pixels: a byte that says it isn't filtered, then a bit a pixel (1: white), filled up with white."""
    bits = "".join(("0" if module else "1") * scale for module in row)
    bits += "1" * (-len(bits) % 8)
    return b"\x00" + int(bits, 2).to_bytes(len(bits) // 8, "big")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
