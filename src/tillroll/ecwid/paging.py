"""Reading a list whole while it changes: offsets move when rows are added or taken away between two pages.

A row that is taken away from the part already read moves every later row one place forward, and the row at the border is
never shown. So each page begins with the last row of the page before it: a page whose first row was seen already follows on
without a gap, since the rows before it are the same or more. A page that begins with a stranger is read again from further
back until it follows on. Rows come twice then, never not at all.

Rows that are added to the part already read (the search index lags) show as a total larger than what was read: the list is
read again. Whoever keeps a mirror also overlaps the times it asks for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Hashable, Iterator, Mapping
from typing import Any

PAGE = 100
"""Rows a page: both the default and the most the API gives."""

_ROUNDS = 3
_PAGES_REMEMBERED = 20  # so that memory is flat in the list's length
_STUCK = 5  # pages in a row that bring nothing on: the store's total must be wrong

Row = Mapping[str, Any]
Fetch = Callable[[int, int], Mapping[str, Any]]
"""(offset, limit) → the list's envelope: `total` and `items`."""


def every(fetch: Fetch, *, identity: Callable[[Row], Hashable], page: int = PAGE) -> Iterator[Row]:
    """Every row of a list; a row may come more than once."""
    for _ in range(_ROUNDS):
        read, total = yield from _round(fetch, identity, page)
        if read >= total:
            return


def _round(
    fetch: Fetch, identity: Callable[[Row], Hashable], page: int
) -> Generator[Row, None, tuple[int, int]]:
    """The list once; answers how many different rows were read, and how many the store says there are."""
    seen: deque[frozenset[Hashable]] = deque(maxlen=_PAGES_REMEMBERED)
    position = read = stuck = 0
    back = 0  # how far before the position the next page begins
    while True:
        start = max(0, position - back)
        answer = fetch(start, page)
        items, total = list(answer.get("items") or ()), int(answer.get("total") or 0)
        names = [identity(item) for item in items]
        follows_on = start == 0 or (bool(names) and _known(seen, names[0]))
        if not follows_on:
            back += max(1, page // 2)  # not a whole page: the one that follows on must bring news too
            continue
        for name, item in zip(names, items, strict=True):
            if not _known(seen, name):
                read += 1
                yield item
        seen.append(frozenset(names))
        stuck = stuck + 1 if start + len(items) <= position else 0
        position, back = start + len(items), 1
        if not items or position >= total or stuck >= _STUCK:
            return read, total


def _known(seen: deque[frozenset[Hashable]], name: Hashable) -> bool:
    return any(name in names for names in seen)
