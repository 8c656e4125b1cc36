"""The ledger's migrations are one line, so that every ledger takes the same way."""

from __future__ import annotations

import ast

from tests.house.source import PACKAGE

VERSIONS = sorted((PACKAGE / "ledger/migrations/versions").glob("[0-9]*.py"))


def _said(text: str) -> dict[str, object]:
    """The module's plain values by name."""
    return {
        target.id: node.value.value
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def test_each_migration_follows_the_one_before_it() -> None:
    found = [_said(path.read_text(encoding="utf-8")) for path in VERSIONS]
    numbers = [one["revision"] for one in found]
    assert [path.name[:4] for path in VERSIONS] == numbers
    assert [one["down_revision"] for one in found] == [None, *numbers[:-1]]
