"""The order in which a run's messages leave: no mail domain gets more than its share at any time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.journeys.steps import book_of
from tests.send.room import CAMPAIGN, agreed, context_of, minted
from tests.shop import NOW, add_customers, add_store, lapsed, run_row
from tillroll.campaign.states import MessageKind
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import messages, recipients
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book
from tillroll.send.context import open_sending
from tillroll.send.slices.mixed import Walk
from tillroll.send.slices.prepare import prepare


@given(first=st.integers(1, 10**9), count=st.integers(1, 3_000), piece=st.integers(1, 500))
def test_a_walk_comes_by_each_number_once(first: int, count: int, piece: int) -> None:
    walk = Walk(first=first, count=count)
    numbers = [number for start in range(0, count, piece) for number in walk.piece(start, piece)]
    assert sorted(numbers) == list(range(first, first + count))


@pytest.mark.parametrize("count", [10_000, 65_536, 1_000_000])
@pytest.mark.parametrize("every", [2, 3, 4, 5, 8, 13, 200])
def test_any_part_of_a_walk_has_its_share_of_rows_and_of_what_repeats(count: int, every: int) -> None:
    walk = Walk(first=1, count=count)
    for start in (0, count // 3, count - 5_000):
        part = walk.piece(start, 5_000)
        first_tenth = sum(number <= count // 10 for number in part)
        repeated = sum(number % every == 0 for number in part)
        assert abs(first_tenth - 500) <= 50
        assert abs(repeated - 5_000 / every) <= max(5, 5_000 / every / 10)


GMAIL, YAHOO = "gmail.com", "yahoo.com"


def domains_in_order(ledger: Engine, tmp_path: Path, addresses: list[str], piece: int) -> list[str]:
    """Prepare a run for these people, and return their domains in the order in which their messages leave."""
    clock = FakeClock()
    store_id = add_store(ledger)
    people = (lapsed(number, email=email) for number, email in enumerate(addresses, 1))
    add_customers(ledger, store_id, *people)
    record_book(ledger, store_id=store_id, book=book_of(hello=CAMPAIGN), now=NOW)
    run_id = start_by_hand(ledger, store_id=store_id, name="hello", person="ana", now=NOW)
    make_plan(ledger, run_id=run_id, now=NOW, per_minute=600)
    agreed(ledger, run_id, NOW)
    minted(ledger, run_id, clock)
    with reading(ledger) as connection:
        context = context_of(ledger, tmp_path, clock)
        sending = open_sending(connection, context, run_row(ledger, run_id), MessageKind.OFFER)
    assert prepare(sending, now=NOW, until=NOW, piece=piece).made == len(addresses)
    with reading(ledger) as connection:
        joined = sa.select(recipients.c.email).join(messages, messages.c.recipient_id == recipients.c.id)
        emails = list(connection.scalars(joined.order_by(messages.c.id)))
    return [email.rpartition("@")[2].lower() for email in emails]


@pytest.mark.parametrize("piece", [1_000, 100])
def test_domains_that_come_in_a_row_are_spread_by_their_share(
    ledger: Engine, tmp_path: Path, piece: int
) -> None:
    addresses = [f"g{number}@{GMAIL}" for number in range(150)]
    addresses += [f"y{number}@Yahoo.com" for number in range(90)]
    addresses += [f"ana@shop{number}.example" for number in range(60)]
    order = domains_in_order(ledger, tmp_path, addresses, piece)
    assert len(order) == 300
    for start in range(0, 280, 5):
        part = Counter(order[start : start + 20])
        assert 7 <= part[GMAIL] <= 13, order[start : start + 20]
        assert 3 <= part[YAHOO] <= 9, order[start : start + 20]
