"""Faults of a campaign are reported with line and column, and say what to write instead."""

from __future__ import annotations

import pytest

from tests.campaign.files import WINBACK, changed, only, place
from tillroll.campaign import parse_book


def _goods(value: str, at: str, says: str, suggests: str = "") -> tuple[str, str, str, str, str]:
    """Return the case of a fault in `applies_to`."""
    return "uses: single", f"uses: single\n  applies_to: {value}", at, says, suggests


FAULTS = [
    # old text, new text, place of the finding (the word it points at), words that it must contain
    ("segment: lapsed-90", "segmnt: lapsed-90", "segmnt", "unknown key", "segment"),
    ("segment: lapsed-90", "segment: lapsed-9", "lapsed-9", "there is no segment 'lapsed-9'", "lapsed-90"),
    ("template: winback", "template: winbak", "winbak", "there is no template 'winbak'", "winback"),
    ("format: short", "format: shrt", "shrt", "there is no code format 'shrt'", "short"),
    ("kind: percent", "kind: percnt", "percnt", "is not one of percent, amount", "percent"),
    ("value: 15", "value: fifteen", "fifteen", "is not an amount; write it like 15, 7.50 or EUR 20", ""),
    ("value: 15", "value: 150", "150", "150 is more than 100%", ""),
    ("value: 15", "value: -1", "-1", "must be more than 0", ""),
    ("value: 15", "value: .nan", ".nan", "is not a number", ""),
    ("limit: 50000", "limit: 0", "0\n  holdout", "0 must be at least 1", ""),
    ("limit: 50000", "limit: true", "true", "true is not a whole number", ""),
    ("limit: 50000", 'limit: "50000"', '"50000"', "'50000' is not a whole number", ""),
    ("holdout: 10%", "holdout: 10", "10\n\noffer", "10 is not a percentage; write it like 10%", ""),
    ("holdout: 10%", "holdout: 100%", "100%", "must be at least 0% and below 100%", ""),
    ("{for: 14d}", "{for: 14 days}", "14 days", "is not a duration; write 14d", ""),
    ("{for: 14d}", "{for: 14d, until: 2027-01-01}", "{for: 14d, until", "not both", ""),
    ("{for: 14d}", "{from: 2027-02-01, until: 2027-01-01}", "2027-01-01", "later than from:", ""),
    ("{for: 14d}", "{until: 2027-02-30}", "2027-02-30", "is not a date and time", ""),
    ("uses: single", "uses: twice", "twice", "is not one of single, once_per_customer, unlimited", ""),
    ("prefix: BACK", "prefix: back", "back}", "at most 12 capital letters and digits", ""),
    ("title: We miss you", 'title: " "', '" "', "one line of text, not blank", ""),
    ("title: We miss you", "title: 5", "5\nowner", "5 is not text (put it in quotes)", ""),
    ("title: We miss you", "title: [a]", "[a]", "a list is not text", ""),
    ("expires: 48h", "expires: 9999w", "9999w", "longer than ten years", ""),
    ("by: 1", "by: 11", "11", "11 must be at most 10", ""),
    ('cron: "0 9 1 * *"', 'cron: "0 9 1 *"', '"0 9 1 *"', "five fields", ""),
    ('cron: "0 9 1 * *"', 'cron: "0 9 * * 1"', '"0 9 * * 1"', "write weekdays as MON", ""),
    ('cron: "0 9 1 * *"', 'cron: "0 25 1 * *"', '"0 25 1 * *"', "this is not a cron line", ""),
    ("if_late: run_once", "if_late: later", "later", "is not one of skip, run_once, catch_up", ""),
    ("within: 12h", "timezone: Europe/Lubljana", "Europe/Lubljana", "is not a time zone", ""),
    ("if_unknown: skip", "quiet_hours: 21-8", "21-8", "is not a time window", ""),
    _goods("{product: [TEA-01]}", "product:", "unknown key", "products"),
    _goods("{}", "{}", "name products by SKU, categories by name, or both"),
    _goods("{products: []}", "[]", "the list is empty"),
    _goods("{products: TEA-01}", "TEA-01}", "'TEA-01' is not a list"),
    _goods("{products: [1001]}", "1001", "1001 is not text (put it in quotes)"),
    _goods('{categories: [" "]}', '" "]', "one line of text, not blank"),
    _goods("{products: [A, B, A ]}", "A ]", "the product 'A' is listed twice"),
    _goods("{categories: [Tea/Green, tea / GREEN]}", "tea / G", "the category 'tea / GREEN' is listed twice"),
    (
        "kind: percent\n  value: 15",
        "kind: free_shipping\n  applies_to: {products: [A]}",
        "{products: [A]}",
        "free_shipping applies to the whole basket",
        "",
    ),
    ("who:\n", "who: everyone\nwhom:\n", "everyone", "is not a block of keys and values", ""),
]


@pytest.mark.parametrize(("old", "new", "at", "says", "suggests"), FAULTS, ids=[case[1] for case in FAULTS])
def test_a_fault_is_reported_at_its_place(old: str, new: str, at: str, says: str, suggests: str) -> None:
    files = changed((old, new))
    line, column = place(files[WINBACK].decode(), at)
    findings = parse_book(files).findings
    mine = [each for each in findings if (each.line, each.column) == (line, column)]
    assert mine, [finding.render() for finding in findings]
    assert mine[0].file == WINBACK
    assert says in mine[0].problem
    assert mine[0].suggestion == suggests
    assert mine[0].source_line == files[WINBACK].decode().splitlines()[line - 1]


def test_all_faults_are_reported_in_the_order_of_the_file() -> None:
    files = changed(
        ("owner: ana@shop.example\n", ""), ("lapsed-90", "nobody"), ("value: 15", "value: x"), ("14d", "14")
    )
    findings = parse_book(files).findings
    assert [finding.key for finding in findings] == ["owner", "who.segment", "offer.value", "offer.valid.for"]
    assert [finding.line for finding in findings] == sorted(finding.line for finding in findings)


def test_only_the_faulty_campaign_is_left_out() -> None:
    book = parse_book(changed(("value: 15", "value: x")))
    assert book.faulty == {"winback"}
    assert set(book.revisions) == {"welcome", "seasonal", "vip-thanks"}


def test_a_missing_key_is_reported_at_its_block() -> None:
    finding = only(parse_book(changed(("  kind: percent\n", ""))))
    assert finding.key == "offer.kind"
    assert finding.problem == "this key is missing"
    assert finding.source_line == "offer:"


def test_the_caret_is_under_the_word() -> None:
    rendered = only(parse_book(changed(("value: 15", "value: 150")))).render().splitlines()
    assert rendered[0].startswith("campaigns/winback.yaml:19:10 offer.value: 150 is more than 100%")
    assert rendered[1].index("150") == rendered[2].index("^")


def test_the_caret_counts_columns_as_a_terminal_shows_them() -> None:
    file = "title: {茶会: 1}\n".encode()
    findings = [
        finding for finding in parse_book({"campaigns/a.yaml": file}).findings if finding.key == "title"
    ]
    _head, _shown, caret = findings[0].render().splitlines()
    assert caret == "    " + " " * 7 + "^"


def test_control_characters_never_reach_the_terminal() -> None:
    findings = parse_book({"campaigns/a.yaml": b'"\\e[31mred": 1\n'}).findings
    assert all("\x1b" not in finding.render() for finding in findings)
    assert any("U+001B is not allowed" in finding.problem for finding in findings)
