"""YAML: the core schema of 1.2, positions, and refused features."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillroll.campaign import parse_book
from tillroll.campaign.text.source import MOST_BYTES, MOST_DEPTH, read_source

REFUSED = [
    (b"a: &x 1\nb: *x\n", (1, 4), "anchors and aliases"),
    (b"a: !!python/object:os.system x\n", (1, 4), "tags (!)"),
    (b"a: 1\na: 2\n", (2, 1), "given twice; the first is on line 1"),
    (b"a: 1\n---\nb: 2\n", (2, 1), "a second document"),
    (b"a:\n\tb: 1\n", (2, 1), "a tab; indent YAML with spaces"),
    (b"a: b: c\n", (1, 5), "unexpected colon"),
    (b'a: "open\nb: 1\n', (1, 4), "opened but never closed"),
    (b"a: [1, 2\n", (2, 1), ", or ] is missing"),
    (b"a: @x\n", (1, 4), "put the value in quotes"),
    (b"? [a]\n: 1\n", (1, 3), "a key must be text"),
    (b"", (1, 1), "the file is empty"),
    (b"# only a comment\n", (1, 1), "the file is empty"),
    (b"a: \xff\n", (1, 4), "not UTF-8"),
    ("é: é\xe9\n".encode("latin-1"), (1, 1), "not UTF-8"),
    ("a: 1".encode("utf-16"), (1, 1), "not UTF-8"),
    (b"a: 1\r\nb: \x00x\r\n", (2, 4), "U+0000 is not allowed"),
    (b"a: 1\r\na: 2\r\n", (2, 1), "given twice; the first is on line 1"),
    (
        "".join(f"{' ' * n}a:\n" for n in range(MOST_DEPTH + 2)).encode(),
        (MOST_DEPTH + 1, 41),
        "nested deeper",
    ),
    (b"a: *nowhere\n", (1, 4), "anchors and aliases"),
    (b"a: 1\nb: \x07\n", (2, 4), "U+0007 is not allowed"),
    (b"a: " + b"9" * 5_000 + b"\n", (1, 4), "too many digits"),
    (b"a: " + b"[" * (MOST_DEPTH + 1) + b"]" * (MOST_DEPTH + 1), (1, 43), "nested deeper"),
    (b"[" * 100_000, (1, 41), "nested deeper"),
    (b"a: [" + b"1," * 30_000 + b"]\n", None, "more than 10,000 keys and values"),
    (b"a" * (MOST_BYTES + 1), (1, 1), "larger than 1024 KiB"),
]


@pytest.mark.parametrize(("content", "at", "says"), REFUSED, ids=[case[2] for case in REFUSED])
def test_refused_yaml_is_reported_at_its_place(content: bytes, at: tuple[int, int] | None, says: str) -> None:
    source = read_source("campaigns/a.yaml", content)
    assert source.data is None
    assert says in source.findings[0].problem
    if at is not None:
        assert (source.findings[0].line, source.findings[0].column) == at


def test_scalars_are_yaml_1_2s() -> None:
    source = read_source(
        "a.yaml", b"a: NO\nb: 21:00\nc: 2026-11-27\nd: 010\ne: yes\nf: 0o10\ng: true\nh: ~\n"
    )
    assert source.data == {
        "a": "NO",
        "b": "21:00",
        "c": "2026-11-27",
        "d": 10,
        "e": "yes",
        "f": 8,
        "g": True,
        "h": None,
    }


def test_a_byte_order_mark_is_not_part_of_the_first_key() -> None:
    assert read_source("a.yaml", "\ufefftitle: x\n".encode()).data == {"title": "x"}


def test_positions_count_characters_not_bytes() -> None:
    source = read_source("a.yaml", '"šđ🎁": {"سلام": 1}\n'.encode())
    assert source.keys[("šđ🎁",)] == (1, 1)
    assert source.keys[("šđ🎁", "سلام")] == (1, 9)
    assert source.values[("šđ🎁", "سلام")] == (1, 17)


_plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def _seen(text: str) -> bool:
    return all(sign.isprintable() for sign in text)


def _clean(value: object) -> bool:
    if isinstance(value, str):
        return _seen(value)
    if isinstance(value, list):
        return all(_clean(part) for part in value)
    if isinstance(value, dict):
        return all(_seen(key) and _clean(part) for key, part in value.items())
    return True


@given(st.dictionaries(st.text(max_size=8), _plain, min_size=1, max_size=4).filter(_clean))
def test_plain_data_is_read_back_unchanged(data: dict[str, object]) -> None:
    source = read_source(
        "a.yaml", json.dumps(data, ensure_ascii=False).encode()
    )  # YAML 1.2 holds all of JSON
    assert source.findings == []
    assert source.data == data


@given(st.binary(max_size=300))
def test_no_bytes_raise_an_error(content: bytes) -> None:
    book = parse_book({"campaigns/a.yaml": content, "rules/segments/b.yaml": content})
    assert book.findings
    for finding in book.findings:
        assert finding.render()


@given(st.text(max_size=300))
def test_no_text_raises_an_error(content: str) -> None:
    text = content.encode("utf-8", "surrogatepass")
    for finding in parse_book({"campaigns/a.yaml": text, "templates/a/message.txt.j2": text}).findings:
        assert finding.line >= 1
        assert finding.column >= 1
        assert finding.render()
