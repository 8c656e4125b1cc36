"""Comparing the kept counts with the rows they count, mending those that differ, and folding their shards."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger.counting.kept import KEPT, KeptCount


@dataclass(frozen=True, kw_only=True)
class CountDifference:
    """A kept count that was not what its rows add up to."""

    table: str  # of the rows
    of: dict[str, int | str]  # what tells the count apart, as `run_id` and `state`
    kept: int
    counted: int


def mend_counts(connection: Connection, *, store_id: int | None = None) -> list[CountDifference]:
    """Compare all counts, or a store's, with their rows, and mend those that differ. Returns these. Safe to repeat.

    Both are read by one statement, thus at one moment, and the difference is added to what is kept: nobody who moves a count
    meanwhile is waited for or overwritten.
    """
    shard = _own_shard(connection)
    found: list[CountDifference] = []
    for into in dict.fromkeys(kept.into for kept in KEPT):
        of_table = [kept for kept in KEPT if kept.into is into]
        given = {} if store_id is None else {"store": store_id}
        for row in connection.execute(sa.text(_comparison(of_table, one_store=store_id is not None)), given):
            values = dict(row._mapping)
            number, rows = values.pop("kept_rows"), values.pop("counted_rows")
            connection.execute(sa.text(_addition(of_table[0])), {**values, "shard": shard})
            keys = {name: values[name] for name in of_table[0].keys}
            found.append(CountDifference(table=of_table[0].of.name, of=keys, kept=number, counted=rows))
    return found


def fold_counts(connection: Connection) -> None:
    """Add up the shards of counts that were left by server processes that are gone. Safe to repeat; SQLite has one shard."""
    if connection.dialect.name == "sqlite":
        return
    for kept in {kept.into.name: kept for kept in KEPT}.values():
        gone = (
            f"delete from {kept.into.name} where shard <> 0 and shard <> pg_backend_pid()"  # noqa: S608 - names of ours
            " and shard not in (select pid from pg_stat_activity) returning *"
        )
        groups, sums = ", ".join(kept.keys), ", ".join(f"sum({name})" for name in kept.shares)
        connection.exec_driver_sql(
            f"with gone as ({gone}) insert into {kept.into.name} ({', '.join(kept.columns)})"  # noqa: S608 - names of ours
            f" select {groups}, 0, {sums} from gone group by {groups} order by {groups} {kept.on_conflict}"
        )


def _own_shard(connection: Connection) -> int:
    if connection.dialect.name == "sqlite":
        return 0
    return int(connection.exec_driver_sql("select pg_backend_pid()").scalar_one())


def _comparison(of_table: list[KeptCount], *, one_store: bool) -> str:
    """Return the query for what must be added to the kept counts, with what is kept and what there is."""
    first = of_table[0]
    keys, names = ", ".join(first.keys), [name for name, _ in first.sums]
    of_store = " where store_id = :store" if one_store else ""
    kept = ", ".join(("-n as n", *(f"-{name} as {name}" for name in names)))
    parts = [f"select {keys}, n as kept_rows, 0 as counted_rows, {kept} from {first.into.name}{of_store}"]  # noqa: S608
    for each in of_table:
        says = ", ".join(f"{expression.format(row='r')} as {name}" for name, expression in each.keys.items())
        amounts = "".join(f", {expression.format(row='r')} as {name}" for name, expression in each.sums)
        conditions = [each.only.format(row="r")] if each.only else []
        conditions += ["r.store_id = :store"] if one_store else []
        where = f" where {' and '.join(conditions)}" if conditions else ""
        parts.append(f"select {says}, 0, 1, 1{amounts} from {each.of.name} as r{where}")  # noqa: S608
    sums = ", ".join(f"sum({name}) as {name}" for name in ("kept_rows", "counted_rows", "n", *names))
    wrong = " or ".join(f"sum({name}) <> 0" for name in ("n", *names))
    return (
        f"select {keys}, {sums} from ({' union all '.join(parts)}) as compared group by {keys} having {wrong}"  # noqa: S608
    )


def _addition(kept: KeptCount) -> str:
    given = ", ".join(f":{name}" for name in kept.columns)
    return f"insert into {kept.into.name} ({', '.join(kept.columns)}) values ({given}) {kept.on_conflict}"  # noqa: S608 - names of ours
