"""Message rows are written down once, and not looked at again; whose code isn't settled is never passed over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.send.room import Still, post_of, ready_to_send
from tests.shop import run_row
from tillroll.campaign.states import CodeState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import codes, messages, recipients
from tillroll.send.prepare import prepare
from tillroll.send.sending import Kind, Post, open_sending


def written_down(engine: Engine, post: Post, run_id: int) -> int:
    """How many rows a slice of sending writes down."""
    with reading(engine) as connection:
        sending = open_sending(connection, post, run_row(engine, run_id), Kind.OFFER)
    return prepare(sending, now=post.clock.now())


def last_recipient(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(sa.select(sa.func.max(recipients.c.id))) or 0)


def test_what_is_written_down_is_not_looked_at_again(ledger: Engine, tmp_path: Path) -> None:
    """A million recipients are a second's work to look at, and a slice of sending takes two."""
    clock = Still()
    run_id, post = ready_to_send(ledger, clock=clock), post_of(ledger, tmp_path, clock)
    assert written_down(ledger, post, run_id) == 8
    assert run_row(ledger, run_id).prepared_to == last_recipient(ledger)
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(statement)

    sa.event.listen(ledger, "before_cursor_execute", note)
    try:
        assert written_down(ledger, post, run_id) == 0
    finally:
        sa.event.remove(ledger, "before_cursor_execute", note)
    assert not [statement for statement in asked if "INSERT" in statement]


def test_whose_code_is_not_settled_yet_is_looked_at_until_it_is(ledger: Engine, tmp_path: Path) -> None:
    clock = Still()
    run_id, post = ready_to_send(ledger, clock=clock), post_of(ledger, tmp_path, clock)
    with writing(ledger) as connection:
        one = connection.scalar(sa.select(sa.func.min(codes.c.id)))
        connection.execute(sa.update(codes).where(codes.c.id == one).values(state=CodeState.POSTING))
    assert [written_down(ledger, post, run_id) for _ in range(2)] == [7, 0]
    assert run_row(ledger, run_id).prepared_to == 0
    with writing(ledger) as connection:
        connection.execute(sa.update(codes).where(codes.c.id == one).values(state=CodeState.LIVE))
    assert written_down(ledger, post, run_id) == 1
    assert run_row(ledger, run_id).prepared_to == last_recipient(ledger)
    with ledger.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(messages)) == 8
