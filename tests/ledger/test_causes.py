"""Rows that an older version wrote get causes in place of their sentences."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import NOW, add_store
from tillroll.campaign.states import CodeCause, EntryCause, EntryState
from tillroll.ledger import audit
from tillroll.ledger.causes import carry_over_if_needed, code_cause, entry_cause
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import codes, entries, runs

OLD_CODES = {
    "switched off in the store": CodeCause.SWITCHED_OFF_IN_STORE,
    "left over": CodeCause.LEFT_OVER,
    "the store had it, and this ledger had forgotten it": CodeCause.IMPORTED,
    "the store refused to pause it: HTTP 400": CodeCause.REFUSED,
    "gone from the store": CodeCause.NONE,
    "": CodeCause.NONE,
}
OLD_ENTRIES = {
    ("left", "no customer of the store is known by this address"): EntryCause.UNKNOWN_CUSTOMER,
    ("left", "it may have been answered: the ledger was restored from before it"): EntryCause.MAY_BE_ANSWERED,
    ("left", "it may have run: the ledger was restored from before it"): EntryCause.MAY_HAVE_RUN,
    ("left", "they were greeted before the ledger was restored"): EntryCause.WAS_CONTACTED,
    ("waiting", "the campaign is halted"): EntryCause.CAMPAIGN_INACTIVE,
    ("waiting", ""): EntryCause.NONE,
    ("left", "they ordered"): EntryCause.NONE,
}
TIMES = {"created_at": NOW, "changed_at": NOW}


def add_run(engine: Engine, store_id: int, slot_key: str) -> int:
    row = {"store_id": store_id, "campaign": "winback", "slot_key": slot_key, "slot_at": NOW, **TIMES}
    with writing(engine) as connection:
        added = sa.insert(runs).values({**row, "state": "halted"}).returning(runs.c.id)
        return int(connection.scalars(added).one())


def write_as_before(engine: Engine) -> list[int]:
    """Write rows as the version before 0018 did. Return the ids of the runs."""
    store_id = add_store(engine)
    run_ids = [add_run(engine, store_id, key) for key in ("run 17 from before the restore", "run 18", "seen")]
    code = {"store_id": store_id, "run_id": run_ids[0], "state": "paused", "reserved_at": NOW}
    entry = {"store_id": store_id, "campaign": "hello", "facts": {}, "happened_at": NOW, **TIMES}
    with writing(engine) as connection:
        for number, reason in enumerate(OLD_CODES):
            row = {**code, "code": f"CODE{number}", "reason": reason, "changed_at": NOW}
            connection.execute(sa.insert(codes).values(row))
        for number, (state, reason) in enumerate(OLD_ENTRIES):
            row = {**entry, "key": f"order {number}", "state": state, "reason": reason}
            connection.execute(sa.insert(entries).values(row))
        for hours in (2, 1):
            at = NOW - timedelta(hours=hours)
            subject = f"run {run_ids[2]}"
            audit.record(
                connection, at=at, actor="ana", action="codes.revealed", subject=subject, body={"to": "x"}
            )
    return run_ids


def test_old_sentences_become_causes(ledger: Engine) -> None:
    run_ids = write_as_before(ledger)
    for _ in range(2):
        carry_over_if_needed(ledger)
        with reading(ledger) as connection:
            causes = connection.execute(sa.select(codes.c.reason, codes.c.cause)).all()
            assert {row.reason: row.cause for row in causes} == OLD_CODES
            waits = connection.execute(sa.select(entries.c.state, entries.c.reason, entries.c.cause)).all()
            assert {(row.state, row.reason): row.cause for row in waits} == OLD_ENTRIES
            query = sa.select(runs.c.lost_run_id, runs.c.revealed_at).where(runs.c.id.in_(run_ids))
            assert [tuple(row) for row in connection.execute(query.order_by(runs.c.id))] == [
                (17, None),
                (None, None),
                (None, NOW - timedelta(hours=2)),
            ]


def test_a_row_that_an_older_process_clears_loses_its_cause(ledger: Engine) -> None:
    write_as_before(ledger)
    carry_over_if_needed(ledger)
    with writing(ledger) as connection:
        connection.execute(sa.update(codes).values(state="live", reason=""))
        connection.execute(sa.update(entries).values(reason=""))
    carry_over_if_needed(ledger)
    with reading(ledger) as connection:
        assert set(connection.scalars(sa.select(codes.c.cause))) == {CodeCause.NONE}
        waiting = sa.select(entries.c.cause).where(entries.c.state == EntryState.WAITING)
        assert set(connection.scalars(waiting)) == {EntryCause.NONE}


def test_an_older_process_understands_what_this_one_writes() -> None:
    old = {cause: reason for reason, cause in OLD_CODES.items()}
    for code in CodeCause:
        if code not in {CodeCause.NONE, CodeCause.REFUSED}:  # their reasons are the store's words, or none
            assert code_cause(code) == {"cause": code, "reason": old[code]}
    for (state, reason), entry in OLD_ENTRIES.items():
        if state == "left" and entry is not EntryCause.NONE:
            assert entry_cause(entry) == {"cause": entry, "reason": reason}
