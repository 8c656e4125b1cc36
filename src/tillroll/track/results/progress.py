"""How far one run is, counted in the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import CodeState, MessageState, RunState
from tillroll.ledger.queries.runs import load_run
from tillroll.ledger.tables import codes, messages, plans, redemptions
from tillroll.track.mail.clicks import count_who_clicked
from tillroll.track.results.arms import used_by_recipients


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
    codes_by_state = _count_by_state(connection, codes, run_id)
    used = sa.select(
        sa.func.count(), sa.func.sum(redemptions.c.discount), sa.func.sum(redemptions.c.order_total)
    ).where(redemptions.c.run_id == run_id)
    count, discount, revenue = (
        connection.execute(used).one() if codes_by_state else used_by_recipients(connection, run)
    )
    return Progress(
        run_id=run_id,
        state=run.state,
        reason=run.reason,
        planned=planned,
        to_send=to_send,
        codes={CodeState(state): n for state, n in codes_by_state.items()},
        messages=_count_messages(connection, run_id, messages.c.kind == "offer"),
        reminders=_count_messages(connection, run_id, messages.c.kind == "reminder"),
        redemptions=count,
        discount=discount or Decimal(0),
        revenue=revenue or Decimal(0),
        clicked=count_who_clicked(connection, run_id),
    )


def _count_messages(
    connection: Connection, run_id: int, of_kind: sa.ColumnElement[bool]
) -> dict[MessageState, int]:
    counts = _count_by_state(connection, messages, run_id, of_kind)
    return {MessageState(state): n for state, n in counts.items()}


def _count_by_state(
    connection: Connection, table: sa.Table, run_id: int, *also: sa.ColumnElement[bool]
) -> dict[str, int]:
    query = (
        sa.select(table.c.state, sa.func.count().label("n"))
        .where(table.c.run_id == run_id, *also)
        .group_by(table.c.state)
    )
    return {row.state: int(row.n) for row in connection.execute(query)}
