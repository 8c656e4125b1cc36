"""The pictures of a code that an e-mail carries: PNG parts, to which its HTML refers by `cid:` (RFC 2392).

Why not simpler: Gmail and most webmails show no `data:` address, Outlook for Windows neither; Outlook and Gmail show no SVG
(caniemail.com, “image base64” and “SVG image”); and a picture on a server would be loaded with the code in its address, by
whoever scans the mail. A part of the e-mail is shown by all of them, mostly without asking.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode

from tillroll.rendering.pictures.code128 import bars
from tillroll.rendering.pictures.png import png

QR, BARCODE = "qr", "barcode"
_CID = "cid:{}@tillroll"
QR_ADDRESS, BARCODE_ADDRESS = _CID.format(QR), _CID.format(BARCODE)
"""What `code.qr` and `code.barcode` are in an e-mail."""

_QR_SCALE, _QR_BORDER = 6, 4  # pixels of a module; modules of white around it
_QR_MASK = 2  # a fixed one: choosing the best of eight takes ten times as long, and any of them can be read
_BAR_SCALE, _BAR_HEIGHT = 2, 36


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture that is part of an e-mail."""

    name: str  # before the @ of its Content-ID, and of its file
    content: bytes  # PNG

    @property
    def content_id(self) -> str:
        """Its Content-ID, without the brackets."""
        return f"{self.name}@tillroll"

    @property
    def data_address(self) -> str:
        """Its content as an address, for pages and for services that send no pictures along."""
        return f"data:image/png;base64,{self.base64}"

    @property
    def base64(self) -> str:
        """Its content in base64, on one line."""
        return b2a_base64(self.content, newline=False).decode("ascii")


def pictures_in(html: str, facts: Mapping[str, Any]) -> tuple[Picture, ...]:
    """Return the pictures that an e-mail's HTML refers to. `facts` are its variables."""
    if "cid:" not in html or "code" not in facts:
        return ()
    return tuple(_pictures(html, str(facts["code"]["text"])))


def _pictures(html: str, code: str) -> Iterator[Picture]:
    if QR_ADDRESS in html:
        yield qr_picture(code)
    if BARCODE_ADDRESS in html:
        yield barcode_picture(code)


def with_pictures(html: str, pictures: tuple[Picture, ...]) -> str:
    """Return the HTML with its pictures in it, to be shown alone."""
    for picture in pictures:
        html = html.replace(f"cid:{picture.content_id}", picture.data_address)
    return html


@lru_cache(maxsize=1_024)
def qr_picture(code: str) -> Picture:
    """Return a code as a QR code (ISO/IEC 18004)."""
    made = QRCode(error_correction=ERROR_CORRECT_M, border=_QR_BORDER, mask_pattern=_QR_MASK)
    made.add_data(code)
    made.make(fit=True)
    rows = [[bool(module) for module in row] for row in made.get_matrix()]
    return Picture(name=QR, content=png(rows, scale=_QR_SCALE))


@lru_cache(maxsize=1_024)
def barcode_picture(code: str) -> Picture:
    """Return a code as a barcode (Code 128)."""
    return Picture(name=BARCODE, content=png([bars(code)], scale=_BAR_SCALE, height=_BAR_HEIGHT))
