"""Every crash point is named and stands at the edge of a function: those that the crash tests watch, and those of the rooms."""

from __future__ import annotations

import importlib
import re
from types import ModuleType

import pytest

from tests.crash.points import BATCH_JOB, GIVEN_UP, POINTS, Point, code_of
from tillroll import batches, mint

NAMED = re.compile(
    r"^- \*(?P<name>[^*]+)\*: (?P<when>before|after) `(?P<function>[a-z_.]+)`\. ", re.MULTILINE
)


EVERY = (*POINTS, *BATCH_JOB, *GIVEN_UP)


@pytest.mark.parametrize("point", EVERY, ids=[point.name for point in EVERY])
def test_a_crash_point_is_a_function_of_the_product(point: Point) -> None:
    """One that was renamed or moved has its new name in tests/crash/points.py too: the product needs no hooks."""
    assert code_of(*point.function.split(":")).co_filename.endswith(".py")


@pytest.mark.parametrize(("room", "more_than"), [(mint, 15), (batches, 6)], ids=["mint", "batches"])
def test_each_that_a_room_names_is_before_or_after_a_function_of_it(room: ModuleType, more_than: int) -> None:
    points = list(NAMED.finditer(room.__doc__ or ""))
    assert len(points) == (room.__doc__ or "").count("\n- *")
    assert len({point["name"] for point in points}) == len(points) > more_than
    for point in points:
        module, _, function = point["function"].rpartition(".")
        assert callable(getattr(importlib.import_module(f"{room.__name__}.{module}"), function))
