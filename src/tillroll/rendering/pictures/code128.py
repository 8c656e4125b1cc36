"""Barcodes in Code 128 (ISO/IEC 15417), code set B: every printable ASCII character. Pure."""

from __future__ import annotations

_WIDTH_TEXT = """
    212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 113222 123122 123221
    223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321 232121 111323 131123 131321
    112313 132113 132311 211313 231113 231311 112133 112331 132131 113123 113321 133121 313121 211331 231131 213113 213311 213131
    311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 111422 121124 121421 141122 141221 112214 112412 122114
    122411 142112 142211 241211 221114 413111 241112 134111 111242 121142 121241 114212 124112 124211 411212 421112 421211 212141
    214121 412121 111143 111341 131141 114113 114311 411113 411311 113141 114131 311141 411131 211412 211214 211232
"""
_WIDTHS = tuple(_WIDTH_TEXT.split())
"""The widths of the bars and spaces of each value, the first a bar."""

_START_B, _STOP = 104, "2331112"
_FIRST = ord(" ")
QUIET = 10
"""Modules of white on each side, which scanners need."""


def bars(text: str) -> tuple[bool, ...]:
    """Return the modules of a text (true: black), with the white on both sides. Raises `ValueError` for other characters."""
    values = [ord(letter) - _FIRST for letter in text]
    if not values or any(not 0 <= value <= ord("~") - _FIRST for value in values):
        raise ValueError("a barcode has printable ASCII characters only")
    check = (_START_B + sum(at * value for at, value in enumerate(values, start=1))) % 103
    widths = "".join(_WIDTHS[value] for value in (_START_B, *values, check)) + _STOP
    modules: list[bool] = [False] * QUIET
    for at, width in enumerate(widths):
        modules += [at % 2 == 0] * int(width)
    return (*modules, *[False] * QUIET)
