"""An e-mail is held if its person refused e-mails as another customer, and waits for what they had as one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.send.room import CAMPAIGN, context_of, lines_of, ready_to_send
from tests.send.test_remind import LATER, SOON
from tests.shop import NOW, add_customers, lapsed
from tillroll.campaign.text.addresses import mailbox_of
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import customers, messages
from tillroll.send.slices.deliver import send_slice
from tillroll.send.slices.remind import remind_slice

NEW = "customer1@other.example"


def reasons(engine: Engine, kind: str) -> list[str]:
    """Return why messages of a kind are held."""
    with reading(engine) as connection:
        query = sa.select(messages.c.reason).where(messages.c.state == "held", messages.c.kind == kind)
        return list(connection.scalars(query))


def test_who_refused_as_another_customer_after_the_plan_gets_no_e_mail(
    ledger: Engine, tmp_path: Path
) -> None:
    clock = FakeClock()
    run_id = ready_to_send(ledger, CAMPAIGN, people=3, clock=clock)
    add_customers(ledger, 1, lapsed(50, email="CUSTOMER1@example.com", accepts_marketing=False))
    send_slice(context_of(ledger, tmp_path, clock), run_id=run_id, until=NOW + timedelta(seconds=1))
    assert len(lines_of(tmp_path)) == 2
    assert reasons(ledger, "offer") == ["consent was withdrawn"]


@pytest.mark.parametrize("kind", ["offer", "reminder"])
def test_nothing_goes_to_an_address_that_is_no_longer_the_customers(
    ledger: Engine, tmp_path: Path, kind: str
) -> None:
    clock = FakeClock()
    run_id = ready_to_send(ledger, SOON, people=3, clock=clock)
    context = context_of(ledger, tmp_path, clock)
    if kind == "reminder":
        send_slice(context, run_id=run_id, until=NOW + timedelta(seconds=1))
        clock.at = LATER
    with writing(ledger) as connection:
        moved = {"email": NEW, "mailbox": mailbox_of(NEW)}
        connection.execute(sa.update(customers).where(customers.c.customer_id == 1).values(moved))
    if kind == "reminder":
        remind_slice(context, run_id=run_id, until=clock.at + timedelta(seconds=1))
    else:
        send_slice(context, run_id=run_id, until=NOW + timedelta(seconds=1))
    assert len(lines_of(tmp_path)) == (2 if kind == "offer" else 5)
    assert reasons(ledger, kind) == ["the customer's e-mail address changed after the plan was made"]
