"""Measuring several ways in turns and taking each one's median.

The speed of a shared machine varies, so our code and its floor or peer run one after the other, several times: whatever slows a
round slows all of them.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from statistics import median


def alternate(*, times: int = 3, **ways: Callable[[], float]) -> dict[str, float]:
    """Run each way `times` times, in turns, and return its median by name: `alternate(ours=…, floor=…, peer=…, times=5)`.

    A way does its work once and returns its figure; `seconds` and `rate` make a way of a plain function.
    """
    figures: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(times):
        for name, way in ways.items():
            gc.collect()
            figures[name].append(way())
    return {name: median(measured) for name, measured in figures.items()}


def seconds(work: Callable[[], object]) -> Callable[[], float]:
    """Return a way that measures how many seconds the work takes."""

    def timed() -> float:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    return timed


def rate(work: Callable[[], object], count: int) -> Callable[[], float]:
    """Return a way that measures the rate a second of work on `count` things."""
    timed = seconds(work)
    return lambda: count / timed()
