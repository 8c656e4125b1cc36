"""What `clean_line`, `clean_lines`, `clean_key` and `clean_address` promise, for any text at all."""

from __future__ import annotations

import unicodedata
from time import process_time

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from tests.security.hostile import texts
from tillroll.campaign.text.clean import (
    LONGEST_LINE,
    CleanText,
    Uncleanable,
    clean_address,
    clean_key,
    clean_line,
    clean_lines,
    is_clean,
)

UNSEEN = set("\ufeff\ufff9\ufffa\ufffb\u206a\u206b\u206c\u206d\u206e\u206f")
FORBIDDEN = {"Cc", "Cs", "Zl", "Zp"}


def harmless(text: str) -> bool:
    """Whether a text holds nothing that a line may not hold; told by Unicode's tables, not by the module's own."""
    return not any(
        unicodedata.category(letter) in FORBIDDEN
        or unicodedata.bidirectional(letter)
        in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
        or ord(letter) & 0xFFFE == 0xFFFE
        or 0xFDD0 <= ord(letter) <= 0xFDEF
        for letter in text
    )


@given(texts, st.integers(1, 600))
def test_a_clean_line_is_harmless_composed_short_and_stays_as_it_is(raw: str, longest: int) -> None:
    line = clean_line(raw, longest=longest)
    assert harmless(line)
    assert len(line) <= longest
    assert unicodedata.is_normalized("NFC", line)
    assert line == line.strip()
    assert clean_line(line, longest=longest) == line
    assert is_clean(line)
    assert line.encode().decode() == line


@given(texts, st.integers(1, 600))
def test_clean_lines_are_harmless_lines(raw: str, longest: int) -> None:
    text = clean_lines(raw, longest=longest)
    assert all(map(harmless, text.split("\n")))
    assert len(text) <= longest
    assert unicodedata.is_normalized("NFC", text)
    assert clean_lines(text, longest=longest) == text


@given(texts)
def test_lines_are_the_same_however_they_end(raw: str) -> None:
    one = raw.replace("\r", "")
    assert clean_lines(one.replace("\n", "\r\n")) == clean_lines(one.replace("\n", "\r")) == clean_lines(one)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Cf", "Zl", "Zp", "Zs"])))
def test_a_harmless_text_loses_nothing(text: str) -> None:
    """Only its form changes: it is composed, and what shows nothing is empty."""
    shown = unicodedata.normalize("NFC", text)
    marks = any(map(unicodedata.combining, shown))
    assert marks or clean_line(shown, longest=10_000) in (shown, "")


@given(texts)
def test_a_key_is_kept_to_the_letter_or_refused(raw: str) -> None:
    if harmless(raw) and len(raw) <= 250 and not set(raw) & UNSEEN:
        assert clean_key(raw, "The SKU") == raw
        return
    with pytest.raises(Uncleanable) as caught:
        clean_key(raw, "The SKU")
    assert harmless(caught.value.message)


@given(texts)
def test_an_address_is_refused_unless_it_has_one_at_and_no_spaces(raw: str) -> None:
    try:
        address = clean_address(raw)
    except Uncleanable:
        return
    assert address == raw.strip()
    assert address.count("@") == 1
    assert harmless(address)
    assert not any(letter.isspace() or letter in '<>,;:"()' for letter in address)


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        ("  Ana  ", "Ana"),
        ("Ana\r\nBcc: thief@evil.example", "Ana Bcc: thief@evil.example"),
        ("Ana\tMaria\u2028Lima", "Ana Maria Lima"),
        ("A\x00n\x1b[31ma\x7f\x9b", "An[31ma"),
        ("Ana\ud83d", "Ana"),
        ("Jose\u0301", "José"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("\ufeffAna\ufffe\U0010ffff", "Ana"),
        ("\u0301Ana", "Ana"),
        ("\u200b\u200d\u3164 ", ""),
        ("אבגד", "אבגד"),
        ("ناز\u200cنين", "ناز\u200cنين"),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f468\u200d\U0001f469\u200d\U0001f467"),
        ("=?utf-8?q?x=0D=0A?=", "=?utf-8?q?x=0D=0A?="),
        ("<b>Ana & [red]", "<b>Ana & [red]"),
    ],
)
def test_a_line_becomes(raw: str, line: str) -> None:
    assert clean_line(raw) == line


@pytest.mark.parametrize(
    ("raw", "longest", "line"),
    [
        ("Anabel", 3, "Ana"),
        ("Anx\u0323", 3, "An"),
        ("A\U0001f468\u200d\U0001f469\u200d\U0001f467", 4, "A"),
        ("A\U0001f44d\U0001f3ff", 2, "A"),
        ("\U0001f1e7\U0001f1f7\U0001f1e9\U0001f1ea", 3, "\U0001f1e7\U0001f1f7"),
    ],
)
def test_a_line_is_cut_between_two_visible_characters(raw: str, longest: int, line: str) -> None:
    assert clean_line(raw, longest=longest) == line


def test_lines_end_in_one_way() -> None:
    assert clean_lines("one\r\ntwo\rthree\u2028four \x0b\tfive\x00") == "one\ntwo\nthree\nfour\n five"


def test_marks_heaped_on_one_letter_are_few_afterwards() -> None:
    assert len(clean_line("e" + "\u0323\u0301" * 5_000, longest=10_000)) < 40


@pytest.mark.parametrize(
    "address", ["ana@shop.example", "ana.maria+x@münchen.example", "用户@例え.jp", "o'neil@localhost"]
)
def test_an_address_that_can_be_mailed_stays(address: str) -> None:
    assert clean_address(f" {address} ") == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ana",
        "ana@",
        "@shop.example",
        "a@b@c.example",
        "a na@shop.example",
        "ana@shop .example",
        "ana@shop..example",
        ".ana@shop.example",
        "ana@-shop.example",
        "ana@[127.0.0.1]",
        '"ana lima"@shop.example',
        "Ana <ana@shop.example>",
        "ana@shop.example,eve@evil.example",
        "ana\x00@shop.example",
        "ana\u200b@shop.example",
        "ana@shop.example\r\nBcc: x@evil.example",
        "a" * 65 + "@shop.example",
        "ana@" + "a" * 250 + ".example",
    ],
)
def test_an_address_that_nobody_could_mail_is_refused(address: str) -> None:
    with pytest.raises(Uncleanable):
        clean_address(address)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raws=st.lists(texts, min_size=20, max_size=40))
def test_both_databases_keep_clean_text_to_the_letter(ledger: Engine, raws: list[str]) -> None:
    kept = sa.table("clean_texts", sa.column("id", sa.Integer), sa.column("text", sa.Text))
    lines: list[CleanText] = [make(raw) for raw in raws for make in (clean_line, clean_lines)]
    with ledger.begin() as connection:
        connection.execute(sa.text("CREATE TEMPORARY TABLE clean_texts (id INTEGER PRIMARY KEY, text TEXT)"))
        connection.execute(sa.text("CREATE INDEX clean_texts_text ON clean_texts (text)"))
        rows = [
            {"id": number, "text": line} for number, line in enumerate(lines) if len(line) <= LONGEST_LINE
        ]
        connection.execute(sa.insert(kept), rows)
        read = connection.execute(sa.select(kept.c.id, kept.c.text).order_by(kept.c.id)).all()
        assert [tuple(row) for row in read] == [(row["id"], row["text"]) for row in rows]
        connection.execute(sa.text("DROP TABLE clean_texts"))


@pytest.mark.parametrize(
    "letter", ["\u0301", "\u0323\u0301", " ", "\t", "\x00", "\U0001f1e7", "\u200d", "e\u0301"]
)
def test_cleaning_takes_time_by_the_length_it_keeps(letter: str) -> None:
    """Ten megabytes of what is costly to sort, to strip or to cut cost no more than the text that is kept."""
    begun = process_time()
    clean_line(letter * 10_000_000)
    clean_lines(letter * 10_000_000)
    assert process_time() - begun < 2
