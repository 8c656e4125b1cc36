"""Every row of the dossier's endpoint tables is driven by a contract test, and every switch is turned by one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

from tests.house.source import ROOT, TESTS, modules

_CELL = re.compile(r"`((?:GET|POST|PUT|DELETE)(?:, (?:GET|POST|PUT|DELETE))*) (/[^`?\s]+)[^`]*`")
_CHOICE = re.compile(r"\{(\w+(?:\\?\|\w+)+)\}")

NOT_DRIVEN = {
    "GET /promotions/{}": "the dossier has it as not documented",
    "GET /orders/{}/invoice-pdf": "a PDF, which neither client nor sandbox has a use for",
    **dict.fromkeys(
        (
            "POST /products/filters", "GET /brands", "GET /swatches", "GET /products/sort", "PUT /products/sort",
            "GET /classes", "POST /classes", "GET /classes/{}", "PUT /classes/{}", "DELETE /classes/{}",
            "GET /categories/sort", "PUT /categories/sort",
        ),
        "the dossier says it isn't needed here and tells neither its fields nor its answer; the sandbox has none",
    ),
}  # fmt: skip
"""Rows that no contract test drives, and why."""


def plain(row: str) -> str:
    """A row without the names of its ids."""
    return re.sub(r"\{\w+\}", "{}", row.rstrip("/"))


def rows_of(page: str) -> Iterator[str]:
    """The calls in the first two cells of a page's tables, and in its headings."""
    for line in page.splitlines():
        if line.startswith("|"):
            said = "|".join(re.split(r"(?<!\\)\|(?![^{`]*\})", line)[1:3])
        elif line.startswith("#"):
            said = line
        else:
            continue
        for methods, path in _CELL.findall(said):
            choice = _CHOICE.search(path)
            for one in re.split(r"\\?\|", choice[1]) if choice else [""]:
                for method in methods.split(", "):
                    yield plain(f"{method} {_CHOICE.sub(one, path)}")


@cache
def dossier() -> frozenset[str]:
    return frozenset(rows_of((ROOT / "docs" / "ecwid-api.md").read_text(encoding="utf-8")))


@cache
def driven() -> frozenset[str]:
    return frozenset(
        plain(str(ast.literal_eval(argument)))
        for module in modules(TESTS / "contract")
        for test in ast.walk(module.tree)
        if isinstance(test, ast.FunctionDef) and test.name.startswith("test_")
        for mark in test.decorator_list
        if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.func.id == "drives"
        for argument in mark.args
    )


def test_every_row_of_the_dossiers_tables_is_driven_by_a_contract_test() -> None:
    assert sorted(dossier() - driven() - NOT_DRIVEN.keys()) == []


def test_a_row_that_is_left_out_is_in_the_dossier_and_driven_by_nobody() -> None:
    assert NOT_DRIVEN.keys() <= dossier()
    assert sorted(NOT_DRIVEN.keys() & driven()) == []


def test_no_contract_test_drives_what_the_dossier_does_not_know() -> None:
    assert sorted(driven() - dossier()) == []


def test_the_tables_are_read_with_their_lists_of_methods_and_areas() -> None:
    page = """
| `GET, PUT /a/{id}` | `PUT, DELETE /b/{key}/c?x=1` | `GET /not-a-row` |
| x | `GET /status?s=A\\|B` |
### 9 `GET /{d|e}/deleted` (scope)
Words about `GET /neither`.
"""
    assert sorted(rows_of(page)) == [
        "DELETE /b/{}/c", "GET /a/{}", "GET /d/deleted", "GET /e/deleted", "GET /status", "PUT /a/{}", "PUT /b/{}/c",
    ]  # fmt: skip
