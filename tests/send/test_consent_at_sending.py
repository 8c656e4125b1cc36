"""A run planned before somebody unsubscribes and sent after doesn't write to them; nor is a new one planned for them."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.send.room import agreed, context_of, lines_of, minted, planned, ready_to_send
from tests.shop import NOW, run_row
from tillroll.campaign.states import ConsentSource, MessageState, SuppressionCause
from tillroll.ledger.consent.suppress import Wish, suppress
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.tables import customers, messages, recipients
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan
from tillroll.send.slices.deliver import send_slice

SECOND = timedelta(seconds=1)
FIRST, SECOND_ONE = "customer1@example.com", "customer2@example.com"


def says(engine: Engine, address: str, *, campaign: str = "", every_days: int | None = None) -> None:
    wish = Wish(
        address=address,
        cause=SuppressionCause.UNSUBSCRIBED,
        source=ConsentSource.LINK,
        campaign=campaign,
        every_days=every_days,
    )
    with writing(engine) as connection:
        suppress(connection, 1, wish, now=NOW, actor="reader")


def store_says_again_that_all_agree(engine: Engine) -> None:
    """The store hasn't been told yet: its next answer overwrites the mirror."""
    with writing(engine) as connection:
        connection.execute(sa.update(customers).values(accepts_marketing=True))


def held(engine: Engine) -> dict[str, str]:
    query = (
        sa.select(recipients.c.email, messages.c.reason)
        .join(messages, messages.c.recipient_id == recipients.c.id)
        .where(messages.c.state == MessageState.HELD)
    )
    with reading(engine) as connection:
        return {row.email: row.reason for row in connection.execute(query)}


def sent_to(folder: Path) -> set[str]:
    return {line["to"] for line in lines_of(folder)}


def send(engine: Engine, folder: Path, run_id: int, clock: FakeClock) -> datetime | None:
    return send_slice(context_of(engine, folder, clock), run_id=run_id, until=clock.now() + SECOND)


@pytest.mark.parametrize("campaign", ["", "hello"])
def test_nobody_who_unsubscribed_after_the_plan_is_written_to(
    ledger: Engine, tmp_path: Path, campaign: str
) -> None:
    clock = FakeClock()
    run_id = ready_to_send(ledger, clock=clock)
    says(ledger, FIRST, campaign=campaign)
    store_says_again_that_all_agree(ledger)
    send(ledger, tmp_path, run_id, clock)
    assert len(sent_to(tmp_path)) == 7
    assert held(ledger) == {FIRST: "they unsubscribed"}


def test_another_campaign_still_goes_to_them(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    run_id = ready_to_send(ledger, clock=clock)
    says(ledger, FIRST, campaign="other")
    send(ledger, tmp_path, run_id, clock)
    assert len(sent_to(tmp_path)) == 8


def again(engine: Engine, clock: FakeClock) -> int:
    """Return another run of the campaign, ready to send."""
    clock.at += timedelta(minutes=1)
    run_id = start_by_hand(engine, store_id=1, name="hello", person="ana", now=clock.now())
    make_plan(engine, run_id=run_id, now=clock.now(), per_minute=600)
    agreed(engine, run_id, clock.now())
    minted(engine, run_id, clock)
    return run_id


def test_who_asked_for_fewer_e_mails_waits(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    send(ledger, tmp_path, ready_to_send(ledger, clock=clock), clock)
    says(ledger, FIRST, every_days=7)
    next_at = send(ledger, tmp_path, again(ledger, clock), clock)
    assert len(lines_of(tmp_path)) == 8 + 7
    assert next_at == NOW + timedelta(days=7)


def test_a_new_plan_leaves_them_out_and_says_why(ledger: Engine) -> None:
    store_id, _ = planned(ledger)
    says(ledger, FIRST, campaign="hello")
    says(ledger, SECOND_ONE)
    store_says_again_that_all_agree(ledger)
    run_id = start_by_hand(ledger, store_id=store_id, name="hello", person="ana", now=NOW + SECOND)
    make_plan(ledger, run_id=run_id, now=NOW, per_minute=600)
    with reading(ledger) as connection:
        plan = load_plan(connection, run_id)
        emails = set(
            connection.scalars(
                sa.select(recipients.c.email).where(recipients.c.plan_id == run_row(ledger, run_id).plan_id)
            )
        )
    assert plan is not None
    assert {FIRST, SECOND_ONE}.isdisjoint(emails)
    assert plan.proposal.audience.excluded["unsubscribed, or can't be reached"] == 2
