"""Tell whether the mirror can answer a segment: what was never read looks empty, and an unknown name selects nobody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Revision
from tillroll.campaign.segments.conditions import Scores
from tillroll.campaign.segments.lists import CustomerList
from tillroll.campaign.segments.segment import Segment, leaves
from tillroll.ledger.engine import reading
from tillroll.ledger.mirror.loyalty import load_counting
from tillroll.ledger.mirror.reach import mirror_reach
from tillroll.ledger.records import Store
from tillroll.ledger.tables import list_members
from tillroll.plan.segments.question import Question, ask

_SCOPES = {"products": "read_catalog", "categories": "read_catalog", "reviews": "read_reviews"}


def reason_unanswered(engine: Engine, store: Store, revision: Revision, now: datetime) -> str:
    """Return why the mirror cannot answer the segments of a campaign yet; empty if it can."""
    segments = list(revision.segments.values())
    with reading(engine) as connection:
        question = ask(connection, store_id=store.id, segments=segments, lists=revision.lists, now=now)
        return "; ".join(reasons_unanswered(connection, store, segments, question))


def _has_top(scores: Scores) -> bool:
    parts = (scores.recency, scores.frequency, scores.monetary)
    return any(part is not None and part.top is not None for part in parts)


def reasons_unanswered(
    connection: Connection, store: Store, segments: Iterable[Segment], question: Question
) -> list[str]:
    """Return why the mirror can't answer these segments yet, each reason as a clause; an empty list if it can."""
    conditions = [(name, value) for segment in segments for _, name, value in leaves(segment.where)]
    clauses = [*_unread(connection, store, conditions, question), *question.unknown]
    scores = [value for name, value in conditions if name == "rfm"]
    lacks_marks = question.marks is None or (question.marks.lacks_hundredths and any(map(_has_top, scores)))
    if scores and lacks_marks:
        clauses.append("the customers' scores haven't been computed yet")
    if any(name == "tier" for name, _ in conditions):
        clauses += _tiers_not_counted(connection, store.id)
    clauses += _lists_not_recorded(connection, store.id, conditions, question.lists)
    return list(dict.fromkeys(clauses))


def _unread(
    connection: Connection, store: Store, conditions: list[tuple[str, Any]], question: Question
) -> Iterator[str]:
    """Yield which parts of the store were not read yet, or not far enough back."""
    mirrored = mirror_reach(connection, store.id)
    needed = {area for name, value in conditions for area in _areas(name, value)}
    for area in sorted(needed - mirrored.areas):
        scope = _SCOPES.get(area, "")
        lacks = scope and store.scopes and scope not in store.scopes.split()
        yield f"the store's {area} haven't been read yet{f'; the token lacks the scope {scope}' if lacks else ''}"
    starts = [question.since(value.within) for name, value in conditions if _asks_orders(name, value)]
    if "orders" in mirrored.areas and not all(mirrored.knows_orders(start) for start in starts):
        yield f"orders are known back to {mirrored.orders_from:%Y-%m-%d} so far; older ones are still being read"


def _asks_orders(name: str, value: Any) -> bool:
    return name == "bought" or (name in {"orders", "spent"} and value.within is not None)


def _areas(name: str, value: Any) -> set[str]:
    """Return the areas of the mirror, besides customers, that a condition needs."""
    areas = {"orders"} if _asks_orders(name, value) or name in {"used_code", "ignored_code"} else set()
    if getattr(value, "products", ()):
        areas.add("products")
    if getattr(value, "categories", ()):
        areas |= {"products", "categories"}
    return areas | ({"reviews"} if name == "reviewed" else set())


def _tiers_not_counted(connection: Connection, store_id: int) -> Iterator[str]:
    """Yield why nobody knows who is in which tier."""
    counting = load_counting(connection, store_id)
    if counting is None:
        yield "the loyalty tiers of rules/tiers.yaml aren't in the ledger yet"
    elif not counting.covers_everybody:
        yield "the loyalty tiers are still being counted"


def _lists_not_recorded(
    connection: Connection,
    store_id: int,
    conditions: list[tuple[str, Any]],
    lists: Mapping[str, CustomerList],
) -> Iterator[str]:
    """Yield the lists that are not in the ledger in full: a partly written list would leave people out."""
    for name in sorted({each for kind, value in conditions if kind == "list" for each in value.in_}):
        query = sa.select(sa.func.count()).select_from(list_members)
        where = (list_members.c.store_id == store_id, list_members.c.digest == lists[name].digest)
        if connection.scalar(query.where(*where)) != lists[name].count:
            yield f"the list {name} isn't in the ledger yet"
