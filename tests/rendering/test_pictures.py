"""The code as a picture: what a scanner reads, and how an e-mail carries it."""

from __future__ import annotations

import struct
import zlib
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default as modern

import pytest

from tests.campaign.files import with_files
from tests.rendering.examples import READER, SHOP, code_of, emails_of
from tillroll.rendering.compile import TemplateRefused, compile_message
from tillroll.rendering.facts import facts_for, filters_for
from tillroll.rendering.mime import build
from tillroll.rendering.pictures.code128 import _WIDTHS, bars
from tillroll.rendering.pictures.inline import barcode_picture, pictures_in, qr_picture

FOLDER = "templates/winback"
SCANNED = (
    '<img src="{{ code.qr }}" alt="{{ code.text }}">'
    '<img src="{{ code.barcode }}" alt="{{ code.text }}">{{ code.text }} {{ unsubscribe_link }}'
)
SCANNED_FILES = {f"{FOLDER}/message.mjml.j2": None, f"{FOLDER}/message.html.j2": SCANNED}


def pixels(content: bytes) -> list[str]:
    """Return the lines of a black and white PNG, 1 for black, read as its standard says."""
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    at, chunks = 8, dict[bytes, bytes]()
    while at < len(content):
        (size,) = struct.unpack(">I", content[at : at + 4])
        kind, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + size]
        assert struct.unpack(">I", content[at + 8 + size : at + 12 + size])[0] == zlib.crc32(kind + body)
        chunks[kind] = body
        at += 12 + size
    width, height, depth, colours = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (depth, colours) == (1, 0)
    lines, stride = zlib.decompress(chunks[b"IDAT"]), 1 + (width + 7) // 8
    assert len(lines) == stride * height
    rows = (lines[row * stride + 1 : (row + 1) * stride] for row in range(height))
    return [
        f"{int.from_bytes(row, 'big'):0{len(row) * 8}b}"[:width].translate({48: 49, 49: 48}) for row in rows
    ]


def test_every_sign_of_a_barcode_is_as_wide_and_no_two_are_the_same() -> None:
    assert len(_WIDTHS) == len(set(_WIDTHS)) == 106
    assert {sum(map(int, widths)) for widths in _WIDTHS} == {11}
    assert all(sum(map(int, widths[::2])) % 2 == 0 for widths in _WIDTHS), (
        "bars are even: the standard's own check"
    )


def test_a_barcode_is_the_one_of_the_standard() -> None:
    """The check character of `PJJ123C`, the example of textbooks, has the value 54 in code set A; set B begins one higher."""
    drawn = "".join("1" if module else "0" for module in bars("PJJ123C"))
    start, stop = "11010010000", "1100011101011"
    check = "11101000110"  # value 55
    assert drawn.strip("0").startswith(start)
    assert drawn.strip("0").endswith(check + stop)
    assert len(drawn) == 20 + 11 * 9 + 13


@pytest.mark.parametrize("text", ["", "GRÜN", "A\n"])
def test_a_barcode_of_other_characters_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="printable"):
        bars(text)


def test_a_picture_shows_its_modules() -> None:
    rows = pixels(barcode_picture("ABC-1").content)
    assert len(set(rows)) == 1
    assert rows[0][::2] == "".join("1" if module else "0" for module in bars("ABC-1"))
    code = pixels(qr_picture("ABC-1").content)
    assert len(code) == len(code[0]) == 29 * 6
    assert set(code[0]) == {"0"}, "it has a white border"
    assert code[24][24 : 24 + 42] == "1" * 42, "the upper edge of the first of its three squares"


def test_an_e_mail_carries_the_pictures_it_shows() -> None:
    (example,) = emails_of(with_files(SCANNED_FILES).revisions["winback"], "en")
    content = build(
        rendered=example.rendered,
        sender="Shop <hello@shop.example>",
        to_email="ana@customer.example",
        to_name="Ana",
        key="k1",
        at=datetime(2026, 11, 29, tzinfo=UTC),
    )
    parsed = message_from_bytes(content, policy=modern)
    assert [part.get_content_type() for part in parsed.walk()] == [
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "image/png",
    ]
    assert not parsed.defects
    html = parsed.get_body(("html",)).get_content()
    for part in list(parsed.walk())[4:]:
        assert not part.defects
        assert f'src="cid:{part["Content-ID"].strip("<>")}"' in html
        assert part.get_content_disposition() == "inline"
    assert list(parsed.walk())[4].get_content() == qr_picture("HELLO-7KQM-2XWD").content
    assert "cid:" not in example.rendered.whole_html
    assert len(content) < 8_000


def test_an_e_mail_without_them_has_two_parts() -> None:
    (example,) = emails_of(with_files({}).revisions["winback"], "en")
    assert example.rendered.pictures == ()


def test_a_page_of_somebody_else_is_no_picture_of_ours() -> None:
    assert pictures_in('<img src="cid:logo@elsewhere">', {"code": {"text": "A"}}) == ()
    assert pictures_in('<img src="cid:qr@tillroll">', {}) == ()


def test_a_code_that_no_scanner_reads_stops_that_e_mail_alone() -> None:
    revision = with_files(SCANNED_FILES).revisions["winback"]
    compiled = compile_message(revision, revision.message(), filters_for(SHOP))
    facts = facts_for(shop=SHOP, title="", reader=READER, code=code_of(revision.campaign.offer))
    assert compiled.render(facts).pictures
    facts["code"]["text"] = "GRÜN"
    with pytest.raises(TemplateRefused, match="printable ASCII"):
        compiled.render(facts)
