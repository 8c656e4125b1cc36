"""What the columns of migration 0018 say, and how rows get them that were written without.

Until 0018 a state's cause was a sentence in `reason`, and a few numbers stood in keys and in the audit. Processes of that version
may still run beside this one during a release, so this version goes on to write the old sentence beside the cause, and
`carry_over` runs once more as a worker starts. Nothing else may compare these sentences.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.states import CodeCause, EntryCause, EntryState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables.types import UtcDateTime

_CODES: Mapping[CodeCause, str] = {
    CodeCause.SWITCHED_OFF_IN_STORE: "switched off in the store",
    CodeCause.LEFT_OVER: "left over",
    CodeCause.IMPORTED: "the store had it, and this ledger had forgotten it",
}
_ENTRIES: Mapping[EntryCause, str] = {
    EntryCause.UNKNOWN_CUSTOMER: "no customer of the store is known by this address",
    EntryCause.MAY_BE_ANSWERED: "it may have been answered: the ledger was restored from before it",
    EntryCause.MAY_HAVE_RUN: "it may have run: the ledger was restored from before it",
    EntryCause.WAS_CONTACTED: "they were greeted before the ledger was restored",
}
_REFUSED = "the store refused to %"
_LOST_BEFORE, _LOST_AFTER = "run ", " from before the restore"

# the tables as this module needs them: the migration must not see what later ones add
_codes = sa.table("codes", sa.column("cause", sa.Text), sa.column("reason", sa.Text))
_entries = sa.table(
    "entries", sa.column("cause", sa.Text), sa.column("reason", sa.Text), sa.column("state", sa.Text)
)
_runs = sa.table(
    "runs",
    sa.column("id", sa.BigInteger),
    sa.column("slot_key", sa.Text),
    sa.column("lost_run_id", sa.BigInteger),
    sa.column("revealed_at", UtcDateTime),
)
_audit = sa.table(
    "audit", sa.column("action", sa.Text), sa.column("subject", sa.Text), sa.column("at", UtcDateTime)
)


def code_cause(cause: CodeCause) -> dict[str, str]:
    """Return the columns to write for a code's cause."""
    return {"cause": cause, "reason": _CODES.get(cause, "")}


def entry_cause(cause: EntryCause) -> dict[str, str]:
    """Return the columns to write for an entry's cause."""
    return {"cause": cause, "reason": _ENTRIES.get(cause, "")}


def carry_over_if_needed(engine: Engine) -> None:
    """Give rows their new columns if a process of an older version has written some since the migration. Safe to repeat."""
    with reading(engine) as connection:
        if not any(connection.scalar(sa.select(sa.exists().where(where))) for where in _lacking()):
            return
    with writing(engine) as connection:
        carry_over(connection)


def carry_over(connection: Connection) -> None:
    """Give rows that were written without the new columns what their old text says. Safe to repeat."""
    codes_lack, entries_lack, runs_lack, _ = _lacking()
    refused = (_codes.c.reason.like(_REFUSED), CodeCause.REFUSED.value)
    cause = sa.case(*_by_text(_codes, _CODES), refused, else_="")
    connection.execute(sa.update(_codes).where(codes_lack).values(cause=cause))
    waits = _entries.c.state == EntryState.WAITING.value
    asleep = (sa.and_(waits, _entries.c.reason != ""), EntryCause.CAMPAIGN_INACTIVE.value)
    cause = sa.case(*_by_text(_entries, _ENTRIES), asleep, else_="")
    connection.execute(sa.update(_entries).where(entries_lack).values(cause=cause))
    length = sa.func.length(_runs.c.slot_key) - len(_LOST_BEFORE) - len(_LOST_AFTER)
    number = sa.func.substr(_runs.c.slot_key, len(_LOST_BEFORE) + 1, length)
    connection.execute(sa.update(_runs).where(runs_lack).values(lost_run_id=sa.cast(number, sa.BigInteger)))
    _carry_over_reveals(connection)


def _lacking() -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions for rows whose new columns are not what they would be: codes, entries, runs twice."""
    texts = _codes.c.reason.in_(_CODES.values()) | _codes.c.reason.like(_REFUSED)
    codes_lack = ((_codes.c.cause == "") & texts) | ((_codes.c.cause != "") & (_codes.c.reason == ""))
    asleep = EntryCause.CAMPAIGN_INACTIVE.value
    waits = _entries.c.state == EntryState.WAITING.value
    has_reason = waits & (_entries.c.reason != "")
    entries_lack = ((_entries.c.cause == "") & (_entries.c.reason.in_(_ENTRIES.values()) | has_reason)) | (
        (_entries.c.cause == asleep) & (_entries.c.reason == "")
    )
    lost = _runs.c.slot_key.like(f"{_LOST_BEFORE}%{_LOST_AFTER}") & _runs.c.lost_run_id.is_(None)
    revealed = sa.and_(
        _audit.c.action == "codes.revealed",
        sa.exists().where(_audit.c.subject == _subject(), _runs.c.revealed_at.is_(None)),
    )
    return codes_lack, entries_lack, lost, revealed


def _subject() -> sa.ColumnElement[str]:
    return sa.literal("run ") + sa.cast(_runs.c.id, sa.Text)


def _by_text(table: Any, texts: Mapping[Any, str]) -> list[tuple[sa.ColumnElement[bool], str]]:
    return [(table.c.reason == text, cause.value) for cause, text in texts.items()]


def _carry_over_reveals(connection: Connection) -> None:
    """Runs whose codes somebody saw in clear, as the audit tells it."""
    query = sa.select(_audit.c.subject, sa.func.min(_audit.c.at, type_=UtcDateTime()).label("at"))
    for row in connection.execute(
        query.where(_audit.c.action == "codes.revealed").group_by(_audit.c.subject)
    ).all():
        run_id = int(row.subject.removeprefix("run "))
        mine = (_runs.c.id == run_id, _runs.c.revealed_at.is_(None))
        connection.execute(sa.update(_runs).where(*mine).values(revealed_at=row.at))
