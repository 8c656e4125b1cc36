"""Several senders of one run: what is counted as it leaves is counted by one of them at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.send.room import context_of, lines_of
from tests.send.test_manners import book_with, people, send, sending_run
from tests.shop import NOW, add_customers, add_store, lapsed, run_row
from tillroll.campaign.states import MessageKind, RunState
from tillroll.ledger.engine import reading
from tillroll.plan.record.revisions import record_book
from tillroll.send.context import SendContext, Share, open_sending
from tillroll.send.slices.deliver import send_slice
from tillroll.send.slices.prepare import prepare
from tillroll.send.slices.share import FEWEST_TO_SHARE, prepare_to_share, send_share

SECOND = timedelta(seconds=1)
AMID_A_CLAIM = 6  # times that a sender has asked for the time while it builds the e-mails of its first claim


class Interrupted(FakeClock):
    """A clock at which something happens amid the first claim of whoever works by it."""

    def __init__(self, at: datetime, meanwhile: Callable[[], object]) -> None:
        super().__init__(at)
        self._meanwhile, self._asked = meanwhile, 0

    def now(self) -> datetime:
        self._asked += 1
        if self._asked == AMID_A_CLAIM:
            self._meanwhile()
        return super().now()


def store_of(ledger: Engine, count: int, *, rails: str = "", send: str = "") -> int:
    store_id = add_store(ledger)
    rows = (lapsed(number, email=email) for number, email in enumerate(people(count), 1))
    add_customers(ledger, store_id, *rows)
    record_book(ledger, store_id=store_id, book=book_with(rails, send=send), now=NOW)
    return store_id


def prepared(ledger: Engine, context: SendContext, run_id: int) -> None:
    with reading(ledger) as connection:
        sending = open_sending(connection, context, run_row(ledger, run_id), MessageKind.OFFER)
    prepare(sending, now=context.clock.now(), until=context.clock.now())


def share(context: SendContext, run_id: int, index: int) -> datetime | None:
    until = NOW + timedelta(days=1)
    return send_share(context, run_id=run_id, share=Share(index=index, of=2), number=index + 1, until=until)


@pytest.mark.parametrize(
    ("rails", "how", "most"),
    [
        ("", "{rate: 15/h}", 15),
        ("ramp_up: {start: 12, grows: 50%, until: 100}\n", "", 12),
        ("per_domain: {example.com: 200/h}\n", "", 10),  # a twentieth at once
    ],
)
def test_two_senders_use_no_place_twice(
    ledger: Engine, tmp_path: Path, rails: str, how: str, most: int
) -> None:
    clock = FakeClock(NOW)
    run_id = sending_run(ledger, store_of(ledger, 60, rails=rails, send=how), clock)
    context = context_of(ledger, tmp_path, clock)
    prepared(ledger, context, run_id)
    slow = Interrupted(NOW, lambda: share(context, run_id, 1))
    next_at = share(replace(context, clock=slow), run_id, 0)
    assert len(lines_of(tmp_path)) == most
    assert next_at is None or next_at > NOW


def test_two_runs_at_once_write_to_nobody_above_the_limit(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock(NOW)
    store_id = store_of(ledger, 20, rails="messages_per_person_per_week: 1\n")
    first = sending_run(ledger, store_id, clock)
    clock.at += timedelta(minutes=1)
    second = sending_run(ledger, store_id, clock)
    context = context_of(ledger, tmp_path, clock)
    for run_id in (first, second):
        prepared(ledger, context, run_id)
    slow = Interrupted(clock.at, lambda: send(ledger, tmp_path, clock, second))
    share(replace(context, clock=slow), first, 0)
    send_slice(context, run_id=first, until=clock.now() + SECOND)
    assert set(Counter(line["to"] for line in lines_of(tmp_path)).values()) == {1}
    assert run_row(ledger, second).state is RunState.TRACKING


@pytest.mark.parametrize(
    ("how", "hour", "shared"),
    [
        ("", 9, True),
        ("{rate: 50000/h}", 9, True),
        ("{rate: 20/h}", 9, False),
        ("{quiet_hours: 21:00-08:00}", 23, False),
    ],
)
def test_a_run_is_shared_out_while_many_may_leave(
    ledger: Engine, tmp_path: Path, how: str, hour: int, shared: bool
) -> None:
    clock = FakeClock(NOW.replace(hour=hour))
    rails = "messages_per_person_per_week: 3\n"
    run_id = sending_run(ledger, store_of(ledger, FEWEST_TO_SHARE + 1, rails=rails, send=how), clock)
    count = prepare_to_share(context_of(ledger, tmp_path, clock), run_id=run_id, until=clock.now() + SECOND)
    assert (count > 0) is shared
