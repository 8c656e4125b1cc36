"""The encoded text of a part depends on the text alone, however a template cuts it, and decodes to that text."""

from __future__ import annotations

import re
from base64 import b64decode
from quopri import decodestring

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tillroll.errors import Refused
from tillroll.rendering.encoding.body import FixedTexts, Pieces, encode_body
from tillroll.rendering.encoding.sound import look_at, refuse_long_lines

TAGS = st.sampled_from(
    ['<td style="color:#fff">', "</td>", "<b>", "a > b", "\n", "\r\n", "\r", " ", "\t", ".", "=", "From "]
)
WORDS = st.one_of(TAGS, st.text(max_size=90), st.text("aŽ🍵 <>=\n.", max_size=200))
CUTS = st.lists(WORDS, max_size=12)


def encoded(texts: list[str], fixed: FixedTexts) -> tuple[str, bytes]:
    name, pieces = encode_body(Pieces(texts, fixed))
    refuse_long_lines(pieces)
    return name, b"".join(piece.data for piece in pieces)


def decoded(name: str, data: bytes) -> str:
    content = b64decode(data) if name == "base64" else decodestring(data)
    return content.decode().replace("\r\n", "\n")


def expected(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode()
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "", lines)


@given(texts=CUTS)
@example(texts=["x" * 76, "<p>", "y" * 75, "é" * 13])
@example(texts=["a" * 50 + "\r", "\n" + "b" * 50 + "<p>c"])
@example(texts=["a" * 100, "", "<p>" * 40, "b>" * 60, " "])
@example(texts=["\x00"])
def test_pieces_are_encoded_as_the_whole_text_is(texts: list[str]) -> None:
    whole = encoded(["".join(texts)], FixedTexts())
    fixed = FixedTexts(texts)
    assert encoded(texts, fixed) == whole
    assert encoded(texts, fixed) == whole, "the second time, from what was kept"
    assert decoded(*whole) == expected("".join(texts))
    assert max(map(len, whole[1].split(b"\r\n"))) <= 76


@pytest.mark.parametrize("data", [b"a\nb", b"a\rb", b"\n", b"a\x00b", b"x" * 999 + b"\r\n"])
def test_bytes_that_no_e_mail_may_have_are_refused(data: bytes) -> None:
    with pytest.raises(Refused, match="The e-mail wasn't sent"):
        look_at(data)


def test_a_line_that_goes_through_several_pieces_is_not_too_long() -> None:
    refuse_long_lines([look_at(b"\r\n" + b"x" * 500), look_at(b"y" * 498 + b"\r\n")])
    for middle in ([], [look_at(b"")]):
        with pytest.raises(Refused, match="998"):
            refuse_long_lines([look_at(b"\r\n" + b"x" * 500), *middle, look_at(b"y" * 499 + b"\r\n")])
