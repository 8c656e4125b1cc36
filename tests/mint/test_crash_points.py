"""Every crash point of the room is named, and stands at the edge of a function that there is."""

from __future__ import annotations

import importlib
import re

from tillroll import mint

POINT = re.compile(
    r"^- \*(?P<name>[^*]+)\*: (?P<when>before|after) `(?P<function>[a-z_.]+)`\. ", re.MULTILINE
)


def test_each_is_before_or_after_a_function_of_the_room() -> None:
    points = list(POINT.finditer(mint.__doc__ or ""))
    assert len(points) == (mint.__doc__ or "").count("\n- *")
    assert len({point["name"] for point in points}) == len(points) > 15
    for point in points:
        module, _, function = point["function"].partition(".")
        assert callable(getattr(importlib.import_module(f"tillroll.mint.{module}"), function))
