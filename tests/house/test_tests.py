"""Tests use real parts: nothing is patched, and nothing waits. (Lint bans `unittest.mock` too.)"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.house.source import TESTS, Module, modules, uses_of

PATCHING = frozenset({"unittest.mock", "mock", "pytest.MonkeyPatch", "pytest_mock"})
PATCHING_FIXTURES = {"monkeypatch", "mocker"}
LONGEST_SLEEP = 1.0


def _named(module: Module) -> Iterator[tuple[str, int]]:
    for node in module.nodes:
        if isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name):
            yield node.id, node.lineno


def test_nothing_is_mocked() -> None:
    assert [use for module in modules(TESTS) for use in uses_of(PATCHING, module)] == []


def test_nothing_is_patched() -> None:
    found = [
        f"{module.place}:{line} {name}"
        for module in modules(TESTS)
        for name, line in _named(module)
        if name in PATCHING_FIXTURES
    ]
    assert found == []


def test_nothing_sleeps_for_a_schedule() -> None:
    found = [
        f"{module.place}:{node.lineno}"
        for module in modules(TESTS)
        for node in module.nodes
        if isinstance(node, ast.Call) and _is_sleep(node.func) and _seconds(node) > LONGEST_SLEEP
    ]
    assert found == [], "freezegun moves the time"


def _is_sleep(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name == "sleep"


def _seconds(call: ast.Call) -> float:
    first = call.args[0] if call.args else None
    return (
        float(first.value)
        if isinstance(first, ast.Constant) and isinstance(first.value, int | float)
        else 0.0
    )


def test_the_log_of_every_process_is_kept() -> None:
    """One that writes to the terminal is read by nobody (tests/logs.py)."""
    found = [
        f"{module.place}:{node.lineno}"
        for module in modules(TESTS)
        for node in module.nodes
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "Popen"
        and "stderr" not in {keyword.arg for keyword in node.keywords}
        and module.place not in {"tests/forks.py", "tests/postgres.py"}  # processes that log nothing of ours
    ]
    assert found == []
