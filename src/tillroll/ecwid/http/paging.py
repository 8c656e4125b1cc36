"""Reading a list in full while it changes. Offsets move when rows are added or removed between two pages.

When a row is removed from the part already read, every later row moves one place forward, and the row at the border would be
missed. So each page starts with the last row of the page before it. If the first row of a page was seen before, there is no gap;
otherwise the page is read again from further back until its first row is a known one. Rows may come twice, but none is missed.

When rows are added to the part already read (the search index lags), the total is larger than the number of rows read: then the
list is read again. A caller that keeps a mirror also overlaps the periods it asks for.

`ListPosition` records how far a list was read. Another process may continue from it, however much later: it holds the ids of the
last rows, so the next page is checked for a gap as between any two pages.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

log = structlog.get_logger("tillroll.ecwid")

PAGE = 100
"""Rows a page: the API's default and its maximum."""

_ROUNDS = 3
_PAGES_REMEMBERED = 20  # bounds memory, whatever the list's length
_STUCK = 5  # pages in a row without progress: the store's total must be wrong

Row = Mapping[str, Any]
Fetch = Callable[[int, int], Mapping[str, Any]]
"""(offset, limit) → the list's envelope: `total` and `items`."""


@dataclass(kw_only=True)
class ListPosition:
    """How far a list was read: every row of the pages up to here was yielded."""

    position: int = 0  # offset of the next row
    read: int = 0  # distinct rows of this round
    total: int = 0  # rows in the list, as the store last said
    round: int = 1  # how often the list was started
    pages: list[Sequence[Hashable]] = field(default_factory=list)  # the ids on the last pages

    def to_json(self) -> dict[str, Any]:
        """Return the position as JSON. The ids must be numbers or texts."""
        return {**vars(self), "pages": [list(ids) for ids in self.pages]}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> ListPosition:
        """Return the position that `to_json` wrote."""
        return cls(**body)


def every(
    fetch: Fetch, *, identity: Callable[[Row], Hashable], page: int = PAGE, place: ListPosition | None = None
) -> Iterator[Row]:
    """Yield every row of a list, from `place` on. A row may come more than once.

    `place` is updated as rows are taken: a page counts as read when the first row after it is asked for.
    """
    at = place if place is not None else ListPosition()
    while True:
        yield from _round(fetch, identity, page, at)
        if at.read >= at.total or at.round >= _ROUNDS:
            return
        at.position, at.read, at.pages, at.round = 0, 0, [], at.round + 1


def _round(fetch: Fetch, identity: Callable[[Row], Hashable], page: int, at: ListPosition) -> Iterator[Row]:
    """Yield the list once, from the position to its end."""
    seen = [frozenset(ids) for ids in at.pages]
    stuck = 0
    back = 1 if seen else 0  # how far before the position the next page starts
    while True:
        start = max(0, at.position - back)
        answer = fetch(start, page)
        items, at.total = list(answer.get("items") or ()), int(answer.get("total") or 0)
        rows = _identified(items, identity)
        ids = [id_ for id_, _ in rows]
        has_gap = start > 0 and not (ids and _was_seen(seen, ids[0]))
        if has_gap:
            # half a page, so that the page without a gap has new rows too; in leaps once no known row can be near
            back += max(1, page // 2) if back <= _PAGES_REMEMBERED * page else back
            continue
        new = 0
        for id_, item in rows:
            if not _was_seen(seen, id_):
                new += 1
                yield item
        seen = [*seen, frozenset(ids)][-_PAGES_REMEMBERED:]
        stuck = stuck + 1 if start + len(items) <= at.position else 0
        at.pages = [*at.pages, ids][-_PAGES_REMEMBERED:]
        new += len(items) - len(rows)  # or the list would be read again in search of them
        at.position, at.read, back = start + len(items), at.read + new, 1
        if not items or at.position >= at.total or stuck >= _STUCK:
            return


def _identified(items: Sequence[Any], identity: Callable[[Row], Hashable]) -> list[tuple[Hashable, Row]]:
    """Return the rows with their ids. One without a usable id is left out and told: it must not stop those beside it."""
    rows: list[tuple[Hashable, Row]] = [
        (id_, item) for item in items if (id_ := _id_of(item, identity)) is not None
    ]
    if len(rows) < len(items):
        log.warning("store.rows_without_id", rows=len(items) - len(rows), of=len(items))
    return rows


def _id_of(item: Any, identity: Callable[[Row], Hashable]) -> Hashable | None:
    """Return what tells a row from the others; None if it is not there, or not made of numbers and texts."""
    try:
        id_ = identity(item) if isinstance(item, dict) else None
    except (KeyError, TypeError, ValueError):
        return None
    parts = id_ if isinstance(id_, tuple) else (id_,)
    return id_ if all(isinstance(part, int | str) and not isinstance(part, bool) for part in parts) else None


def _was_seen(seen: Sequence[frozenset[Hashable]], id_: Hashable) -> bool:
    return any(id_ in ids for ids in seen)
