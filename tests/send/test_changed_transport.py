"""An installation is given another transport while e-mails were about to leave by the one before."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.send.room import context_of, lines_of, ready_to_send
from tests.shop import run_row
from tillroll.campaign.language.models import IfUnknown
from tillroll.campaign.states import MessageKind, MessageState, WireState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import messages
from tillroll.send.context import SendContext
from tillroll.send.slices.deliver import send_slice
from tillroll.send.slices.interrupted import settle_interrupted
from tillroll.send.transports.nowhere import Nowhere


def died_while_sending(engine: Engine, context: SendContext, run_id: int) -> dict[WireState, int]:
    """Leave two e-mails as a process leaves them that died amid a conversation with a mail server. Returns them by their mark."""
    send_slice(replace(context, transport=Nowhere()), run_id=run_id, until=context.clock.now())  # the rows
    at = context.clock.now()
    with writing(engine) as connection:
        ids = list(connection.scalars(sa.select(messages.c.id).order_by(messages.c.id).limit(2)))
        marked = dict(zip((WireState.LEAVING, WireState.WAITING), ids, strict=True))
        for mark, message_id in marked.items():
            claimed = {"state": MessageState.SENDING, "transport": "smtp", "wire": mark, "sending_at": at}
            connection.execute(sa.update(messages).where(messages.c.id == message_id).values(claimed))
    return marked


@pytest.mark.parametrize("is_outbox", [True, False], ids=["outbox", "nowhere"])
def test_what_may_have_left_before_is_not_sent_again(ledger: Engine, tmp_path: Path, is_outbox: bool) -> None:
    clock = FakeClock()
    run_id, context = ready_to_send(ledger, clock=clock), context_of(ledger, tmp_path, clock)
    marked = died_while_sending(ledger, context, run_id)
    clock.at += timedelta(hours=1)
    now = context if is_outbox else replace(context, transport=Nowhere())
    settle_interrupted(now, run_row(ledger, run_id), MessageKind.OFFER, if_unknown=IfUnknown.SKIP)
    with reading(ledger) as connection:
        columns = (messages.c.id, messages.c.state)
        states = {row.id: row.state for row in connection.execute(sa.select(*columns))}
    assert states[marked[WireState.LEAVING]] == MessageState.UNKNOWN
    assert states[marked[WireState.WAITING]] == MessageState.READY
    assert lines_of(tmp_path) == []
