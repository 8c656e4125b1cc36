"""A new sender's limit a day, and the pace of each mail domain: over campaigns, slices and senders."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.journeys.steps import NO_LIMITS
from tests.send.room import CAMPAIGN, agreed, context_of, lines_of, minted
from tests.shop import NOW, add_customers, add_store, lapsed, run_row, sample_files
from tillroll.campaign import Book, parse_book
from tillroll.campaign.language.sender import RampUp
from tillroll.campaign.states import RunState
from tillroll.campaign.text.units import Pacing
from tillroll.campaign.timing.pace import EvenPace
from tillroll.campaign.timing.ramp import daily_shares
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import messages
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book
from tillroll.send.slices.deliver import send_slice

SECOND = timedelta(seconds=1)
RAMP = RampUp.model_validate({"start": 500, "grows": "50%", "until": 20000})


def book_with(rails: str, *, send: str = "", lasts: str = "90d") -> Book:
    files = {path: text for path, text in sample_files().items() if not path.startswith("campaigns/")}
    text = CAMPAIGN.replace("14d", lasts)
    if send:
        text = text.replace("subject: Hello}", f"subject: Hello, send: {send}}}")
    files["campaigns/hello.yaml"] = text.encode()
    files["rules/guardrails.yaml"] = (NO_LIMITS + rails).encode()
    return parse_book(files)


def sending_run(ledger: Engine, store_id: int, clock: FakeClock) -> int:
    run_id = start_by_hand(ledger, store_id=store_id, name="hello", person="ana", now=clock.now())
    make_plan(ledger, run_id=run_id, now=clock.now(), per_minute=600)
    agreed(ledger, run_id, clock.now())
    minted(ledger, run_id, clock)
    return run_id


def store_with(ledger: Engine, rails: str, *emails: str, ecwid_id: int = 1003) -> int:
    store_id = add_store(ledger, ecwid_id=ecwid_id)
    add_customers(ledger, store_id, *(lapsed(number, email=email) for number, email in enumerate(emails, 1)))
    record_book(ledger, store_id=store_id, book=book_with(rails), now=NOW)
    return store_id


def send(ledger: Engine, folder: Path, clock: FakeClock, run_id: int) -> datetime | None:
    return send_slice(context_of(ledger, folder, clock), run_id=run_id, until=clock.now() + SECOND)


def left_by_day(folder: Path) -> list[int]:
    days = Counter(str(line["at"])[:10] for line in lines_of(folder))
    return [days[day] for day in sorted(days)]


def people(count: int, domain: str = "example.com") -> list[str]:
    return [f"reader{number}@{domain}" for number in range(count)]


def test_a_new_senders_days_grow_over_stores_and_campaigns(ledger: Engine, tmp_path: Path) -> None:
    rails, clock = "ramp_up: {start: 4, grows: 50%, until: 13}\n", FakeClock(NOW)
    stores = [
        store_with(ledger, rails, *people(20)),
        store_with(ledger, rails, *people(30), ecwid_id=1004),
    ]
    waiting = {sending_run(ledger, store_id, clock) for store_id in stores}
    while waiting:
        asked = {run_id: send(ledger, tmp_path, clock, run_id) for run_id in sorted(waiting)}
        waiting = {run_id for run_id, next_at in asked.items() if next_at is not None}
        moments = {next_at for next_at in asked.values() if next_at is not None}
        assert all(f"{moment:%H:%M}" == "00:00" for moment in moments)  # of UTC
        clock.at = min(moments, default=clock.at)
    assert left_by_day(tmp_path) == [4, 6, 9, 13, 18]  # after a day of 13 there is no limit


def test_what_another_transport_sent_made_nobody_known(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock(NOW)
    store_id = store_with(ledger, "ramp_up: {start: 4, grows: 50%, until: 13}\n", *people(9))
    first = sending_run(ledger, store_id, clock)
    send(ledger, tmp_path, clock, first)
    with writing(ledger) as connection:
        connection.execute(sa.update(messages).values(transport="smtp"))
    send(ledger, tmp_path, clock, first)
    assert left_by_day(tmp_path) == [8]


def test_what_was_gained_is_lost_after_a_month_without_e_mails(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock(NOW)
    store_id = store_with(ledger, "ramp_up: {start: 4, grows: 100%, until: 50}\n", *people(40))
    run_id = sending_run(ledger, store_id, clock)
    for ahead in (0, 1, 2, 33):
        clock.at = NOW + timedelta(days=ahead)
        send(ledger, tmp_path, clock, run_id)
    assert left_by_day(tmp_path) == [4, 8, 16, 4]


@pytest.mark.parametrize(
    ("best", "left_today", "messages", "shares"),
    [
        (0, 0, 500, [500]),
        (0, 0, 5_000, [500, 750, 1125, 1688, 937]),
        (0, 500, 100, [0, 100]),
        (40, 0, 900, [500, 400]),
        (15_000, 0, 60_000, [20_000, 40_000]),
        (20_000, 0, 60_000, [60_000]),
    ],
)
def test_a_plan_knows_how_much_leaves_on_which_day(
    best: int, left_today: int, messages: int, shares: list[int]
) -> None:
    assert list(daily_shares(RAMP, best=best, left_today=left_today, messages=messages)) == shares


@given(
    count=st.integers(1, 3_000),
    seconds=st.sampled_from([1, 60, 3_600]),
    steps=st.lists(st.tuples(st.floats(0, 2), st.integers(0, 400)), min_size=1, max_size=60),
)
def test_no_stretch_as_long_as_the_rate_has_more_than_its_number(
    count: int, seconds: int, steps: list[tuple[float, int]]
) -> None:
    pace, now, made_up_at = EvenPace.of(Pacing(count=count, seconds=seconds)), NOW, NOW
    left: list[datetime] = []
    for share, wanted in steps:
        now += timedelta(seconds=share * seconds)
        take = min(wanted, pace.allowed(made_up_at, now))
        made_up_at = pace.after(made_up_at, now, take)
        left += [now] * take
        assert sum(moment > now - timedelta(seconds=seconds) for moment in left) <= count


def test_a_slow_domain_holds_no_other_and_keeps_its_pace_over_runs(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock(NOW)
    addresses = [*people(30, "Slow.example"), *people(20, "quick.example")]
    store_id = store_with(ledger, "per_domain: {slow.example: 6/m}\n", *addresses)
    runs = {sending_run(ledger, store_id, clock)}
    clock.at += timedelta(minutes=1)
    runs.add(sending_run(ledger, store_id, clock))
    at_once = Counter[str]()
    while runs:
        asked = {run_id: send(ledger, tmp_path, clock, run_id) for run_id in sorted(runs)}
        at_once = at_once or Counter(line["to"].partition("@")[2] for line in lines_of(tmp_path))
        runs = {run_id for run_id, next_at in asked.items() if next_at is not None}
        clock.at = max(clock.at, min((each for each in asked.values() if each is not None), default=clock.at))
    assert at_once == {"quick.example": 40, "Slow.example": 1}
    slow = [_moment(line) for line in lines_of(tmp_path) if "Slow" in line["to"]]
    assert len(slow) == 60
    for moment in slow:
        assert sum(moment - timedelta(minutes=1) < each <= moment for each in slow) <= 6
    assert max(slow) - min(slow) < timedelta(minutes=15)  # the least is 9 minutes and 50 seconds


def test_each_other_domain_has_the_default_rate_of_its_own(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock(NOW)
    addresses = [*people(3, "a.example"), *people(3, "b.example"), *people(3, "free.example")]
    rails = "per_domain: {default: 1/h, free.example: 1000/s}\n"
    run_id = sending_run(ledger, store_with(ledger, rails, *addresses), clock)
    gone = []
    for _ in range(3):
        next_at = send(ledger, tmp_path, clock, run_id)
        gone.append(Counter(line["to"].partition("@")[2] for line in lines_of(tmp_path)))
        clock.at = next_at or clock.at
    assert [(each["a.example"], each["b.example"], each["free.example"]) for each in gone] == [
        (1, 1, 3),
        (2, 2, 3),
        (3, 3, 3),
    ]
    assert run_row(ledger, run_id).state is RunState.TRACKING


def _moment(line: dict[str, str]) -> datetime:
    return datetime.fromisoformat(line["at"]).astimezone(UTC)
