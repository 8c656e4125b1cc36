"""The page of what nobody could confirm names every switch: how a probe learns it, or why none can."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.house.source import ROOT
from tillroll.probe.conversation import Depth, Fact
from tillroll.probe.facts import FACTS, UNLEARNABLE

_COMMAND = {
    Depth.READ: "`tillroll store probe`",
    Depth.WRITE: "`… --write`",
    Depth.SAMPLES: "`… --write --samples`",
}


def row(fact: Fact) -> str:
    """The row of a fact in the page's table."""
    endings = "; or ".join(
        f"{ending} (`{json.dumps(setting).strip(chr(34))}`)" for setting, ending in fact.answers.items()
    )
    return f"| `{fact.switch}` | {fact.question} {endings or '…'} | {_COMMAND[fact.depth]} |"


def lines() -> Iterator[str]:
    """Every row of the page, as the facts have it."""
    yield from map(row, FACTS)
    yield from (f"| `{switch}` | {reason} |" for switch, reason in UNLEARNABLE.items())


@pytest.mark.parametrize("line", list(lines()), ids=[line.split("`")[1] for line in lines()])
def test_every_switch_has_its_row(line: str) -> None:
    page = (ROOT / "docs" / "ecwid-unconfirmed.md").read_text(encoding="utf-8")
    assert line in page.splitlines(), f"add to docs/ecwid-unconfirmed.md:\n{line}"


def test_the_page_has_no_row_of_anything_else() -> None:
    page = (ROOT / "docs" / "ecwid-unconfirmed.md").read_text(encoding="utf-8")
    assert {line for line in page.splitlines() if line.startswith("| `")} == set(lines())
