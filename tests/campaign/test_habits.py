"""What people write in a hurry is answered with the line to write, and nothing is guessed silently."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.campaign.files import changed
from tillroll.campaign import parse_book
from tillroll.campaign.language.blocks import Variant
from tillroll.campaign.text.money import parse_amount
from tillroll.campaign.text.units import (
    parse_ago,
    parse_day,
    parse_decimal,
    parse_duration,
    parse_lifetime,
    parse_period,
    parse_wall_time,
)
from tillroll.campaign.text.written.habits import amount_meant, day_meant, length_meant, number_meant


@pytest.mark.parametrize(
    ("text", "write"),
    [
        ("14 days", "write 14d"), ("2 weeks", "write 2w"), ("1 month", "write 30d"), ("a week", "write 1w"),
        ("24 hours", "write 24h"), ("90 min", "write 90m"), ("14 Tage", "write 14d"), ("zwei", "write it like 30m"),
        ("1 year", "write 365d"),
    ],
)  # fmt: skip
def test_a_length_in_words(text: str, write: str) -> None:
    with pytest.raises(ValueError, match=write):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "write"),
    [
        ("1.000,50", "write 1000.50"), ("7,50", "write 7.50"), ("1,000.50", "write 1000.50"), ("1 000,50", "write 1000.50"),
        ("12,000", "write it like 15"), ("fifteen", "write it like 15"),
    ],
)  # fmt: skip
def test_a_number_with_the_commas_of_another_country(text: str, write: str) -> None:
    with pytest.raises(ValueError, match=write):
        parse_decimal(text)


@pytest.mark.parametrize(
    ("text", "write"),
    [
        ("10%", "only the number, 10"), ("20% off", "only the number, 20"), ("12,5 %", "only the number, 12.5"),
        ("€10", "write EUR 10"), ("10 €", "write EUR 10"), ("10,50€", "write EUR 10.50"), ("$1,000.50", "write USD 1000.50"),
        ("1.000,50", "write 1000.50"), ("ten", "like 15, 7.50 or EUR 20"),
    ],
)  # fmt: skip
def test_an_amount_as_on_a_price_tag(text: str, write: str) -> None:
    with pytest.raises(ValueError, match=write):
        parse_amount(text)


@pytest.mark.parametrize(
    "text",
    [
        "31.12.2026",
        "31. Dezember 2026",
        "December 31, 2026",
        "12/31/2026",
        "31/12/2026",
        "2026/12/31",
        "31 dec 2026",
    ],
)
def test_a_day_as_on_a_calendar(text: str) -> None:
    with pytest.raises(ValueError, match="write 2026-12-31"):
        parse_day(text)
    with pytest.raises(ValueError, match="write 2026-12-31"):
        parse_wall_time(text)


@pytest.mark.parametrize("text", ["tomorrow", "next Friday", "03/04/2026", "31.12."])
def test_a_day_that_is_not_one_day_is_not_guessed(text: str) -> None:
    with pytest.raises(ValueError, match="write it like 2026-12-25"):
        parse_day(text)


WORDS = st.sampled_from(["minutes", "hours", "days", "weeks", "months", "Tage", "jours"])


@given(text=st.text(max_size=80))
def test_every_hint_is_accepted_where_it_is_given(text: str) -> None:
    if hint := number_meant(text):
        parse_decimal(hint)
    if hint := day_meant(text):
        parse_day(hint)
    if hint := amount_meant(text):
        parse_amount(hint)


@given(number=st.integers(min_value=1, max_value=100), word=WORDS)
def test_every_length_that_is_meant_is_one(number: int, word: str) -> None:
    assert parse_duration(length_meant(f"{number} {word}"))


@pytest.mark.parametrize(
    ("condition", "write"),
    [
        ("spent: {more_than: 500}", "write at_least: with the amount"),
        ("average_order: {under: 20}", "write at_most: with the amount"),
        ("spent: {top: 5%}", "write rfm: {monetary: {top: 5%}}"),
        ("orders: {best: 10%}", "write rfm: {frequency: {top: 5%}}"),
        ("rfm: {monetary: {top: 2.5%}}", "a whole percentage from 1% to 99%"),
        ("orders: {more_than: 2}", "more than 2 is at_least: 3"),
        ("orders: {less_than: 3}", "fewer than 3 is at_most: 2"),
    ],
)
def test_a_bound_by_another_name(condition: str, write: str) -> None:
    path = "rules/segments/some.yaml"
    findings = parse_book({path: f"title: Some\nwhere:\n  {condition}\n".encode()}).findings
    assert [(each.line, write in each.problem) for each in findings] == [(3, True)]


def test_the_weights_of_variants() -> None:
    weights = [Variant.model_validate({"name": "a", "weight": each}).weight for each in ("50%", " 25 %", 50)]
    assert weights == [50, 25, 50]
    files = changed(("approval:", "variants: [{name: alone}]\napproval:"))
    assert "the list needs at least 2 entries" in [each.problem for each in parse_book(files).findings]


@pytest.mark.parametrize(
    ("text", "days"), [("1m", "30d"), ("3m", "90d"), (" 12 m ", "360d"), ("24m", "720d"), ("30m", None)]
)
def test_a_month_is_not_taken_for_a_minute(text: str, days: str | None) -> None:
    for parse in (parse_period, parse_lifetime, lambda raw: parse_ago(f"{raw} ago")):
        if days is None:
            parse(text)
        else:
            with pytest.raises(ValueError, match=f"for months write days, like {days}"):
                parse(text)
    assert parse_duration("1m") == timedelta(minutes=1)  # a wait of minutes is one


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("exclude: [staff]", "exclude: staff", "write [staff]"),
        ('cron: "0 9 1 * *"', "on: {group_entered: Trade}", "write {group: Trade}"),
        ('cron: "0 9 1 * *"', "on: {inactive: 90d}", "write {for: 90d}"),
        ('cron: "0 9 1 * *"', "on: customer_created\n  again: 180d", "write {after: 180d}"),
        ('cron: "0 9 1 * *"', "on: {review_left: {rating: 5}}", "unknown key"),
        ('cron: "0 9 1 * *"', "cron: 0 10 * * Sunday", "SUN: 0 10 * * SUN"),
        ("exclude: [staff]", "exclude: {staff: true}", "a block of keys is not a list, like [one, two]"),
    ],
)
def test_a_word_where_a_list_or_a_block_belongs(before: str, after: str, line: str) -> None:
    findings = parse_book(changed((before, after))).findings
    assert [line in each.problem for each in findings] == [True]


def test_a_list_whose_entry_is_at_fault_is_not_empty() -> None:
    path = "rules/segments/some.yaml"
    findings = parse_book({path: b"title: Some\nwhere: {country: {in: [Germany]}}\n"}).findings
    assert [(each.key, each.suggestion) for each in findings] == [("where.country.in[0]", "DE")]
