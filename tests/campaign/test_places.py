"""Every fault of a campaign is told at its line and column, in words that say what to write instead."""

from __future__ import annotations

import pytest

from tests.campaign.files import WINBACK, changed, only, place
from tillroll.campaign import parse_book


def _goods(said: str, at: str, says: str, suggests: str = "") -> tuple[str, str, str, str, str]:
    """A fault of what the offer is on."""
    return "uses: single", f"uses: single\n  applies_to: {said}", at, says, suggests


FAULTS = [
    # what is replaced, by what, where the finding stands (the word it points at), and words it must say
    ("segment: lapsed-90", "segmnt: lapsed-90", "segmnt", "unknown key", "segment"),
    ("segment: lapsed-90", "segment: lapsed-9", "lapsed-9", "there is no segment 'lapsed-9'", "lapsed-90"),
    ("template: winback", "template: winbak", "winbak", "there is no template 'winbak'", "winback"),
    ("format: short", "format: shrt", "shrt", "there is no code format 'shrt'", "short"),
    ("kind: percent", "kind: percnt", "percnt", "is none of percent, amount", "percent"),
    ("value: 15", "value: fifteen", "fifteen", "is not an amount; write it like 15, 7.50 or EUR 20", ""),
    ("value: 15", "value: 150", "150", "150 is over 100 %", ""),
    ("value: 15", "value: -1", "-1", "must be more than 0", ""),
    ("value: 15", "value: .nan", ".nan", "is not a number", ""),
    ("limit: 50000", "limit: 0", "0\n  holdout", "0 must be at least 1", ""),
    ("limit: 50000", "limit: true", "true", "true is not a whole number", ""),
    ("limit: 50000", 'limit: "50000"', '"50000"', "'50000' is not a whole number", ""),
    ("holdout: 10%", "holdout: 10", "10\n\noffer", "10 is not a share; write it like 10%", ""),
    ("holdout: 10%", "holdout: 100%", "100%", "must be at least 0% and below 100%", ""),
    ("{for: 14d}", "{for: 14 days}", "14 days", "is not a length of time; write it like 30m", ""),
    ("{for: 14d}", "{for: 14d, until: 2027-01-01}", "{for: 14d, until", "not both", ""),
    ("{for: 14d}", "{from: 2027-02-01, until: 2027-01-01}", "2027-01-01", "later than from:", ""),
    ("{for: 14d}", "{until: 2027-02-30}", "2027-02-30", "is not a date and time", ""),
    ("uses: single", "uses: twice", "twice", "is none of single, once_per_customer, unlimited", ""),
    ("prefix: BACK", "prefix: back", "back}", "at most 12 capital letters and digits", ""),
    ("title: We miss you", 'title: " "', '" "', "one line of text, not blank", ""),
    ("title: We miss you", "title: 5", "5\nowner", "5 is not text (put it in quotes)", ""),
    ("title: We miss you", "title: [a]", "[a]", "a list is not text", ""),
    ("expires: 48h", "expires: 9999w", "9999w", "longer than ten years", ""),
    ("by: 1", "by: 11", "11", "11 must be at most 10", ""),
    ('cron: "0 9 1 * *"', 'cron: "0 9 1 *"', '"0 9 1 *"', "five fields", ""),
    ('cron: "0 9 1 * *"', 'cron: "0 9 * * 1"', '"0 9 * * 1"', "write weekdays as MON", ""),
    ('cron: "0 9 1 * *"', 'cron: "0 25 1 * *"', '"0 25 1 * *"', "this is not a cron line", ""),
    ("if_late: run_once", "if_late: later", "later", "is none of skip, run_once, catch_up", ""),
    ("within: 12h", "timezone: Europe/Lubljana", "Europe/Lubljana", "is not a time zone", ""),
    ("if_unknown: skip", "quiet_hours: 21-8", "21-8", "is not a stretch of the day", ""),
    _goods("{product: [TEA-01]}", "product:", "unknown key", "products"),
    _goods("{}", "{}", "name products by SKU, categories by name, or both"),
    _goods("{products: []}", "[]", "the list is empty"),
    _goods("{products: TEA-01}", "TEA-01}", "'TEA-01' is not a list"),
    _goods("{products: [1001]}", "1001", "1001 is not text (put it in quotes)"),
    _goods('{categories: [" "]}', '" "]', "one line of text, not blank"),
    _goods("{products: [A, B, A ]}", "A ]", "the product 'A' is named twice"),
    _goods("{categories: [Tea/Green, tea / GREEN]}", "tea / G", "the category 'tea / GREEN' is named twice"),
    (
        "kind: percent\n  value: 15",
        "kind: free_shipping\n  applies_to: {products: [A]}",
        "{products: [A]}",
        "free_shipping is for the whole basket",
        "",
    ),
    ("who:\n", "who: everyone\nwhom:\n", "everyone", "is not a block of keys and values", ""),
]


@pytest.mark.parametrize(("old", "new", "at", "says", "suggests"), FAULTS, ids=[case[1] for case in FAULTS])
def test_a_fault_is_told_at_its_place(old: str, new: str, at: str, says: str, suggests: str) -> None:
    files = changed((old, new))
    line, column = place(files[WINBACK].decode(), at)
    found = parse_book(files).findings
    mine = [one for one in found if (one.line, one.column) == (line, column)]
    assert mine, [finding.render() for finding in found]
    assert mine[0].file == WINBACK
    assert says in mine[0].problem
    assert mine[0].suggestion == suggests
    assert mine[0].source_line == files[WINBACK].decode().splitlines()[line - 1]


def test_all_faults_are_told_at_once_in_the_order_of_the_file() -> None:
    files = changed(
        ("owner: ana@shop.example\n", ""), ("lapsed-90", "nobody"), ("value: 15", "value: x"), ("14d", "14")
    )
    found = parse_book(files).findings
    assert [one.key for one in found] == ["owner", "who.segment", "offer.value", "offer.valid.for"]
    assert [one.line for one in found] == sorted(one.line for one in found)


def test_a_faulty_campaign_is_left_out_and_the_others_stay() -> None:
    book = parse_book(changed(("value: 15", "value: x")))
    assert book.faulty == {"winback"}
    assert set(book.revisions) == {"welcome", "seasonal", "vip-thanks"}


def test_a_missing_key_is_told_at_the_block_that_lacks_it() -> None:
    found = only(parse_book(changed(("  kind: percent\n", ""))))
    assert found.key == "offer.kind"
    assert found.problem == "this key is missing"
    assert found.source_line == "offer:"


def test_the_caret_stands_under_the_word() -> None:
    rendered = only(parse_book(changed(("value: 15", "value: 150")))).render().splitlines()
    assert rendered[0].startswith("campaigns/winback.yaml:19:10 offer.value: 150 is over 100 %")
    assert rendered[1].index("150") == rendered[2].index("^")


def test_the_caret_counts_columns_as_a_terminal_shows_them() -> None:
    file = "title: {茶会: 1}\n".encode()
    found = [one for one in parse_book({"campaigns/a.yaml": file}).findings if one.key == "title"]
    _head, _shown, caret = found[0].render().splitlines()
    assert caret == "    " + " " * 7 + "^"


def test_a_file_can_play_no_tricks_on_the_terminal() -> None:
    found = parse_book({"campaigns/a.yaml": b'"\\e[31mred": 1\n'}).findings
    assert all("\x1b" not in finding.render() for finding in found)
    assert any("[31mred" in finding.key for finding in found)
