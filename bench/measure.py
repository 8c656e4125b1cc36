"""How it is measured: in turns, several times, the middle one counts.

A shared machine is faster now and slower then, so ours and what stands beside it run one after the other, again and again:
whatever slows one round slows all of it.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from statistics import median


def alternate(*, times: int = 3, **ways: Callable[[], float]) -> dict[str, float]:
    """The middle figure of each way, by its name, as `alternate(ours=…, floor=…, peer=…, times=5)`.

    A way does its work once and answers its figure (`seconds` and `rate` make one of a plain function).
    """
    figures: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(times):
        for name, way in ways.items():
            gc.collect()
            figures[name].append(way())
    return {name: median(found) for name, found in figures.items()}


def seconds(work: Callable[[], object]) -> Callable[[], float]:
    """A way that answers how long the work took."""

    def timed() -> float:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    return timed


def rate(work: Callable[[], object], count: int) -> Callable[[], float]:
    """A way that answers how many of `count` things were done in a second."""
    timed = seconds(work)
    return lambda: count / timed()
