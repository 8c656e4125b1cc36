"""The crash tests watch functions by name, so that the product needs no hooks: each of these names is one."""

from __future__ import annotations

import pytest

from tests.crash.points import POINTS, Point, code_of


@pytest.mark.parametrize("point", POINTS, ids=[point.name for point in POINTS])
def test_a_crash_point_is_a_function_of_the_product(point: Point) -> None:
    """One that was renamed or moved has its new name in tests/crash/points.py too."""
    assert code_of(*point.function.split(":")).co_filename.endswith(".py")
