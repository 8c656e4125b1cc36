"""A sender hands over only what is surely its own: it stops when its slice or its process ends, or its claim may be lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.security.outages import Mailbox, mail_server
from tests.send.room import CAMPAIGN, context_of, lines_of, message, ready_to_send
from tests.shop import run_row
from tillroll.campaign.language.models import IfUnknown
from tillroll.campaign.states import MessageKind, MessageState, RunState
from tillroll.ledger.database_watch import DatabaseWatch
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.locks.store_lock import lock_ends_with_process
from tillroll.ledger.tables import messages, runs
from tillroll.rendering.mime import Outgoing
from tillroll.send.context import SendContext
from tillroll.send.lease import SETTLE_AFTER
from tillroll.send.outcomes import record
from tillroll.send.slices.deliver import send_slice
from tillroll.send.slices.interrupted import settle_interrupted
from tillroll.send.transports.outbox import Outbox
from tillroll.send.transports.smtp import Smtp
from tillroll.send.transports.smtp_server import SmtpServer

RESEND = CAMPAIGN.replace("subject: Hello}", "subject: Hello, send: {if_unknown: resend}}")
SECOND = timedelta(seconds=1)


class SlowClock(FakeClock):
    """A clock by which a second passes whenever somebody looks at it: everything takes long."""

    slow = False

    def now(self) -> datetime:
        if self.slow:
            self.pass_by(1.0)
        return super().now()


def states(engine: Engine) -> Counter[MessageState]:
    with reading(engine) as connection:
        return Counter(MessageState(state) for state in connection.scalars(sa.select(messages.c.state)))


def attempts(engine: Engine) -> set[int]:
    """Return how often the messages were tried that are ready."""
    with reading(engine) as connection:
        ready = sa.select(messages.c.attempts).where(messages.c.state == MessageState.READY)
        return set(connection.scalars(ready))


def send_and(
    engine: Engine,
    folder: Path,
    clock: FakeClock,
    run_id: int,
    meanwhile: Callable[[SendContext], None],
) -> list[str]:
    """Send a slice by SMTP; something happens while the third e-mail is taken. Returns the keys that were taken."""

    def third(count: int) -> None:
        if count == 3:
            meanwhile(context)

    mailbox = Mailbox(third)
    context = replace(context_of(engine, folder, clock), database=DatabaseWatch())
    with mail_server(mailbox) as address:
        context = replace(context, transport=Smtp(SmtpServer.from_url(address)))
        send_slice(context, run_id=run_id, until=clock.now() + 60 * SECOND)
    assert set(mailbox.taken.values()) == {1}
    return list(mailbox.taken)


def test_no_more_e_mails_are_built_or_sent_than_the_slice_has_time_for(
    ledger: Engine, tmp_path: Path
) -> None:
    clock = SlowClock()
    run_id = ready_to_send(ledger, clock=clock)
    clock.slow = True
    slices = 0
    while run_row(ledger, run_id).state == RunState.SENDING:
        before = len(lines_of(tmp_path))
        send_slice(context_of(ledger, tmp_path, clock), run_id=run_id, until=clock.at + 9 * SECOND)
        slices += 1
        assert len(lines_of(tmp_path)) - before < 8
        assert attempts(ledger) <= {0}
    assert slices > 1
    assert Counter(Counter(line["key"] for line in lines_of(tmp_path)).values()) == {1: 8}


def test_a_sender_that_is_told_to_end_gives_back_what_it_has_not_handed_over(
    ledger: Engine, tmp_path: Path
) -> None:
    clock = FakeClock()
    run_id = ready_to_send(ledger, clock=clock)
    taken = send_and(ledger, tmp_path, clock, run_id, lambda context: context.database.stop())
    assert len(taken) == 3
    assert states(ledger) == {MessageState.SENT: 3, MessageState.READY: 5}
    assert attempts(ledger) == {0}


def test_a_halt_is_noticed_within_a_claim(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    run_id = ready_to_send(ledger, clock=clock)

    def halt(_context: SendContext) -> None:
        clock.pass_by(3)
        with writing(ledger) as connection:
            connection.execute(sa.update(runs).values(state=RunState.HALTED))

    assert len(send_and(ledger, tmp_path, clock, run_id, halt)) == 3
    assert states(ledger) == {MessageState.SENT: 3, MessageState.READY: 5}


def test_a_sender_that_was_frozen_stops_when_another_took_its_messages(
    ledger: Engine, tmp_path: Path
) -> None:
    clock = FakeClock()
    run_id = ready_to_send(ledger, RESEND, clock=clock)
    other: list[str] = []

    def take_over(_context: SendContext) -> None:
        """What the holder of the store's lock does when the lock of a frozen sender was released."""
        clock.pass_by(SETTLE_AFTER.total_seconds() + 1)
        run = run_row(ledger, run_id)
        settler = replace(context_of(ledger, tmp_path, clock), transport=Smtp(nowhere))
        settle_interrupted(settler, run, MessageKind.OFFER, if_unknown=IfUnknown.RESEND)
        with reading(ledger) as connection:
            ready = sa.select(messages.c.message_key).where(messages.c.state == MessageState.READY)
            other.extend(connection.scalars(ready))

    nowhere = SmtpServer.from_url("smtp://127.0.0.1:9")
    taken = send_and(ledger, tmp_path, clock, run_id, take_over)
    assert len(taken) == 3
    assert len(other) == 6, (
        "the other takes it for dead, and sends again what was not yet written down as sent"
    )
    assert states(ledger) == {MessageState.SENT: 3, MessageState.READY: 5}, "but the first knows of three"


@pytest.mark.parametrize("owner", [0, 7])
def test_a_claim_is_left_over_once_its_sender_can_hand_over_nothing_more(
    ledger: Engine, tmp_path: Path, owner: int
) -> None:
    clock = FakeClock()
    run_id = ready_to_send(ledger, clock=clock)
    context = context_of(ledger, tmp_path, clock)
    send_slice(context, run_id=run_id, until=clock.now())
    claim = {"state": MessageState.SENDING, "owner": owner, "sending_at": clock.now()}
    with writing(ledger) as connection:
        connection.execute(sa.update(messages).values(claim))
        connection.execute(sa.update(runs).values(state=RunState.SENDING))
    settle_interrupted(context, run_row(ledger, run_id), MessageKind.OFFER, if_unknown=IfUnknown.SKIP)
    claimed = MessageState.SENT if lock_ends_with_process(ledger) else MessageState.SENDING
    assert states(ledger) == {claimed: 8}
    clock.pass_by(SETTLE_AFTER.total_seconds() + 1)
    settle_interrupted(context, run_row(ledger, run_id), MessageKind.OFFER, if_unknown=IfUnknown.SKIP)
    assert states(ledger) == {MessageState.SENT: 8}


class Shut:
    """A gate that lets nothing leave."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def may_leave(self, messages: Sequence[Outgoing]) -> bool:
        self.asked.append(len(messages))
        return False

    def leaves(self, message: Outgoing) -> bool:
        return False


def test_the_outbox_writes_no_line_for_what_may_not_leave_any_more(tmp_path: Path) -> None:
    outbox, gate = Outbox(tmp_path, FakeClock()), Shut()
    assert list(outbox.deliver([message(1), message(2)], gate)) == []
    assert gate.asked == [2]
    assert lines_of(tmp_path) == []


def test_what_stayed_is_given_back_although_the_answer_to_its_confirmation_was_lost(
    ledger: Engine, tmp_path: Path
) -> None:
    clock = FakeClock()
    run_id = ready_to_send(ledger, clock=clock)
    context = context_of(ledger, tmp_path, clock)
    send_slice(context, run_id=run_id, until=clock.now())
    first, again = clock.now(), clock.now() + 3 * SECOND
    with writing(ledger) as connection:
        ids = list(connection.scalars(sa.select(messages.c.id).order_by(messages.c.id)))
        claim = {"state": MessageState.SENDING, "sending_at": first}
        connection.execute(sa.update(messages).values(claim))
        connection.execute(sa.update(messages).where(messages.c.id > ids[3]).values(sending_at=again))
    record(
        context,
        run_row(ledger, run_id),
        [],
        dict.fromkeys(ids, first),
        if_unknown=IfUnknown.SKIP,
        owner=0,
        maybe_at=dict.fromkeys(ids, again),
    )
    assert states(ledger) == {MessageState.READY: 8}
    assert attempts(ledger) == {0}
