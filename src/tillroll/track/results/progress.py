"""How far one run is, by the counts that the ledger keeps: it costs the same for ten codes and for a million."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import CodeState, MessageKind, MessageState, RunState
from tillroll.errors import NotFound
from tillroll.ledger.counting.read import MessageCount, codes_of_runs, messages_of_runs, uses_of_runs
from tillroll.ledger.tables import plans, runs
from tillroll.track.mail.clicks import count_who_clicked


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far one run is. Counts are by state; states without rows are left out."""

    run_id: int
    state: RunState
    reason: str
    planned: int  # codes to be made
    to_send: int  # messages, without reminders; 0 if another program sends the codes
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
    found = progress_of_runs(connection, [run_id])
    if run_id not in found:
        raise NotFound(f"There is no run {run_id}.")
    return found[run_id]


def progress_of_runs(connection: Connection, run_ids: Collection[int]) -> dict[int, Progress]:
    """Return how far each run is, with as many queries as for one; runs that don't exist are left out."""
    query = sa.select(runs.c.id, runs.c.state, runs.c.reason, plans.c.code_count, _to_send())
    rows = query.outerjoin(plans, plans.c.id == runs.c.plan_id).where(runs.c.id.in_(run_ids))
    read = connection.execute(rows).all()
    codes, messages = codes_of_runs(connection, run_ids), messages_of_runs(connection, run_ids)
    uses, clicked = uses_of_runs(connection, run_ids), count_who_clicked(connection, run_ids)
    return {
        row.id: Progress(
            run_id=row.id,
            state=RunState(row.state),
            reason=row.reason,
            planned=row.code_count or 0,
            to_send=row.to_send or 0,
            codes=codes.get(row.id, {}),
            messages=_by_state(messages.get(row.id, ()), MessageKind.OFFER),
            reminders=_by_state(messages.get(row.id, ()), MessageKind.REMINDER),
            redemptions=sum(use.orders for use in uses.get(row.id, ())),
            discount=sum((use.discount for use in uses.get(row.id, ())), Decimal(0)),
            revenue=sum((use.revenue for use in uses.get(row.id, ())), Decimal(0)),
            clicked=clicked.get(row.id, 0),
        )
        for row in read
    }


def _to_send() -> sa.ColumnElement[int]:
    """Return how many messages a plan has, as a column over `plans`: none if it names no e-mail."""
    has_none = plans.c.body["template"].as_string() == ""
    return sa.case((has_none, 0), else_=plans.c.audience_count).label("to_send")


def _by_state(counts: Iterable[MessageCount], kind: MessageKind) -> dict[MessageState, int]:
    """Add up the messages of one kind, over all arms."""
    states: Counter[MessageState] = Counter()
    for each in counts:
        if each.kind == kind:
            states[each.state] += each.count
    return dict(states)
