"""How many sign-ins failed lately, counted in the ledger so that all processes count together."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger.engine import insert_if_new
from tillroll.ledger.records import CountedBy, SignInCount
from tillroll.ledger.tables import sign_in_counts


@dataclass(frozen=True, kw_only=True, order=True)
class CountKey:
    """The key of one count. The order of keys is the order in which rows are locked."""

    kind: CountedBy
    digest: str


def read_counts(connection: Connection, keys: Collection[CountKey]) -> list[SignInCount]:
    """Return the counts that exist, without a lock."""
    query = sa.select(sign_in_counts).where(sa.or_(*(_is(key) for key in keys)))
    return [SignInCount.from_row(row) for row in connection.execute(query)]


def lock_counts(connection: Connection, keys: Collection[CountKey], now: datetime) -> list[SignInCount]:
    """Return the counts for keys, each locked for the rest of the transaction and begun at zero if it is new."""
    found = []
    for key in sorted(keys):
        row = {"kind": key.kind, "digest": key.digest, "first_at": now, "last_at": now}
        insert_if_new(connection, sign_in_counts, row)
        query = sa.select(sign_in_counts).where(_is(key)).with_for_update()
        found.append(SignInCount.from_row(connection.execute(query).one()))
    return found


def save_count(connection: Connection, count: SignInCount) -> None:
    """Save a count that was locked."""
    values = {
        "failures": count.failures,
        "first_at": count.first_at,
        "last_at": count.last_at,
        "succeeded_at": count.succeeded_at,
    }
    connection.execute(sa.update(sign_in_counts).where(sign_in_counts.c.id == count.id).values(values))


def clear_counts(connection: Connection, keys: Collection[CountKey]) -> None:
    """Forget the failures counted for keys."""
    forgotten = sa.update(sign_in_counts).where(sa.or_(*(_is(key) for key in keys)))
    connection.execute(forgotten.values(failures=0))


def sweep_counts(
    connection: Connection, *, failed_before: datetime, succeeded_before: datetime, most: int
) -> None:
    """Delete old counts; those that never succeeded beyond the newest `most` too, however new they are."""
    table = sign_in_counts
    never = table.c.succeeded_at.is_(None)
    old = sa.or_(
        sa.and_(never, table.c.last_at < failed_before),
        sa.and_(table.c.succeeded_at < succeeded_before, table.c.last_at < failed_before),
    )
    connection.execute(sa.delete(table).where(old))
    kept = sa.select(table.c.id).where(never).order_by(table.c.last_at.desc(), table.c.id.desc()).limit(most)
    connection.execute(sa.delete(table).where(never, table.c.id.not_in(kept)))


def _is(key: CountKey) -> sa.ColumnElement[bool]:
    return sa.and_(sign_in_counts.c.kind == key.kind, sign_in_counts.c.digest == key.digest)
