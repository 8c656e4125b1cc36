"""Well-formed nonsense is refused at its place."""

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
    ("when", "when: {cron: 0 9 30 FEB *}", "when.cron", "no year has such a day"),
    ("when", "when: {cron: 0 9 31 4 *}", "when.cron", "no year has such a day"),
    ("when", "when: {cron: '* 9 * * MON'}", "when.cron", "would run every minute; give the minute"),
    ("when", "when: {cron: 60 9 * * MON}", "when.cron", "'60': the last value (60) is higher"),
    ("who", "who: {segment: whole, exclude: [other, whole]}", "who.exclude[1]", "nobody would be left"),
    ("send", "reminder: {before_expiry: 14d, template: plain, subject: X}", "message.reminder.before_expiry", "for 14 days"),
    ("send", "send: {quiet_days: [07-01..12-31, 01-01..06-30]}", "message.send.quiet_days", "every day of the year"),
]  # fmt: skip


def faults(part: str, replacement: str, *, when: str = "", calendar: str = "") -> list[str]:
    """Return `key: problem` of every finding about a campaign with one part replaced."""
    parts = {**PLAIN, part: replacement}
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
    findings = parse_book({path: each.lstrip().encode() for path, each in files.items()}).findings
    for each in findings:
        line = files[each.file].lstrip().splitlines()[each.line - 1]
        assert each.source_line == line
        assert line[each.column - 1 :].strip()
    return [f"{each.key}: {each.problem}" for each in findings]


def test_the_plain_campaign_is_valid() -> None:
    assert faults("who", PLAIN["who"]) == []
    assert faults("who", PLAIN["who"], when="when: {cron: 0 9 29 FEB MON}") == []
    assert faults("who", PLAIN["who"], calendar="quiet_days: [01-01..12-30]") == []


@pytest.mark.parametrize(("part", "replacement", "key", "problem"), CASES)
def test_nonsense_is_reported_at_its_place(part: str, replacement: str, key: str, problem: str) -> None:
    (fault,) = faults(part, replacement)
    assert fault.startswith(f"{key}: ")
    assert problem in fault


def test_codes_that_expire_before_the_campaign_runs_are_refused() -> None:
    late = "when: {at: 2026-12-01 09:00}"
    (fault,) = faults("valid", "valid: {until: 2026-12-01 09:00}", when=late)
    assert fault.startswith("offer.valid.until: the codes would expire before the campaign runs")
    assert faults("valid", "valid: {until: 2026-12-01 09:01}", when=late) == []


@pytest.mark.parametrize("key", ["quiet_days", "blackout"])
def test_a_calendar_that_covers_the_whole_year_is_refused(key: str) -> None:
    findings = faults("who", PLAIN["who"], calendar=f"{key}: [01-01..06-30, 07-01..12-31]\n")
    assert findings[0] == f"{key}: every day of the year is covered, so nothing would ever be sent"
