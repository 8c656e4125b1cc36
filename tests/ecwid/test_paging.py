"""Reading lists that change meanwhile: every row that stays in the list is read."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tillroll.ecwid.http.paging import ListPosition, every


class Shifting:
    """A list of numbers, some of which are added or removed after each page."""

    def __init__(self, count: int, seed: int, *, comes: float, goes: float, newest_first: bool) -> None:
        self.rows = list(range(count))
        self._next = count
        self._draw = random.Random(seed)
        self._comes, self._goes, self._newest_first = comes, goes, newest_first
        self.gone: set[int] = set()
        self.pages = 0

    def fetch(self, offset: int, limit: int) -> Mapping[str, Any]:
        self.pages += 1
        shown = self.rows[::-1] if self._newest_first else self.rows
        items = [{"id": id_} for id_ in shown[offset : offset + limit]]
        total = len(shown)
        while self._draw.random() < self._goes and self.rows:
            self.gone.add(self.rows.pop(self._draw.randrange(len(self.rows))))
        while self._draw.random() < self._comes:
            self.rows.append(self._next)
            self._next += 1
        return {"total": total, "items": items}


@given(
    count=st.integers(0, 90),
    page=st.integers(5, 12),
    seed=st.integers(0, 10_000),
    comes=st.floats(0, 0.5),
    goes=st.floats(0, 0.8),
    newest_first=st.booleans(),
)
def test_a_row_that_stays_in_the_list_is_never_missed(
    count: int, page: int, seed: int, comes: float, goes: float, newest_first: bool
) -> None:
    shifting = Shifting(count, seed, comes=comes, goes=goes, newest_first=newest_first)
    read = [row["id"] for row in every(shifting.fetch, identity=lambda row: row["id"], page=page)]
    stayed = set(range(count)) - shifting.gone
    assert stayed <= set(read)


def test_an_unchanged_list_costs_hardly_more_calls_than_its_pages() -> None:
    shifting = Shifting(10_000, 1, comes=0, goes=0, newest_first=False)
    read = [row["id"] for row in every(shifting.fetch, identity=lambda row: row["id"])]
    assert read == list(range(10_000))
    assert shifting.pages <= 102


def test_a_page_or_less_is_one_call() -> None:
    for count in (0, 1, 99, 100):
        shifting = Shifting(count, 1, comes=0, goes=0, newest_first=False)
        assert len(list(every(shifting.fetch, identity=lambda row: row["id"]))) == count
        assert shifting.pages == 1


def test_reading_ends_although_the_total_is_wrong() -> None:
    def fetch(offset: int, limit: int) -> Mapping[str, Any]:
        return {"total": 1_000, "items": [{"id": id_} for id_ in range(offset, min(offset + limit, 5))]}

    assert {row["id"] for row in every(fetch, identity=lambda row: row["id"])} == set(range(5))


def in_pieces(shifting: Shifting, *, page: int, piece: int, leave: random.Random) -> Iterator[int]:
    """Read a list by several processes in succession, each of which stores pieces with the position after them."""
    kept = ListPosition().to_json()
    while True:
        place = ListPosition.from_json(json.loads(json.dumps(kept)))
        rows = every(shifting.fetch, identity=lambda row: row["id"], page=page, place=place)
        while ids := [row["id"] for row in islice(rows, piece)]:
            if leave.random() < 0.2:
                break  # it dies before storing the piece
            yield from ids
            kept = place.to_json()
        else:
            return
        shifting.fetch(0, 0)  # meanwhile the list changes


@given(
    count=st.integers(0, 90),
    page=st.integers(5, 12),
    piece=st.integers(1, 40),
    seed=st.integers(0, 10_000),
    comes=st.floats(0, 0.5),
    goes=st.floats(0, 0.8),
    newest_first=st.booleans(),
)
def test_a_reading_that_other_processes_continue_misses_no_row(
    count: int, page: int, piece: int, seed: int, comes: float, goes: float, newest_first: bool
) -> None:
    shifting = Shifting(count, seed, comes=comes, goes=goes, newest_first=newest_first)
    read = set(in_pieces(shifting, page=page, piece=piece, leave=random.Random(seed)))
    assert set(range(count)) - shifting.gone <= read


def test_a_continued_reading_starts_where_it_stopped_however_much_the_list_has_changed() -> None:
    shifting, place = Shifting(10_000, 1, comes=0, goes=0, newest_first=False), ListPosition()
    rows = every(shifting.fetch, identity=lambda row: row["id"], place=place)
    read = {row["id"] for row in islice(rows, 9_000)}
    shifting.pages = 0
    del shifting.rows[:5_000]
    again = ListPosition.from_json(place.to_json())
    read |= {row["id"] for row in every(shifting.fetch, identity=lambda row: row["id"], place=again)}
    assert read == set(range(10_000))
    assert shifting.pages < 100  # ten of them are the last thousand rows
