"""Quiet hours at the moment of sending: by the clock of the place where each recipient lives."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.send.room import CAMPAIGN, context_of, lines_of, ready_to_send
from tests.shop import NOW, run_row
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import customers
from tillroll.send.slices.deliver import send_slice

QUIET = CAMPAIGN.replace("subject: Hello}", "subject: Hello, send: {quiet_hours: 21:00-08:00}}")


def lives_in(ledger: Engine, customer_id: int, country: str, region: str = "") -> None:
    with writing(ledger) as connection:
        where = customers.c.customer_id == customer_id
        connection.execute(sa.update(customers).where(where).values(country=country, region=region))


def moments(folder: Path) -> dict[str, str]:
    """Return when each e-mail left, by its recipient's name."""
    return {line["to"].partition("@")[0]: str(line["at"])[:16] for line in lines_of(folder)}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)  # 10:00 in Ljubljana


def send_until_done(ledger: Engine, folder: Path, clock: FakeClock, run_id: int) -> list[datetime]:
    """Send, and let the time pass that each slice asks for. Returns those moments."""
    asked = []
    for _ in range(10):
        until = clock.now() + timedelta(seconds=5)
        next_at = send_slice(context_of(ledger, folder, clock), run_id=run_id, until=until)
        if next_at is None:
            break
        asked.append(next_at)
        clock.at = max(clock.at, next_at)
    return asked


def test_each_e_mail_waits_for_the_morning_of_its_reader(
    ledger: Engine, tmp_path: Path, clock: FakeClock
) -> None:
    run_id = ready_to_send(ledger, QUIET, people=6, clock=clock)
    lives_in(ledger, 2, "US", "CA")  # 01:00 there
    lives_in(ledger, 3, "US")  # from 23:00 to 04:00
    lives_in(ledger, 4, "JP")  # 18:00
    lives_in(ledger, 5, "")
    lives_in(ledger, 6, "NZ")  # 22:00
    send_until_done(ledger, tmp_path, clock, run_id)
    assert moments(tmp_path) == {
        "customer1": "2026-11-23T09:00",
        "customer4": "2026-11-23T09:00",
        "customer5": "2026-11-23T09:00",
        "customer2": "2026-11-23T16:00",
        "customer3": "2026-11-23T18:00",  # 08:00 in Honolulu
        "customer6": "2026-11-23T19:00",  # 08:00 in Auckland, but a quarter to nine in Chatham
    }
    assert run_row(ledger, run_id).state is RunState.TRACKING


def test_in_the_night_of_the_store_e_mails_leave_to_places_where_it_is_day(
    ledger: Engine, tmp_path: Path, clock: FakeClock
) -> None:
    run_id = ready_to_send(ledger, QUIET, people=3, clock=clock)
    lives_in(ledger, 2, "US", "NY")
    clock.at = NOW + timedelta(hours=12)  # 22:00 in Ljubljana, 16:00 in New York
    send_until_done(ledger, tmp_path, clock, run_id)
    assert moments(tmp_path) == {
        "customer2": "2026-11-23T21:00",
        "customer1": "2026-11-24T07:00",
        "customer3": "2026-11-24T07:00",
    }


def test_while_it_is_quiet_everywhere_the_run_sleeps_until_the_first_morning(
    ledger: Engine, tmp_path: Path, clock: FakeClock
) -> None:
    run_id = ready_to_send(ledger, QUIET, people=3, clock=clock)
    lives_in(ledger, 2, "FI")
    clock.at = NOW + timedelta(hours=12)
    (first, *_) = send_until_done(ledger, tmp_path, clock, run_id)
    assert f"{first:%H:%M}" == "06:00"  # 08:00 in Helsinki
    assert moments(tmp_path)["customer2"] == "2026-11-24T06:00"


def test_somebody_who_moved_after_the_plan_gets_it_by_the_new_clock(
    ledger: Engine, tmp_path: Path, clock: FakeClock
) -> None:
    run_id = ready_to_send(ledger, QUIET, people=1, clock=clock)
    lives_in(ledger, 1, "NZ")
    send_until_done(ledger, tmp_path, clock, run_id)
    assert moments(tmp_path) == {"customer1": "2026-11-23T19:00"}
