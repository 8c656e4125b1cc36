"""Runs that ended long ago keep their sums and forget whom they wrote to, as `rules/privacy.yaml` says."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.send.room import context_of, ready_to_send
from tests.shop import run_row, sample_files
from tillroll.campaign import parse_book
from tillroll.campaign.language.privacy import PrivacyRules
from tillroll.campaign.states import MessageState, RunState
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.runs import move_run
from tillroll.ledger.tables import audit, messages, recipients
from tillroll.privacy.retention import forget_old
from tillroll.send.slices.deliver import send_slice

KEPT = timedelta(days=100)
RULES = PrivacyRules(recipients=KEPT)


def ended_run(engine: Engine, folder: Path, clock: FakeClock) -> int:
    run_id = ready_to_send(engine, clock=clock)
    send_slice(context_of(engine, folder, clock), run_id=run_id, until=clock.now() + timedelta(minutes=1))
    with writing(engine) as connection:
        assert move_run(connection, run_id, was={RunState.TRACKING}, to=RunState.DONE, now=clock.now())
    return run_id


def named(engine: Engine) -> int:
    query = sa.select(sa.func.count()).where(sa.or_(recipients.c.email != "", recipients.c.name != ""))
    with reading(engine) as connection:
        return int(connection.scalar(query) or 0)


def forget(engine: Engine, clock: FakeClock, *, rules: PrivacyRules = RULES, seconds: int = 10) -> bool:
    return forget_old(
        engine, store_id=1, rules=rules, clock=clock, until=clock.now() + timedelta(seconds=seconds)
    )


def test_a_run_is_forgotten_once_its_time_is_over(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    run_id = ended_run(ledger, tmp_path, clock)
    people = named(ledger)
    clock.at += KEPT - timedelta(seconds=1)
    assert not forget(ledger, clock)
    assert named(ledger) == people > 5
    clock.at += timedelta(seconds=1)
    assert not forget(ledger, clock, rules=PrivacyRules())
    assert named(ledger) == people, "without a rule nothing is forgotten"
    assert not forget(ledger, clock)
    assert named(ledger) == 0
    assert not forget(ledger, clock)
    with reading(ledger) as connection:
        states = set(connection.scalars(sa.select(messages.c.state)))
        subjects = set(connection.scalars(sa.select(messages.c.subject)))
        told = list(connection.scalars(sa.select(audit.c.subject).where(audit.c.action == "privacy.retired")))
        assert first_broken_row(connection) is None
    assert (states, subjects, told) == ({MessageState.SENT}, {""}, [f"run {run_id}"])
    assert run_row(ledger, run_id).state == RunState.DONE


def test_a_slice_that_ends_goes_on_later(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    ended_run(ledger, tmp_path, clock)
    clock.at += KEPT
    assert forget(ledger, clock, seconds=-1)
    assert not forget(ledger, clock)
    assert named(ledger) == 0


def test_an_open_run_is_kept_however_old(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    ready_to_send(ledger, clock=clock)
    clock.at += 10 * KEPT
    assert not forget(ledger, clock)
    assert named(ledger) > 5


@pytest.mark.parametrize(
    ("text", "problem"),
    [("recipients: 7d", "too short"), ("recipients: never", "duration"), ("orders: 7d", "orders")],
)
def test_a_rule_that_cannot_be_meant_is_refused(text: str, problem: str) -> None:
    book = parse_book({**sample_files(), "rules/privacy.yaml": text.encode()})
    (finding,) = (one for one in book.findings if one.file == "rules/privacy.yaml")
    assert problem in finding.render()
    assert book.privacy.recipients is None


def test_the_rule_is_read_from_the_folder() -> None:
    book = parse_book({**sample_files(), "rules/privacy.yaml": b"recipients: 730d\n"})
    assert book.privacy.recipients == timedelta(days=730)
    assert parse_book(sample_files()).revisions["winback"].digest == book.revisions["winback"].digest
