"""Reading the kept counts: what pages, commands and figures for monitoring say, at a cost that doesn't grow with the rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import CodeState, EntryState, MessageState
from tillroll.ledger.tables import code_counts, entry_counts, message_counts, run_sums

_N = sa.func.sum


def codes_of_runs(connection: Connection, run_ids: Collection[int]) -> dict[int, dict[CodeState, int]]:
    """Return for each run how many of its codes are in which state; states and runs without codes are left out."""
    keys = (code_counts.c.run_id, code_counts.c.state)
    query = sa.select(*keys, _N(code_counts.c.n)).where(code_counts.c.run_id.in_(run_ids)).group_by(*keys)
    found: dict[int, dict[CodeState, int]] = {}
    for run_id, state, n in connection.execute(query):
        if n:
            found.setdefault(run_id, {})[CodeState(state)] = int(n)
    return found


def codes_of_run(connection: Connection, run_id: int) -> dict[CodeState, int]:
    """Return how many codes of a run are in which state; states without codes are left out."""
    return codes_of_runs(connection, [run_id]).get(run_id, {})


@dataclass(frozen=True, kw_only=True)
class MessageCount:
    """How many messages of a run are of one kind, for one arm, in one state."""

    kind: str
    arm: str
    state: MessageState
    count: int


def messages_of_runs(connection: Connection, run_ids: Collection[int]) -> dict[int, list[MessageCount]]:
    """Return the counts of each run's messages; those of 0, and runs without messages, are left out."""
    keys = (
        message_counts.c.run_id,
        message_counts.c.kind,
        message_counts.c.arm,
        message_counts.c.state,
    )
    query = sa.select(*keys, _N(message_counts.c.n).label("count")).where(
        message_counts.c.run_id.in_(run_ids)
    )
    found: dict[int, list[MessageCount]] = {}
    for row in connection.execute(query.group_by(*keys).order_by(*keys)):
        if row[4]:
            count = MessageCount(kind=row.kind, arm=row.arm, state=MessageState(row.state), count=int(row[4]))
            found.setdefault(row.run_id, []).append(count)
    return found


def messages_of_run(connection: Connection, run_id: int) -> list[MessageCount]:
    """Return the counts of a run's messages; those of 0 are left out."""
    return messages_of_runs(connection, [run_id]).get(run_id, [])


def message_states_of_run(connection: Connection, run_id: int) -> dict[MessageState, int]:
    """Return how many messages of a run are in which state, reminders included; states without messages are left out."""
    query = sa.select(message_counts.c.state, _N(message_counts.c.n)).where(message_counts.c.run_id == run_id)
    counts = connection.execute(query.group_by(message_counts.c.state))
    return {MessageState(state): int(n) for state, n in counts if n}


@dataclass(frozen=True, kw_only=True)
class ArmUse:
    """The orders that used codes of one arm of a run, and their amounts in the store's currency."""

    arm: str
    orders: int
    revenue: Decimal
    discount: Decimal


def uses_of_runs(connection: Connection, run_ids: Collection[int]) -> dict[int, list[ArmUse]]:
    """Return for each run the orders with codes that it made, or of which its e-mails told the buyers, by arm."""
    sums = [_N(run_sums.c[name], type_=run_sums.c[name].type) for name in ("n", "revenue", "discount")]
    keys = (run_sums.c.run_id, run_sums.c.arm)
    query = sa.select(*keys, *sums).where(run_sums.c.run_id.in_(run_ids)).group_by(*keys)
    found: dict[int, list[ArmUse]] = {}
    for run_id, arm, orders, revenue, discount in connection.execute(query):
        if orders:
            use = ArmUse(arm=arm, orders=int(orders), revenue=revenue, discount=discount)
            found.setdefault(run_id, []).append(use)
    return found


def uses_of_run(connection: Connection, run_id: int) -> list[ArmUse]:
    """Return the orders with codes that a run made, or of which its e-mails told the buyers, by arm."""
    return uses_of_runs(connection, [run_id]).get(run_id, [])


def waiting_entries(connection: Connection, store_id: int) -> dict[str, int]:
    """Return how many entries wait for their next step, by campaign."""
    waiting = (entry_counts.c.store_id == store_id, entry_counts.c.state == EntryState.WAITING)
    query = sa.select(entry_counts.c.campaign, _N(entry_counts.c.n)).where(*waiting)
    return {name: int(n) for name, n in connection.execute(query.group_by(entry_counts.c.campaign)) if n}


def count_codes(connection: Connection, store_id: int, states: Collection[str]) -> int:
    """Return how many codes of a store are in one of some states."""
    return _of_store(connection, code_counts, store_id, states)


def count_messages(connection: Connection, store_id: int, states: Collection[str]) -> int:
    """Return how many messages of a store are in one of some states."""
    return _of_store(connection, message_counts, store_id, states)


def _of_store(connection: Connection, table: sa.Table, store_id: int, states: Iterable[str]) -> int:
    where = (table.c.store_id == store_id, table.c.state.in_(sorted(states)))
    return int(connection.scalar(sa.select(_N(table.c.n)).where(*where)) or 0)
