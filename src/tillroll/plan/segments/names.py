"""Compare the names that segments use with the store's customers: a field, group or place that nobody has selects nobody.

A name that somebody has costs one look that ends at its first customer. Only if a name is missing is its column counted, once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.segments.conditions import CustomerField
from tillroll.campaign.segments.lists import fold_address
from tillroll.campaign.segments.segment import Segment, leaves
from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.findings import nearest
from tillroll.ledger.folding import folded
from tillroll.ledger.tables import customer_fields, customers
from tillroll.plan.segments.sets import includes_word

_MOST_COUNTED = 2_000  # of a column's different names, the most common ones, of which one may have been meant
_MOST_TOLD = 5  # of the missing names of one condition
_MOST_LOOKS = 20  # for the names of one condition, one by one
_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class _Column:
    """A column of customers that a condition compares with names."""

    column: sa.Column[str]
    say_missing: Callable[[str], str]
    is_folded: bool = False  # case and surrounding blanks are ignored

    @property
    def compared(self) -> sa.ColumnElement[str]:
        """What the condition compares."""
        return folded(self.column) if self.is_folded else self.column

    def key(self, name: str) -> str:
        """Return a name as it is compared."""
        return fold_address(name) if self.is_folded else name


_COLUMNS: Mapping[str, _Column] = {
    "country": _Column(column=customers.c.country, say_missing=lambda name: f"no customer lives in {name}"),
    "language": _Column(
        column=customers.c.language, say_missing=lambda name: f"no customer has the language {name}"
    ),
    "group": _Column(
        column=customers.c.group_name, say_missing=lambda name: f"no customer is in the group {name!r}"
    ),
    "region": _Column(
        column=customers.c.region,
        say_missing=lambda name: f"no customer lives in the region {name!r}",
        is_folded=True,
    ),
    "city": _Column(
        column=customers.c.city,
        say_missing=lambda name: f"no customer lives in the city {name!r}",
        is_folded=True,
    ),
}


def unknown_names(
    connection: Connection, store_id: int, segments: Mapping[str, Segment], *, excluded: Collection[str] = ()
) -> tuple[str, ...]:
    """Return a clause for each name in these segments that no customer of the store has, with the nearest one that some have.

    Countries and languages are known to exist (`tillroll check`), so nobody of them is fine where they are left out: below
    `not:`, and in the segments that are `excluded`.
    """
    if not _exists(connection, customers.c.store_id == store_id):
        return ()  # the customers haven't been read yet
    clauses: dict[str, None] = {}
    for name, segment in segments.items():
        for path, key, value in leaves(segment.where):
            leaves_out = (path.count("not") % 2 == 1) is not (name in excluded)
            if leaves_out and key in {"country", "language"}:
                continue
            for clause in _of_condition(connection, store_id, key, value):
                clauses[f"segment {name}: {clause}"] = None
    return tuple(clauses)


def say_missing_field(connection: Connection, store_id: int, title: str) -> str:
    """Return that no customer has a field, with the nearest one, or with the most common ones, and how many have those."""
    columns = customer_fields.c
    query = sa.select(columns.title, sa.func.count()).where(columns.store_id == store_id)
    counts = _counted(connection, query.group_by(columns.title))
    return f"no customer has the field {title!r}{_instead(title, counts, nothing='no customer has any')}"


def say_missing_group(connection: Connection, store_id: int, group: str) -> str:
    """Return that nobody is in a customer group, with the nearest one; empty if somebody is."""
    return next(_of_column(connection, store_id, _COLUMNS["group"], (group,)), "")


def _of_condition(connection: Connection, store_id: int, key: str, value: Any) -> Iterator[str]:
    if key in _COLUMNS:
        yield from _of_column(connection, store_id, _COLUMNS[key], value.in_)
    elif key == "field":
        yield from _of_field(connection, store_id, value)


def _of_column(connection: Connection, store_id: int, column: _Column, names: Sequence[str]) -> Iterator[str]:
    of_store = customers.c.store_id == store_id
    if _all_exist(connection, [(of_store, column.compared == column.key(name)) for name in names]):
        return
    keys = {column.key(name) for name in names}
    query = sa.select(column.compared).distinct().where(of_store, column.compared.in_(keys))
    existing = set(connection.scalars(query))
    missing = [name for name in names if column.key(name) not in existing]
    counted = sa.select(column.column, sa.func.count()).where(of_store, column.column != "")
    counts = _counted(connection, counted.group_by(column.column)) if missing else {}
    for name in missing[:_MOST_TOLD]:
        yield column.say_missing(name) + _instead(name, counts)
    yield from _say_more(missing)


def _of_field(connection: Connection, store_id: int, wanted: CustomerField) -> Iterator[str]:
    """Yield what nobody has of a condition on a customer field: the field, or one of its values or words."""
    columns = customer_fields.c
    of_field = (columns.store_id == store_id, columns.title == wanted.title)
    if not _exists(connection, *of_field):
        yield say_missing_field(connection, store_id, wanted.title)
        return
    values, words = wanted.in_ or (), wanted.includes or ()
    wheres = [
        *((*of_field, columns.value == value) for value in values),
        *((*of_field, includes_word(columns.value, word)) for word in words),
    ]
    if _all_exist(connection, wheres):
        return
    counts = _counted(
        connection,
        sa.select(columns.value, sa.func.count())
        .where(*of_field, sa.func.trim(columns.value) != "")
        .group_by(columns.value),
    )
    if words:
        counts = _count_words(counts)
    verb = "includes" if words else "is"
    missing = [
        value
        for value, where in zip(values or words, wheres, strict=True)
        if value.strip() not in counts and not _exists(connection, *where)
    ]
    for value in missing[:_MOST_TOLD]:
        yield f"no customer's field {wanted.title!r} {verb} {value!r}{_instead(value, counts)}"
    yield from _say_more(missing)


def _say_more(missing: Sequence[str]) -> Iterator[str]:
    """Yield how many names besides those that are told nobody has."""
    if len(missing) > _MOST_TOLD:
        yield f"and {len(missing) - _MOST_TOLD:,} more names that no customer has"


def _all_exist(connection: Connection, wheres: Sequence[Sequence[sa.ColumnElement[bool]]]) -> bool:
    """Return whether each condition holds for somebody; False too for many conditions, for which one query in all is cheaper."""
    return len(wheres) <= _MOST_LOOKS and all(_exists(connection, *where) for where in wheres)


def _exists(connection: Connection, *where: sa.ColumnElement[bool]) -> bool:
    return bool(connection.scalar(sa.select(sa.exists().where(*where))))


def _counted(connection: Connection, query: sa.Select[str, int]) -> dict[str, int]:
    """Return how many customers have each name, the most common names first."""
    rows = connection.execute(query.order_by(sa.func.count().desc()).limit(_MOST_COUNTED))
    return {row[0]: row[1] for row in rows}


def _count_words(values: Mapping[str, int]) -> dict[str, int]:
    """Return how many customers have each of the comma-separated words."""
    counts: Counter[str] = Counter()
    for value, count in values.items():
        for word in {word.strip() for word in value.split(",")} - {""}:
            counts[word] += count
    return dict(counts.most_common())


def _instead(name: str, counts: Mapping[str, int], *, nothing: str = "") -> str:
    """Return the nearest name that customers have, else the most common ones, each with the number of customers."""
    suggestion = _nearest(name, counts)
    shown: Iterable[str] = [suggestion] if suggestion else list(counts)[:_SHOWN]
    listed = ", ".join(
        f"{other!r} ({count_of(counts[other], 'customer')})"
        if index == 0
        else f"{other!r} ({counts[other]:,})"
        for index, other in enumerate(shown)
    )
    if not listed:
        return f"; {nothing}" if nothing else ""
    return f"; there {'is' if suggestion or len(counts) == 1 else 'are'} {listed}"


def _nearest(name: str, counts: Mapping[str, int]) -> str:
    """Return the most similar name, ignoring case; of those that differ in case alone, the most common."""
    by_folded: dict[str, str] = {}
    for other in counts:
        by_folded.setdefault(other.strip().casefold(), other)
    return by_folded.get(nearest(name.strip().casefold(), by_folded), "")
