"""Batches of an iterable."""

from __future__ import annotations

from tillroll.campaign.figures.batched import batched


def test_the_last_batch_may_be_shorter() -> None:
    assert list(batched(range(5), 2)) == [[0, 1], [2, 3], [4]]


def test_nothing_gives_no_batch() -> None:
    assert list(batched([], 2)) == []


def test_it_reads_no_further_than_the_batch_it_yields() -> None:
    numbers = iter(range(5))
    next(batched(numbers, 2))
    assert next(numbers) == 2
