"""How far one run is, by the counts that the ledger keeps: it costs the same for ten codes and for a million."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import CodeState, MessageKind, MessageState, RunState
from tillroll.ledger.counting.read import MessageCount, codes_of_run, messages_of_run, uses_of_run
from tillroll.ledger.queries.runs import load_run
from tillroll.ledger.tables import plans
from tillroll.track.mail.clicks import count_who_clicked


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far one run is. Counts are by state; states without rows are left out."""

    run_id: int
    state: RunState
    reason: str
    planned: int  # codes to be made
    to_send: int  # messages, without reminders
    codes: Mapping[CodeState, int]
    messages: Mapping[MessageState, int]
    reminders: Mapping[MessageState, int]
    redemptions: int
    discount: Decimal  # that customers got up to now
    revenue: Decimal  # sum of the orders that used a code
    clicked: int  # people who opened a link of their e-mail; 0 too where links don't count it

    @property
    def codes_live(self) -> int:
        """How many codes are valid in the store."""
        return self.codes.get(CodeState.LIVE, 0)

    @property
    def messages_sent(self) -> int:
        """How many messages the mail transport accepted."""
        return self.messages.get(MessageState.SENT, 0)

    @property
    def messages_held(self) -> int:
        """How many messages will not be sent without a person's help: held, failed or unknown."""
        held = (MessageState.HELD, MessageState.FAILED, MessageState.UNKNOWN)
        return sum(self.messages.get(state, 0) for state in held)


def run_progress(connection: Connection, run_id: int) -> Progress:
    """Return how far a run is. Raises `NotFound`."""
    run = load_run(connection, run_id)
    counted = sa.select(plans.c.code_count, plans.c.audience_count).where(plans.c.id == run.plan_id)
    planned, to_send = connection.execute(counted).first() or (0, 0)
    counts = messages_of_run(connection, run_id)
    uses = uses_of_run(connection, run_id)
    return Progress(
        run_id=run_id,
        state=run.state,
        reason=run.reason,
        planned=planned,
        to_send=to_send,
        codes=codes_of_run(connection, run_id),
        messages=_by_state(counts, MessageKind.OFFER),
        reminders=_by_state(counts, MessageKind.REMINDER),
        redemptions=sum(use.orders for use in uses),
        discount=sum((use.discount for use in uses), Decimal(0)),
        revenue=sum((use.revenue for use in uses), Decimal(0)),
        clicked=count_who_clicked(connection, run_id),
    )


def _by_state(counts: Iterable[MessageCount], kind: MessageKind) -> dict[MessageState, int]:
    """Add up the messages of one kind, over all arms."""
    states: Counter[MessageState] = Counter()
    for each in counts:
        if each.kind == kind:
            states[each.state] += each.count
    return dict(states)
