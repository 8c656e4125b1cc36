"""Can the mirror answer what segments ask? What was never read can't be missing, and a name that means nothing selects nobody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Revision
from tillroll.campaign.segments.lists import CustomerList
from tillroll.campaign.segments.segment import Segment, leaves
from tillroll.ledger.engine import reading
from tillroll.ledger.looks import reach
from tillroll.ledger.tables import list_members
from tillroll.plan.segments.question import Question, ask

_SCOPES = {"products": "read_catalog", "categories": "read_catalog", "reviews": "read_reviews"}


def unanswered(engine: Engine, store: sa.Row[Any], revision: Revision, now: datetime) -> str:
    """Why whom a campaign is for, and whom it leaves out or lets go, can't be told yet; empty when it can."""
    segments = list(revision.segments.values())
    with reading(engine) as connection:
        question = ask(connection, store_id=store.id, segments=segments, lists=revision.lists, now=now)
        return "; ".join(reasons(connection, store, segments, question))


def reasons(
    connection: Connection, store: sa.Row[Any], segments: Iterable[Segment], question: Question
) -> list[str]:
    """Everything that keeps the mirror from answering, as sentences' ends; none: it can."""
    said = [(name, value) for segment in segments for _, name, value in leaves(segment.where)]
    found = [*_unread(connection, store, said, question), *question.unknown]
    if any(name == "rfm" for name, _ in said) and question.marks is None:
        found.append("the customers' scores haven't been drawn up yet")
    found += _not_recorded(connection, store.id, said, question.lists)
    return list(dict.fromkeys(found))


def _unread(
    connection: Connection, store: sa.Row[Any], said: list[tuple[str, Any]], question: Question
) -> Iterator[str]:
    known = reach(connection, store.id)
    needed = {area for name, value in said for area in _areas(name, value)}
    for area in sorted(needed - known.areas):
        scope = _SCOPES.get(area, "")
        lacks = scope and store.scopes and scope not in store.scopes.split()
        yield f"the store's {area} haven't been read yet{f'; the token lacks the scope {scope}' if lacks else ''}"
    asked = [question.since(value.within) for name, value in said if _asks_orders(name, value)]
    if "orders" in known.areas and not all(known.knows_orders(one) for one in asked):
        yield f"orders are known back to {known.orders_from:%Y-%m-%d} so far; older ones are still being read"


def _asks_orders(name: str, value: Any) -> bool:
    return name == "bought" or (name in {"orders", "spent"} and value.within is not None)


def _areas(name: str, value: Any) -> set[str]:
    """The areas of the mirror, besides the customers, that a condition asks."""
    found = {"orders"} if _asks_orders(name, value) or name in {"used_code", "ignored_code"} else set()
    if getattr(value, "products", ()):
        found.add("products")
    if getattr(value, "categories", ()):
        found |= {"products", "categories"}
    return found | ({"reviews"} if name == "reviewed" else set())


def _not_recorded(
    connection: Connection, store_id: int, said: list[tuple[str, Any]], lists: Mapping[str, CustomerList]
) -> Iterator[str]:
    """Lists whose members aren't all in the ledger: a list that is written half would leave people out."""
    for name in sorted({one for kind, value in said if kind == "list" for one in value.in_}):
        query = sa.select(sa.func.count()).select_from(list_members)
        where = (list_members.c.store_id == store_id, list_members.c.digest == lists[name].digest)
        if connection.scalar(query.where(*where)) != lists[name].count:
            yield f"the list {name} isn't in the ledger yet"
