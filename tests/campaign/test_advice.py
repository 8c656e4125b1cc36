"""Valid files whose words may mean something else than their reader thinks: a warning, which stops nothing."""

from __future__ import annotations

import pytest

from tests.campaign.files import WINBACK, changed
from tests.shop import sample_files
from tillroll.campaign import parse_book

CASES = [
    ("""cron: "0 9 1 * *\"""", """cron: "0 9 1 * MON\"""", "when.cron", "only on a MON that is also day 1"),
    ("""cron: "0 9 1 * *\"""", """cron: "0 9 13 6 FRI\"""", "when.cron", "leave one of the two as *"),
    ("""cron: "0 9 1 * *\"""", """cron: "0 9 25-31 * FRI\"""", "when.cron", "write last-FRI as the day"),
    ("""cron: "0 9 1 * *\"""", """cron: "0 9 last * FRI\"""", "when.cron", "write last-FRI as the day"),
    (
        """cron: "0 9 1 * *\"""",
        """cron: "0 9 1-7 * MON\"""",
        "when.cron",
        "The 1st MON can be written as 1st-MON * *",
    ),
    ("""cron: "0 9 1 * *\"""", "at: 2026-12-01", "when.at", "write 2026-12-01 09:00"),
    ("""cron: "0 9 1 * *\"""", "at: 2026-12-01 00:00", "when.at", "at midnight"),
    (
        """cron: "0 9 1 * *\"""",
        "on: {birthday: {field: Birthday}}\n  again: {after: 366d}",
        "when.again.after",
        "write 365d for each year",
    ),
    (
        """cron: "0 9 1 * *\"""",
        "on: customer_created\n  after: 2m",
        "when.after",
        "for months write days, like 60d",
    ),
    ("{for: 14d}", "{until: 2026-12-31 00:00}", "offer.valid.until", "for the whole day write 2026-12-31"),
    ("kind: percent", "kind: amount", "", ""),
    (
        "kind: percent\n  value: 15\n  minimum_subtotal: 30",
        "kind: amount\n  value: 20\n  minimum_subtotal: 10",
        "offer.minimum_subtotal",
        "write minimum_subtotal: 20 or more",
    ),
    (
        "kind: percent\n  value: 15\n  minimum_subtotal: 30",
        "kind: amount_and_shipping\n  value: EUR 30.50\n  minimum_subtotal: EUR 30",
        "offer.minimum_subtotal",
        "write minimum_subtotal: 30.50 or more",
    ),
]


@pytest.mark.parametrize(("old", "new", "key", "problem"), CASES)
def test_words_with_two_meanings_are_warned_of_at_their_place(
    old: str, new: str, key: str, problem: str
) -> None:
    book = parse_book(changed((old, new)))
    assert not book.findings
    assert "winback" in book.revisions, "a warning stops nothing"
    warnings = [each for each in book.warnings if each.file == WINBACK and each.key != "message.subject"]
    assert [each.key for each in warnings] == ([key] if key else [])
    assert all(problem in each.problem for each in warnings)


FLOW = """title: Back
owner: ana@shop.example
status: active
when: {on: {inactive: {for: 90d}}}
steps:
  - offer: {kind: percent, value: 10, valid: {%s}}
    message: {template: winback, subject: Hello}
  - wait: 1d
    same_code: true
    message: {template: winback, subject: And}
  - wait: %s
    same_code: true
    message: {template: winback, subject: Again}
"""


@pytest.mark.parametrize(
    ("valid", "wait", "problem"),
    [
        ("for: 7d", "5d", ""),
        ("for: 7d", "6d", "7 days after it: on the code's last day at best"),
        ("for: 7d", "7d", "8 days after it: when the code has ended, so it is sent to nobody"),
        ("for: 48h", "24h", "2 days after it: when the code has ended, so it is sent to nobody"),
        ("for: 48h", "23h", ""),
        ("until: 2026-12-31", "30d", ""),
    ],
)
def test_an_e_mail_that_shows_a_code_after_its_end_is_told(valid: str, wait: str, problem: str) -> None:
    book = parse_book({**sample_files(), "campaigns/back.yaml": (FLOW % (valid, wait)).encode()})
    warnings = [each for each in book.warnings if each.key == "steps[2].wait"]
    assert len(warnings) == bool(problem)
    assert all(problem in each.problem for each in warnings)


@pytest.mark.parametrize(
    ("event", "customers", "is_told"),
    [
        ("order_placed: {number: 1}", "new", True),
        ("spent_reached: {amount: 100}", "new", True),
        ("order_placed: {number: 1}", "repeat", False),
        ("customer_created: {}", "new", False),
    ],
)
def test_a_first_order_code_for_who_has_just_ordered_is_told(
    event: str, customers: str, is_told: bool
) -> None:
    trigger = ("""cron: "0 9 1 * *\"""", f"on: {{{event}}}")
    book = parse_book(changed(trigger, ("customers: repeat", f"customers: {customers}")))
    keys = [each.key for each in book.warnings]
    assert ("offer.customers" in keys) == is_told


def test_the_sample_files_need_no_advice() -> None:
    assert parse_book(changed()).warnings == ()


def test_an_arm_is_read_like_the_campaign_itself() -> None:
    text = """variants:
  - {name: percent}
  - {name: amount, offer: {kind: amount, value: 40, minimum_subtotal: 30}}
approval:"""
    book = parse_book(changed(("approval:", text)))
    assert not book.findings
    assert "variants[1].offer.minimum_subtotal" in [each.key for each in book.warnings]
