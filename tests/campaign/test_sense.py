"""What is well formed and makes no sense all the same: it is refused where it stands, since nothing good could come of it."""

from __future__ import annotations

import pytest

from tests.campaign.junk import AROUND
from tillroll.campaign import parse_book

PLAIN = {
    "when": "when: {manual: true}",
    "who": "who: {segment: whole}",
    "valid": "valid: {for: 14d}",
    "send": "send: {rate: 50/s}",
}
CASES = [
    ("when", "when: {cron: 0 9 30 FEB *}", "when.cron", "there is no such day in any year"),
    ("when", "when: {cron: 0 9 31 4 *}", "when.cron", "there is no such day in any year"),
    ("when", "when: {cron: '* 9 * * MON'}", "when.cron", "a run every minute; give the minute"),
    ("when", "when: {cron: 60 9 * * MON}", "when.cron", "'60': the last value (60) is higher"),
    ("who", "who: {segment: whole, exclude: [other, whole]}", "who.exclude[1]", "nobody would be left"),
    ("send", "reminder: {before_expiry: 14d, template: plain, subject: X}", "message.reminder.before_expiry", "14 days only"),
    ("send", "send: {quiet_days: [07-01..12-31, 01-01..06-30]}", "message.send.quiet_days", "every day of the year"),
]  # fmt: skip


def faults(part: str, said: str, *, when: str = "", calendar: str = "") -> list[str]:
    """`key: problem` of every finding about a campaign that says one thing differently."""
    parts = {**PLAIN, part: said}
    text = f"""title: Hello
owner: ana@shop.example
{when or parts["when"]}
{parts["who"]}
offer:
  kind: percent
  value: 10
  {parts["valid"]}
message:
  template: plain
  subject: Hi
  {parts["send"]}
"""
    files = {"campaigns/broken.yaml": text, **AROUND}
    if calendar:
        files["rules/calendar.yaml"] = calendar
    found = parse_book({path: one.lstrip().encode() for path, one in files.items()}).findings
    for one in found:
        line = files[one.file].lstrip().splitlines()[one.line - 1]
        assert one.source_line == line
        assert line[one.column - 1 :].strip()
    return [f"{one.key}: {one.problem}" for one in found]


def test_the_plain_campaign_is_sound() -> None:
    assert faults("who", PLAIN["who"]) == []
    assert faults("who", PLAIN["who"], when="when: {cron: 0 9 29 FEB MON}") == []
    assert faults("who", PLAIN["who"], calendar="quiet_days: [01-01..12-30]") == []


@pytest.mark.parametrize(("part", "said", "key", "problem"), CASES)
def test_it_is_refused_where_it_stands(part: str, said: str, key: str, problem: str) -> None:
    (found,) = faults(part, said)
    assert found.startswith(f"{key}: ")
    assert problem in found


def test_codes_that_end_before_their_campaign_comes_are_refused() -> None:
    late = "when: {at: 2026-12-01 09:00}"
    (found,) = faults("valid", "valid: {until: 2026-12-01 09:00}", when=late)
    assert found.startswith("offer.valid.until: the codes would end before the campaign's moment")
    assert faults("valid", "valid: {until: 2026-12-01 09:01}", when=late) == []


@pytest.mark.parametrize("key", ["quiet_days", "blackout"])
def test_a_calendar_without_a_day_left_is_refused(key: str) -> None:
    found = faults("who", PLAIN["who"], calendar=f"{key}: [01-01..06-30, 07-01..12-31]\n")
    assert found[0] == f"{key}: every day of the year is one, so nothing would ever leave"
