"""Reading a list whole while it changes: offsets move when rows are added or taken away between two pages.

A row that is taken away from the part already read moves every later row one place forward, and the row at the border is
never shown. So each page begins with the last row of the page before it: a page whose first row was seen already follows on
without a gap, since the rows before it are the same or more. A page that begins with a stranger is read again from further
back until it follows on. Rows come twice then, never not at all.

Rows that are added to the part already read (the search index lags) show as a total larger than what was read: the list is
read again. Whoever keeps a mirror also overlaps the times it asks for.

How far a list was read is a `Place`, which may be kept and gone on from by another process, however long after: it names the
last rows by their ids, so that the page it begins with follows on or is looked for further back, as between any two pages.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PAGE = 100
"""Rows a page: both the default and the most the API gives."""

_ROUNDS = 3
_PAGES_REMEMBERED = 20  # so that memory is flat in the list's length
_STUCK = 5  # pages in a row that bring nothing on: the store's total must be wrong

Row = Mapping[str, Any]
Fetch = Callable[[int, int], Mapping[str, Any]]
"""(offset, limit) → the list's envelope: `total` and `items`."""


@dataclass(kw_only=True)
class Place:
    """How far a list was read: all rows of the pages up to here were handed out."""

    position: int = 0
    read: int = 0  # different rows of this round
    total: int = 0  # how many there are, as the store last said
    round: int = 1
    pages: list[Sequence[Hashable]] = field(default_factory=list)  # the ids on the last pages

    def to_json(self) -> dict[str, Any]:
        """Plain data; the ids must be numbers or texts."""
        return {**vars(self), "pages": [list(one) for one in self.pages]}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Place:
        """A place that was kept."""
        return cls(**body)


def every(
    fetch: Fetch, *, identity: Callable[[Row], Hashable], page: int = PAGE, place: Place | None = None
) -> Iterator[Row]:
    """Every row of a list from a place on; a row may come more than once.

    The place moves on behind the rows: a page's count once the row after them is asked for.
    """
    at = place if place is not None else Place()
    while True:
        yield from _round(fetch, identity, page, at)
        if at.read >= at.total or at.round >= _ROUNDS:
            return
        at.position, at.read, at.pages, at.round = 0, 0, [], at.round + 1


def _round(fetch: Fetch, identity: Callable[[Row], Hashable], page: int, at: Place) -> Iterator[Row]:
    """The list once, from the place to its end."""
    seen = [frozenset(one) for one in at.pages]
    stuck = 0
    back = 1 if seen else 0  # how far before the position the next page begins
    while True:
        start = max(0, at.position - back)
        answer = fetch(start, page)
        items, at.total = list(answer.get("items") or ()), int(answer.get("total") or 0)
        names = [identity(item) for item in items]
        follows_on = start == 0 or (bool(names) and _known(seen, names[0]))
        if not follows_on:
            # not a whole page: the one that follows on must bring news too; by leaps once nothing that is known can be near
            back += max(1, page // 2) if back <= _PAGES_REMEMBERED * page else back
            continue
        news = 0
        for name, item in zip(names, items, strict=True):
            if not _known(seen, name):
                news += 1
                yield item
        seen = [*seen, frozenset(names)][-_PAGES_REMEMBERED:]
        stuck = stuck + 1 if start + len(items) <= at.position else 0
        at.pages = [*at.pages, names][-_PAGES_REMEMBERED:]
        at.position, at.read, back = start + len(items), at.read + news, 1
        if not items or at.position >= at.total or stuck >= _STUCK:
            return


def _known(seen: Sequence[frozenset[Hashable]], name: Hashable) -> bool:
    return any(name in names for names in seen)
