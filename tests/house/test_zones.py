"""A store's time zone comes from outside: it becomes a zone in one module, which knows what to do when there is no such zone."""

from __future__ import annotations

import ast
from pathlib import Path

import tillroll

ROOT = Path(tillroll.__file__).parent


def test_zones_are_made_in_one_module() -> None:
    makers = [
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "ZoneInfo"
    ]
    assert set(makers) == {"campaign/text/zones.py"}
