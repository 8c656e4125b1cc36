"""Forecasts: which runs will happen, which will not and why, and what each week brings in e-mails and cost."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillroll.campaign.language.calendar import Calendar
from tillroll.campaign.language.models import Send, Status, Valid, When, Who
from tillroll.campaign.segments.segment import Segment
from tillroll.cli.calendar.show import say_pressure, say_run
from tillroll.outlook.coming import (
    CalendarForecast,
    CostRange,
    ForecastWindow,
    ScheduledCampaign,
    UpcomingRun,
    Week,
)
from tillroll.outlook.forecast import forecast, start_of
from tillroll.outlook.ics import to_ics

LJUBLJANA = ZoneInfo("Europe/Ljubljana")
NOW = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)  # a Tuesday
MONDAYS = {"cron": "0 10 * * MON"}


def scheduled(when: dict[str, Any] | None = None, **values: Any) -> ScheduledCampaign:
    plain: dict[str, Any] = {
        "name": "hello",
        "title": "Hello",
        "status": Status.ACTIVE,
        "when": When.model_validate(when or MONDAYS),
        "zone": LJUBLJANA,
        "calendar": Calendar.model_validate(values.pop("calendar", {})),
        "send": Send.model_validate(values.pop("send", {})),
        "first_seen": NOW - timedelta(days=30),
        "considered_until": NOW,
        "gives": "10% off",
        "people": 10,
        "money": CostRange(worst=Decimal(100), expected=Decimal(5)),
    }
    return ScheduledCampaign(**{**plain, **values})


def played(
    *campaigns: ScheduledCampaign,
    days: int = 14,
    first: date | None = None,
    now: datetime = NOW,
    overlaps: dict[frozenset[str], int] | None = None,
    limit: int | None = None,
) -> CalendarForecast:
    start = start_of(first or now.astimezone(LJUBLJANA).date(), LJUBLJANA)
    window = ForecastWindow(
        zone=LJUBLJANA, now=now, start=max(now, start), until=start + timedelta(days=days)
    )
    alone = Counter({frozenset({one.name}): one.people for one in campaigns})
    return forecast(campaigns, [], overlaps if overlaps is not None else alone, window, limit=limit)


def local(moment: datetime) -> str:
    return f"{moment.astimezone(LJUBLJANA):%Y-%m-%d %H:%M}"


def whys(found: CalendarForecast) -> list[str]:
    return [one.why for one in found.not_coming]


def test_every_slot_of_the_days_is_a_run_with_its_reach_and_money() -> None:
    found = played(scheduled())
    assert [local(run.at) for run in found.runs] == ["2026-11-30 10:00", "2026-12-07 10:00"]
    assert [
        (week.first, week.last, week.emails, week.money.worst, week.pressure) for week in found.weeks
    ] == [
        (date(2026, 11, 30), date(2026, 12, 6), 10, 100, {1: 10}),
        (date(2026, 12, 7), date(2026, 12, 13), 10, 100, {1: 10}),
    ]
    assert found.not_coming == ()


def test_the_days_may_begin_later() -> None:
    found = played(scheduled(), first=date(2026, 12, 8), days=7)
    assert [local(run.at) for run in found.runs] == ["2026-12-14 10:00"]


def test_people_in_several_audiences_are_counted_by_how_many_e_mails_they_get() -> None:
    every_day = scheduled({"cron": "0 9 * * *"}, name="daily", people=7)
    overlaps = {frozenset({"hello", "daily"}): 3, frozenset({"hello"}): 7, frozenset({"daily"}): 4}
    found = played(scheduled(), every_day, overlaps=overlaps, days=13, limit=7)
    week = found.weeks[1]
    assert week.first == date(2026, 11, 30)
    assert week.pressure == {1: 7, 7: 4, 8: 3}
    assert week.over_limit == 3
    assert week.emails == 10 + 7 * 7
    assert say_pressure(week) == (
        "7 people get 1 e-mail this week, 4 get 7, 3 get 8; "
        "for 3 of them that is more than the guardrails allow: they are left out, or their e-mails wait"
    )


def test_a_week_with_one_e_mail_for_everybody_needs_no_word() -> None:
    week = Week(
        first=date(2026, 11, 30),
        last=date(2026, 12, 6),
        runs=1,
        emails=5,
        money=CostRange(),
        pressure={1: 5},
    )
    assert say_pressure(week) == ""


def test_an_unlimited_cost_makes_the_sum_unlimited() -> None:
    free = scheduled(name="free", money=CostRange(worst=None, expected=Decimal(1)))
    week = played(scheduled(), free).weeks[0]
    assert (week.money.worst, week.money.expected) == (None, 6)


def test_a_blackout_day_has_no_run_and_an_e_mail_waits_for_the_end_of_a_quiet_one() -> None:
    days = {"blackout": ["2026-11-30"], "quiet_days": ["12-07..12-08"]}
    found = played(scheduled(calendar=days, send={"quiet_hours": "21:00-08:00"}))
    assert [(local(run.at), local(run.leaves)) for run in found.runs] == [
        ("2026-12-07 10:00", "2026-12-09 08:00")
    ]
    assert found.runs[0].notes == ("e-mails wait until Wed 09 Dec 2026 08:00 (a quiet day)",)
    assert [(one.key, one.why) for one in found.not_coming] == [
        ("2026-11-30T10:00", "a blackout day of rules/calendar.yaml: its plan would be refused")
    ]


def test_a_halted_campaign_skips_its_slots() -> None:
    found = played(scheduled(halted_by="ana@shop.example"), days=8)
    assert (found.runs, whys(found)) == ((), ["halted by ana@shop.example"])


@pytest.mark.parametrize("status", [Status.DRAFT, Status.PAUSED, Status.ENDED])
def test_a_campaign_that_does_not_act_is_listed_slot_by_slot(status: Status) -> None:
    found = played(scheduled(status=status))
    assert found.runs == ()
    said = "a draft" if status is Status.DRAFT else status.value
    assert [(one.key, one.why) for one in found.not_coming] == [
        ("2026-11-30T10:00", said),
        ("2026-12-07T10:00", said),
    ]
    assert whys(played(scheduled({"manual": True}, status=status))) == [said]


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ({"manual": True}, "only started by hand: tillroll run hello"),
        ({"at": "2026-11-01 09:00"}, "its only moment, 2026-11-01 09:00, is over"),
        ({"at": "2027-02-01 09:00"}, "nothing scheduled in these days; next on Mon 01 Feb 2027 09:00"),
        ({"cron": "0 9 1 MAR *"}, "nothing scheduled in these days; next on Mon 01 Mar 2027 09:00"),
        ({"cron": "0 9 30 FEB *"}, "nothing scheduled within two years"),
    ],
)
def test_a_campaign_without_runs_says_why(when: dict[str, Any], why: str) -> None:
    found = played(scheduled(when))
    assert (found.runs, whys(found)) == ((), [why])


@pytest.mark.parametrize(
    ("if_late", "within", "runs", "said"),
    [
        ("run_once", "6h", ["2026-11-23T10:00"], []),
        ("skip", "6h", [], ["missed, and if_late says skip"]),
        ("run_once", "2h", [], ["missed by more than 2 hours"]),
    ],
)
def test_slots_missed_while_no_worker_ran_run_or_are_skipped_as_the_file_says(
    if_late: str, within: str, runs: list[str], said: list[str]
) -> None:
    monday = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    one = scheduled(
        {**MONDAYS, "if_late": if_late, "within": within}, considered_until=monday - timedelta(days=2)
    )
    found = played(one, now=monday, days=6)
    assert [run.key for run in found.runs] == runs
    assert [one.why for one in found.not_coming if one.at] == said
    for run in found.runs:
        assert (run.begins, run.notes) == (monday, ("missed, so it runs now",))


def test_an_audience_that_is_not_known_yet_is_noted() -> None:
    found = played(scheduled(reason_unknown="orders are still being read"), days=8)
    assert found.runs[0].notes == ("its audience is not known yet: orders are still being read",)


def test_other_campaigns_are_listed_with_the_reason() -> None:
    window = ForecastWindow(zone=LJUBLJANA, now=NOW, start=NOW, until=NOW + timedelta(days=3))
    found = forecast([], [], {}, window, asides={"pool": "it fills its pool"})
    assert [(one.campaign, one.why, one.at) for one in found.not_coming] == [
        ("pool", "it fills its pool", None)
    ]


def test_a_plan_that_the_guardrails_would_refuse_is_no_run() -> None:
    found = played(scheduled(refused="too dear"), days=7)
    assert (found.runs, whys(found)) == ((), ["its plan would be refused now: too dear"])


def test_a_clock_change_is_noted() -> None:
    spring, autumn = datetime(2027, 3, 27, tzinfo=UTC), datetime(2027, 10, 30, tzinfo=UTC)
    nightly = {"cron": "30 2 * * *"}
    notes = [
        [run.notes for run in played(scheduled(nightly, considered_until=now), now=now, days=3).runs][1]
        for now in (spring, autumn)
    ]
    assert notes == [
        ("the clock skips 02:30 on this day, so it runs at 03:00",),
        ("the clock shows 02:30 twice on this day; it runs the first time",),
    ]


def test_a_reminder_is_an_e_mail_of_its_own_week() -> None:
    one = scheduled(valid=Valid.model_validate({"for": "14d"}), reminder=timedelta(days=3))
    found = played(one, days=28)
    assert local(found.runs[0].reminds or NOW) == "2026-12-11 23:59"
    assert [week.pressure for week in found.weeks[:3]] == [{1: 10}, {2: 10}, {2: 10}]
    fixed = scheduled(valid=Valid.model_validate({"until": "2026-12-03 12:00"}), reminder=timedelta(days=1))
    first, second = played(fixed).runs
    assert (local(first.reminds or NOW), second.reminds) == ("2026-12-02 12:00", None)
    assert second.notes == ("its codes are only valid until 2026-12-03 12:00, before it begins",)


COUPONED = Segment.model_validate({"title": "Had a code", "where": {"got_code": {"within": "10d"}}})
NOT_COUPONED = {"who": Who(exclude=("couponed",)), "segments": {"couponed": COUPONED}}


def test_people_whom_a_run_reaches_are_not_counted_again_while_its_campaign_leaves_them_out() -> None:
    found = played(scheduled(**NOT_COUPONED), days=28)
    assert [run.people for run in found.runs] == [10, 0, 10, 0]
    assert [run.money.worst for run in found.runs] == [100, 0, 100, 0]
    assert [week.emails for week in found.weeks] == [10, 0, 10, 0]
    assert [week.pressure for week in found.weeks] == [{1: 10}, {}, {1: 10}, {}]
    assert found.runs[1].notes == (
        "10 of 10 people now in its audience are left out, since an earlier run reaches them; "
        "who joins until then isn't counted",
    )


def test_a_code_of_another_campaign_leaves_out_those_who_are_in_both_audiences() -> None:
    news = scheduled({"at": "2026-11-25 10:00"}, name="news", people=9, gives="")  # an e-mail without a code
    sale = scheduled({"at": "2026-11-26 10:00"}, name="sale", people=6)
    overlaps = {
        frozenset({"hello", "sale", "news"}): 4,
        frozenset({"hello", "news"}): 5,
        frozenset({"hello"}): 1,
        frozenset({"sale"}): 2,
    }
    found = played(scheduled(**NOT_COUPONED), sale, news, overlaps=overlaps, days=8)
    assert [(run.campaign, run.people) for run in found.runs] == [("news", 9), ("sale", 6), ("hello", 6)]
    assert found.runs[2].money.worst == 60
    assert [week.pressure for week in found.weeks] == [{1: 7, 2: 4}, {1: 6}]


def test_a_slot_every_minute_does_not_fill_the_screen() -> None:
    found = played(scheduled({"cron": "* * * * *"}), days=60)
    assert len(found.runs) == 1_000
    assert whys(found) == ["more runs follow: only the first 1000 are shown"]


_names = st.sampled_from(["a", "b", "c"])


@given(
    st.dictionaries(st.frozensets(_names, min_size=1), st.integers(1, 50), max_size=7),
    st.dictionaries(_names, st.integers(1, 12), min_size=1),
)
def test_the_pressure_is_what_counting_person_by_person_gives(
    overlaps: dict[frozenset[str], int], every: dict[str, int]
) -> None:
    campaigns = [
        scheduled(
            {"every": f"{hours * 6}h"}, name=name, people=sum(n for k, n in overlaps.items() if name in k)
        )
        for name, hours in sorted(every.items())
    ]
    found = played(*campaigns, overlaps=overlaps, days=20)
    for week in found.weeks:
        mails = [
            run.campaign
            for run in found.runs
            if week.first <= run.leaves.astimezone(LJUBLJANA).date() <= week.last
        ]
        people = [names for names, number in overlaps.items() for _ in range(number)]
        counted = Counter(sum(mails.count(name) for name in names) for names in people)
        del counted[0]
        assert week.pressure == dict(sorted(counted.items()))
        assert week.emails == sum(times * number for times, number in week.pressure.items())


def ics_of(found: CalendarForecast, now: datetime = NOW) -> list[icalendar.Event]:
    def say(run: UpcomingRun) -> str:
        return say_run(run, "EUR", LJUBLJANA)

    content = to_ics(found, store="Čajnica", store_id=1003, zone="Europe/Ljubljana", now=now, say=say)
    assert all(len(line) <= 75 for line in content.split(b"\r\n"))
    read = icalendar.Calendar.from_ical(content)
    assert read["METHOD"] == "PUBLISH"
    return [*read.walk("VEVENT")]


def test_the_file_for_calendar_programs_has_every_run_at_its_moment() -> None:
    night = datetime(2027, 3, 27, tzinfo=UTC)
    found = played(scheduled({"cron": "30 2 * * *"}, considered_until=night), now=night, days=3)
    events = ics_of(found)
    assert [event["DTSTART"].dt for event in events] == [run.at for run in found.runs]
    assert all(event["DTSTART"].to_ical().endswith(b"Z") for event in events)
    assert str(events[0]["SUMMARY"]) == "Hello"
    assert "10 people, as of now" in str(events[0]["DESCRIPTION"])


def test_a_file_imported_again_brings_what_is_there_up_to_date() -> None:
    today = ics_of(played(scheduled()))
    later = NOW + timedelta(days=1)
    paused = scheduled(status=Status.PAUSED, considered_until=later)
    tomorrow = ics_of(played(paused, now=later), now=later)
    assert {str(event["UID"]) for event in today} <= {str(event["UID"]) for event in tomorrow}
    assert len({str(event["UID"]) for event in tomorrow}) == len(tomorrow)
    assert tomorrow[0]["SEQUENCE"] > today[0]["SEQUENCE"]
    assert {str(event["STATUS"]) for event in today} == {"CONFIRMED"}
    assert {str(event["STATUS"]) for event in tomorrow} == {"CANCELLED"}
