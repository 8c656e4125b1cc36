"""The house keeps its shape: few modules in a folder, short functions, one class a name, and no circles between folders."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.house.source import PACKAGE, Module, modules

MOST_MODULES = 13
MOST_LINES_OF_A_FUNCTION = 50
MOST_ROWS_OUTSIDE_THE_LEDGER = 19
WHY_SO_MANY = "More than 13 modules:"
"""How a folder's docstring begins the sentence that says why it holds more."""


def functions(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method of a module, nested ones too."""
    for node in module.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def too_long(module: Module) -> list[str]:
    """The functions of a module that do not fit a screen, with their length."""
    lengths = {node: (node.end_lineno or node.lineno) - node.lineno + 1 for node in functions(module)}
    return [
        f"{module.place}:{node.lineno} {node.name}: {lines} lines"
        for node, lines in lengths.items()
        if lines > MOST_LINES_OF_A_FUNCTION
    ]


def test_a_folder_holds_few_modules_or_says_at_its_top_why_it_holds_more() -> None:
    counts: dict[str, int] = defaultdict(int)
    reasons: dict[str, str] = {}
    for module in modules():
        folder = module.path.parent.relative_to(PACKAGE).as_posix()
        if module.path.name == "__init__.py":
            reasons[folder] = ast.get_docstring(module.tree) or ""
        else:
            counts[folder] += 1
    full = {folder for folder, count in counts.items() if count > MOST_MODULES}
    assert {folder for folder in full if WHY_SO_MANY not in reasons.get(folder, "")} == set()


def test_no_function_is_longer_than_a_screen() -> None:
    """Migrations are lists of tables and columns, and one that was released is never changed."""
    code = [module for module in modules() if not module.inside.startswith("ledger/migrations/")]
    assert [place for module in code for place in too_long(module)] == []


def test_a_long_function_is_seen() -> None:
    text = "def long():\n" + "    pass\n" * MOST_LINES_OF_A_FUNCTION
    module = Module(path=PACKAGE / "example.py", tree=ast.parse(text))
    assert len(too_long(module)) == 1


def test_a_class_name_stands_for_one_thing() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for module in modules():
        for node in module.nodes:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(module.inside)
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def folder_imports() -> dict[str, set[str]]:
    """Each folder with the folders whose modules its own modules import; a package's `__init__` only hands names on."""
    found: dict[str, set[str]] = defaultdict(set)
    for module in modules():
        if module.path.name == "__init__.py" or "migrations" in module.inside:
            continue
        for use in module.uses:
            if not use.name.startswith("tillroll."):
                continue
            target = PACKAGE.parent.joinpath(*use.name.split("."))
            while not target.is_dir() and not target.with_suffix(".py").is_file():
                target = target.parent
            folder = target if target.is_dir() else target.parent
            if folder != PACKAGE and folder != module.path.parent != PACKAGE:
                found[module.path.parent.relative_to(PACKAGE).as_posix()].add(
                    folder.relative_to(PACKAGE).as_posix()
                )
    return found


def test_no_folders_import_each_other_in_a_circle() -> None:
    """Modules outside the rooms (clock, errors, settings, wiring) are held by the import contract."""
    imports = folder_imports()
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as circle:
        pytest.fail(" -> ".join(circle.args[1]))


def rows(module: Module) -> list[str]:
    """Where a module names SQLAlchemy's untyped row."""
    return [
        f"{module.place}:{node.lineno}"
        for node in module.nodes
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "sa.Row"
    ]


def test_rows_have_a_type_outside_the_ledger() -> None:
    """The few places that keep `sa.Row` handle thousands of rows or pass one on unread; each says so beside it."""
    found = [
        place for module in modules() if not module.inside.startswith("ledger/") for place in rows(module)
    ]
    assert len(found) <= MOST_ROWS_OUTSIDE_THE_LEDGER, found


@pytest.mark.parametrize("folder", ["web", "cli"])
def test_pages_and_commands_hold_no_sql(folder: str) -> None:
    """They parse, call one stage and show. What they read is a query of `ledger/queries` or of a stage."""
    found = [
        f"{module.place}:{node.lineno}"
        for module in modules()
        if module.inside.startswith(f"{folder}/")
        for node in module.nodes
        if isinstance(node, ast.Attribute)
        and ast.unparse(node) in {"sa.select", "sa.insert", "sa.update", "sa.delete", "sa.text"}
    ]
    assert found == []
