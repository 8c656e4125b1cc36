"""The kept counts are what the rows add up to, whoever changes them and however many at once, on both databases."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tests.shop import NOW, planned_run
from tillroll.campaign.states import CodeState, EntryState, MessageState
from tillroll.ledger import migrate
from tillroll.ledger.bulk.rows import add_many
from tillroll.ledger.counting.mend import fold_counts, mend_counts
from tillroll.ledger.counting.read import (
    codes_of_run,
    count_codes,
    count_messages,
    messages_of_run,
    uses_of_run,
    waiting_entries,
)
from tillroll.ledger.engine import insert_new, open_engine, reading, writing
from tillroll.ledger.tables import (
    code_counts,
    codes,
    entries,
    messages,
    recipients,
    redemptions,
)

_CODES = ("store_id", "run_id", "code", "state", "arm", "reserved_at", "changed_at")


@pytest.fixture
def run(ledger: Engine) -> tuple[int, int]:
    """Return a store and a planned run."""
    return planned_run(ledger, customers=12)


def code_rows(run: tuple[int, int], first: int, count: int, arm: str = "") -> list[tuple[Any, ...]]:
    return [(*run, f"A{n}", "reserved", arm, NOW, NOW) for n in range(first, first + count)]


def message_row(run: tuple[int, int], recipient_id: int, state: MessageState) -> dict[str, Any]:
    store_id, run_id = run
    return {
        "store_id": store_id, "run_id": run_id, "recipient_id": recipient_id, "state": state, "changed_at": NOW
    }  # fmt: skip


def test_counts_follow_whatever_happens_to_the_rows(ledger: Engine, run: tuple[int, int]) -> None:
    """A hundred random statements, of one row and of many, then counting anew finds nothing to mend."""
    chance, states = random.Random(7), list(CodeState)
    store_id, run_id = run
    with writing(ledger) as connection:
        people = list(connection.scalars(sa.select(recipients.c.id)))
        connection.execute(sa.update(recipients).where(recipients.c.id % 3 == 0).values(arm="b"))
    made, unused = 0, ~sa.exists().where(redemptions.c.code_id == codes.c.id)
    for _ in range(100):
        with writing(ledger) as connection:
            some = codes.c.id % chance.randrange(2, 9) == 0
            match chance.randrange(8):
                case 0 | 1:
                    rows = code_rows(run, made, chance.randrange(1, 9), chance.choice(["", "a"]))
                    made += len(rows)
                    assert add_many(connection, codes, _CODES, rows) == len(rows)
                    assert add_many(connection, codes, _CODES, rows[:2]) == 0, "those are known"
                case 2:
                    connection.execute(sa.update(codes).where(some).values(state=chance.choice(states)))
                    given = {
                        "arm": chance.choice(["", "a", "b"])
                    }  # another run may take codes that nobody used
                    connection.execute(sa.update(codes).where(some, unused).values(given))
                case 3:
                    connection.execute(sa.update(codes).where(some).values(attempts=codes.c.attempts + 1))
                case 4:
                    connection.execute(sa.delete(codes).where(some, unused, codes.c.id % 5 == 0))
                case 5:
                    who = chance.choice(people)
                    insert_new(
                        connection, messages, [message_row(run, who, chance.choice(list(MessageState)))]
                    )
                case 6:
                    change = {"state": chance.choice(list(MessageState))}
                    connection.execute(sa.update(messages).where(messages.c.id % 2 == 0).values(change))
                case 7:
                    _use_a_code(connection, run, chance)
    with writing(ledger) as connection:
        by_hand = dict(
            connection.execute(sa.select(codes.c.state, sa.func.count()).group_by(codes.c.state)).all()
        )
        assert codes_of_run(connection, run_id) == by_hand
        assert len(by_hand) > 3
        assert {each.arm for each in messages_of_run(connection, run_id)} == {"", "b"}
        assert count_codes(connection, store_id, {CodeState.LIVE}) == by_hand.get("live", 0)
        in_all = connection.scalar(sa.select(sa.func.count()).select_from(messages))
        assert count_messages(connection, store_id, set(MessageState)) == in_all
        assert sum(use.orders for use in uses_of_run(connection, run_id)) > 2
        assert mend_counts(connection) == []


def _use_a_code(connection: Connection, run: tuple[int, int], chance: random.Random) -> None:
    """Record an order with some code, change its total, or remove it."""
    store_id, run_id = run
    code_id = connection.scalar(
        sa.select(codes.c.id).order_by(codes.c.id).offset(chance.randrange(3)).limit(1)
    )
    number = str(chance.randrange(6))
    same = redemptions.c.order_id == number
    if chance.random() < 0.2 or code_id is None:
        connection.execute(sa.delete(redemptions).where(same))
        return
    values = {"order_total": Decimal(chance.randrange(9_000)) / 100, "discount": Decimal("1.01")}
    row = {
        "store_id": store_id, "run_id": run_id, "code_id": code_id, "order_id": number, "payment_status": "PAID",
        "at": NOW, "told_run_id": chance.choice([None, run_id]), "told_arm": "told", **values,
    }  # fmt: skip
    insert_new(connection, redemptions, [row])
    connection.execute(sa.update(redemptions).where(same).values(values))


def test_entries_that_wait_are_counted_by_campaign(ledger: Engine, run: tuple[int, int]) -> None:
    row = {"store_id": run[0], "facts": {}, "happened_at": NOW, "created_at": NOW, "changed_at": NOW}
    with writing(ledger) as connection:
        for number in range(5):
            entry = {**row, "campaign": "flow", "key": f"order {number}", "state": EntryState.WAITING}
            connection.execute(sa.insert(entries).values(entry))
        connection.execute(sa.update(entries).where(entries.c.key == "order 3").values(state=EntryState.DONE))
    with reading(ledger) as connection:
        assert waiting_entries(connection, run[0]) == {"flow": 4}


def test_a_wrong_count_is_found_and_mended(ledger: Engine, run: tuple[int, int]) -> None:
    with writing(ledger) as connection:
        add_many(connection, codes, _CODES, code_rows(run, 0, 3))
        connection.execute(sa.update(code_counts).values(n=41))
        (wrong,) = mend_counts(connection, store_id=run[0])
    assert (wrong.table, wrong.of["state"], wrong.kept, wrong.counted) == ("codes", "reserved", 41, 3)
    with writing(ledger) as connection:
        assert mend_counts(connection) == []
        assert codes_of_run(connection, run[1]) == {CodeState.RESERVED: 3}


def test_a_migration_that_rebuilds_a_table_leaves_the_counts_right(
    ledger: Engine, run: tuple[int, int]
) -> None:
    """A migration that rebuilds a table on SQLite drops its triggers."""
    with writing(ledger) as connection:
        add_many(connection, codes, _CODES, code_rows(run, 0, 3))
        of = "" if ledger.dialect.name == "sqlite" else " on codes"
        connection.execute(sa.text(f"drop trigger kept_codes_insert{of}"))
        add_many(connection, codes, _CODES, code_rows(run, 3, 1))
    assert migrate.upgrade(ledger) == migrate.head()
    with writing(ledger) as connection:
        add_many(connection, codes, _CODES, code_rows(run, 4, 1))
        assert codes_of_run(connection, run[1]) == {CodeState.RESERVED: 5}
        assert mend_counts(connection) == []


@pytest.mark.postgres
def test_processes_that_count_at_once_neither_wait_nor_lose_a_count(postgresql_url: str) -> None:
    """While one transaction has counted and not ended, another counts the same; counts of processes that are gone are folded."""
    engine = open_engine(postgresql_url)
    run = planned_run(engine, customers=2)

    def add(number: int) -> None:
        with writing(engine) as connection:
            add_many(connection, codes, _CODES, code_rows(run, number, 1))

    with writing(engine) as open_one:
        add_many(open_one, codes, _CODES, code_rows(run, 100, 1))
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(add, range(8)))  # would hang if it waited for the open transaction
    engine.dispose()
    shards = sa.select(sa.func.count()).select_from(code_counts)
    with writing(engine) as connection:
        assert connection.scalar(shards) > 1
        fold_counts(connection)
        assert connection.scalar(shards) == 1
        assert codes_of_run(connection, run[1]) == {CodeState.RESERVED: 9}
        assert mend_counts(connection) == []
    engine.dispose()
