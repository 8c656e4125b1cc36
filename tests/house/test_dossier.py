"""The dossier's table of open points: each open switch has a row with its source, how sure that is, and a test that exists."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache

import pytest

from tests.house.source import ROOT
from tests.house.test_endpoints import BOTH, NOT_THE_CLIENTS
from tillroll.sandbox.state.switches import Switches

OPEN = sorted({*BOTH, *NOT_THE_CLIENTS, "index_lag"})
SURE = {"sure", "likely", "guess", "sources differ"}
_TEST = re.compile(r"`(tests/[a-z_/]+\.py)::(test_\w+)`")


@dataclass(frozen=True, kw_only=True)
class OpenPoint:
    """A row of the table."""

    question: str
    settings: str
    source: str
    sure: str
    test: str


@cache
def points() -> dict[str, OpenPoint]:
    page = (ROOT / "docs" / "ecwid-api.md").read_text(encoding="utf-8")
    found: dict[str, OpenPoint] = {}
    for line in page.partition("\n## 13.")[2].partition("\n## 14.")[0].splitlines():
        if line.startswith("| `"):
            switch, *cells = (cell.strip() for cell in line.strip("|").split(" | "))
            question, settings, source, sure, test = cells
            assert switch.strip("` ") not in found, switch
            found[switch.strip("` ")] = OpenPoint(
                question=question, settings=settings, source=source, sure=sure, test=test.rstrip(" |")
            )
    return found


def test_the_table_has_every_open_switch_and_no_other() -> None:
    assert sorted(points()) == OPEN, (
        "docs/ecwid-api.md, section 13: a row for each open switch of the sandbox"
    )


@pytest.mark.parametrize("switch", OPEN)
def test_a_row_says_the_default_first_its_source_and_how_sure_it_is(switch: str) -> None:
    point, default = points()[switch], getattr(Switches(), switch)
    first = point.settings.partition(" · ")[0]
    assert (str(default).lower() if isinstance(default, bool) else f"{default}".removesuffix(".0")) in first
    assert point.question
    assert point.source
    assert point.sure in SURE


@pytest.mark.parametrize("switch", OPEN)
def test_a_row_names_a_test_that_turns_the_switch(switch: str) -> None:
    match = _TEST.fullmatch(points()[switch].test)
    assert match is not None, points()[switch].test
    text = (ROOT / match[1]).read_text(encoding="utf-8")
    tests = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and node.name == match[2]
    ]
    assert len(tests) == 1
    assert switch in ast.unparse(tests[0])
