"""A bar chart as a picture that an e-mail carries: bars only, since its figures stand beside it as text. Pure.

Why no library: the bars are rectangles, and PNG is a few lines beside those that write barcodes. Pillow, matplotlib, CairoSVG and
resvg bring 5 to 60 MB of compiled code, most of it to read pictures, which nothing here does.
"""

from __future__ import annotations

from collections.abc import Sequence

from tillroll.campaign.brand.colours import readable_on
from tillroll.rendering.pictures.inline import Picture
from tillroll.rendering.pictures.png import indexed_png

WIDTH, HEIGHT = 536, 140
"""How large it is shown, in pixels."""

_SCALE = 2  # pixels of the picture for each that is shown: most screens are that fine
_GAP = 0.3  # of a bar's width, on both sides together
_AROUND, _LAST, _OTHERS, _LINE = range(4)
_OPAQUE, _FAINT, _CLEAR = 255, 150, 0
_CONTRAST = 3.0  # what WCAG asks of graphics


def chart_picture(name: str, shares: Sequence[float], *, colour: str, dark_paper: str) -> Picture:
    """Return bars with heights from 0 to 1, the last one strong. The background is transparent.

    `colour` is one that can be seen on the paper; it is moved until it can also be seen on the dark one.
    """
    width, height = WIDTH * _SCALE, HEIGHT * _SCALE
    each = width / max(1, len(shares))
    spans = [
        (
            round(index * each + each * _GAP / 2),
            round((index + 1) * each - each * _GAP / 2),
            round((height - _SCALE) * (1 - share)),
        )
        for index, share in enumerate(shares)
    ]
    lines: list[bytes] = []
    for y in range(height):
        line = bytearray([_LINE if y >= height - _SCALE else _AROUND]) * width
        for index, (left, right, top) in enumerate(spans):
            if top <= y < height - _SCALE:
                line[left:right] = bytes([_LAST if index == len(spans) - 1 else _OTHERS]) * (right - left)
        lines.append(bytes(line))
    seen = readable_on(colour, dark_paper, least=_CONTRAST)
    palette = ((seen, _CLEAR), (seen, _OPAQUE), (seen, _FAINT), (seen, _FAINT))
    return Picture(name=name, content=indexed_png(lines, palette))
