"""Codes that only work later: their e-mails wait, unless the campaign announces them."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from tests.journeys.path import agree, finish, go_on, outbox, start, state
from tests.journeys.steps import book_of, wake
from tests.shop import campaign_text
from tillroll.campaign.states import MessageState, RunState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import messages, runs
from tillroll.loop.advance import StoreWorker
from tillroll.wiring import Services


def with_codes_of_tomorrow(worker: StoreWorker, *, announce: bool) -> None:
    """Begin a run by hand whose codes work from tomorrow on."""
    now = worker.services.clock.now()
    begin, end = now + timedelta(days=2), now + timedelta(days=5)
    text = campaign_text("winback").replace(
        "valid: {for: 14d}", f"valid: {{from: {begin:%Y-%m-%d}, until: {end:%Y-%m-%d}}}"
    )
    text = text.replace("offer:", f"announce: {str(announce).lower()}\noffer:", 1)
    start(worker, book=book_of(winback=text))
    go_on(worker, until=lambda: state(worker.services) is RunState.WAITING)
    agree(worker.services, 1)


def test_nobody_gets_a_code_that_does_not_work_yet(worker: StoreWorker, services: Services) -> None:
    with_codes_of_tomorrow(worker, announce=False)

    def waits() -> bool:
        with reading(services.engine) as connection:
            rows = connection.execute(sa.select(messages.c.state, messages.c.reason)).all()
        return bool(rows) and {tuple(row) for row in rows} == {
            (MessageState.READY, "its code doesn't work yet")
        }

    go_on(worker, until=waits)
    assert outbox(services) == []
    assert state(services) is RunState.SENDING
    with writing(services.engine) as connection:
        past = services.clock.now() - timedelta(seconds=1)
        connection.execute(sa.update(runs).values(valid_from=past))
        connection.execute(sa.update(messages).values(not_before=past))
    wake(worker)
    progress = finish(worker)
    assert progress.messages_sent == progress.codes_live == len(outbox(services)) > 5


def test_a_campaign_that_announces_its_codes_sends_at_once(worker: StoreWorker, services: Services) -> None:
    with_codes_of_tomorrow(worker, announce=True)
    assert finish(worker).messages_sent == len(outbox(services)) > 5
