"""How messages leave: transport, rate and quiet days; and e-mails without a code."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.journeys.steps import book_of
from tests.send.room import (
    BARE,
    CAMPAIGN,
    agreed,
    context_of,
    lines_of,
    minted,
    planned,
    previews,
    ready_to_send,
)
from tests.shop import NOW, run_row, sample_files
from tillroll.campaign import parse_book
from tillroll.campaign.states import MessageState, RunState
from tillroll.errors import Refused
from tillroll.ledger.tables import codes, messages
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan
from tillroll.send.slices.deliver import send_slice
from tillroll.track.results.redeem import end_runs

SECOND = timedelta(seconds=1)


def sends(how: str) -> str:
    return CAMPAIGN.replace("subject: Hello}", f"subject: Hello, send: {how}}}")


def test_a_campaign_that_asks_for_another_transport_is_refused(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    run_id = ready_to_send(ledger, sends("{via: smtp}"), clock=clock)
    with pytest.raises(Refused, match="sends via smtp, but the e-mails of this store leave via outbox"):
        send_slice(context_of(ledger, tmp_path, clock), run_id=run_id, until=clock.now() + SECOND)
    assert run_row(ledger, run_id).state == RunState.SENDING
    assert lines_of(tmp_path) == []


def test_a_rate_holds_over_slices_and_processes(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    run_id = ready_to_send(ledger, sends("{rate: 3/h}"), clock=clock)
    for gone in (3, 6, 8):
        next_at = send_slice(context_of(ledger, tmp_path, clock), run_id=run_id, until=clock.now() + SECOND)
        assert len(lines_of(tmp_path)) == gone
        if gone < 8:
            assert next_at == clock.now() + timedelta(hours=1)
            clock.at += timedelta(minutes=30)
            again = send_slice(context_of(ledger, tmp_path, clock), run_id=run_id, until=clock.now() + SECOND)
            assert again == next_at
            clock.at = next_at
    assert run_row(ledger, run_id).state == RunState.TRACKING


def test_two_runs_of_a_campaign_share_its_rate(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    first = ready_to_send(ledger, sends("{rate: 10/h}"), clock=clock)
    send_slice(context_of(ledger, tmp_path, clock), run_id=first, until=clock.now() + SECOND)
    clock.at += timedelta(minutes=1)
    second = start_by_hand(ledger, store_id=1, name="hello", person="ana", now=clock.now())
    make_plan(ledger, run_id=second, now=clock.now(), per_minute=600)
    agreed(ledger, second, clock.now())
    minted(ledger, second, clock)
    next_at = send_slice(context_of(ledger, tmp_path, clock), run_id=second, until=clock.now() + SECOND)
    assert Counter(line["run"] for line in lines_of(tmp_path)) == {first: 8, second: 2}
    assert next_at == NOW + timedelta(hours=1)


def test_nothing_leaves_on_a_quiet_day_of_the_campaign(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    run_id = ready_to_send(ledger, sends(f"{{quiet_days: [{NOW:%Y-%m-%d}]}}"), clock=clock)
    next_at = send_slice(context_of(ledger, tmp_path, clock), run_id=run_id, until=clock.now() + SECOND)
    assert lines_of(tmp_path) == []
    assert next_at is not None
    assert next_at.isoformat() == "2026-11-23T23:00:00+00:00"  # midnight by the store's clock
    clock.at = next_at
    send_slice(context_of(ledger, tmp_path, clock), run_id=run_id, until=clock.now() + SECOND)
    assert len(lines_of(tmp_path)) == 8


def test_an_e_mail_without_an_offer_needs_no_code(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    files = {path: text for path, text in sample_files().items() if not path.startswith("campaigns/")}
    files |= {
        "campaigns/hello.yaml": BARE.encode(),
        "templates/note/message.html.j2": b"<p>New tea {{ unsubscribe_link }}</p>",
    }
    _, run_id = planned(ledger, book=parse_book(files))
    with ledger.connect() as connection:
        shown = previews(connection, run_id, now=NOW)
    assert len(shown) == 3
    assert agreed(ledger, run_id) is RunState.MINTING
    minted(ledger, run_id, clock)
    assert run_row(ledger, run_id).state == RunState.SENDING
    for _ in range(2):
        send_slice(context_of(ledger, tmp_path, clock), run_id=run_id, until=clock.now() + SECOND)
    assert [line["code"] for line in lines_of(tmp_path)] == [""] * 8
    with ledger.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(codes)) == 0
        kept = connection.execute(sa.select(messages.c.code_id, messages.c.state)).all()
    assert set(kept) == {(None, MessageState.SENT)}
    run = run_row(ledger, run_id)
    assert (run.state, run.valid_until) == (RunState.TRACKING, None)
    assert end_runs(ledger, store_id=1, now=NOW + timedelta(days=2)) == 1


def test_a_template_with_a_code_is_refused_without_an_offer() -> None:
    with pytest.raises(AssertionError, match="there is no offer: here"):
        book_of(hello=BARE.replace("note", "winback"))
