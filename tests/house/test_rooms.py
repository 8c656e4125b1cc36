"""Rooms have one subject and a name that says it, and the tests mirror them."""

from __future__ import annotations

import ast

from tests.house.source import PACKAGE, ROOMS, ROOT, SINGLES, TESTS, modules

EXTRAS = {"contract", "journeys", "crash", "browser", "fuzz", "house", "security"}
NO_SUBJECT = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
MOST_LINES = 400


def test_every_test_folder_mirrors_a_room() -> None:
    folders = {path.name for path in TESTS.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders <= {*ROOMS, *EXTRAS}


def test_a_test_outside_a_folder_mirrors_a_module_outside_a_room() -> None:
    loose = {path.stem.removeprefix("test_") for path in TESTS.glob("test_*.py")}
    assert loose <= set(SINGLES)


def test_no_module_is_named_for_nothing() -> None:
    folders = [PACKAGE, TESTS]
    nameless = [path for folder in folders for path in folder.rglob("*") if path.stem in NO_SUBJECT]
    assert [path.relative_to(ROOT).as_posix() for path in nameless] == []


def test_no_module_is_too_long_to_walk_into() -> None:
    lengths = {
        module.place: len(module.path.read_text(encoding="utf-8").splitlines()) for module in modules()
    }
    assert {place: lines for place, lines in lengths.items() if lines > MOST_LINES} == {}


def test_every_module_says_what_it_is_for() -> None:
    assert [
        module.place for module in modules() if module.tree.body and not ast.get_docstring(module.tree)
    ] == []
