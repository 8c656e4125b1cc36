"""The source as the house tests see it: modules by name, parsed, and the full names of what they use."""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "tillroll"
TESTS = ROOT / "tests"
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
SINGLES = sorted(path.stem for path in PACKAGE.glob("*.py") if not path.stem.startswith("__"))


@dataclass(frozen=True, kw_only=True)
class Use:
    """A name that a module uses."""

    name: str  # in full, as `datetime.datetime.now`
    place: str  # file and line, to print


@dataclass(frozen=True, kw_only=True)
class Module:
    """One parsed file."""

    path: Path
    tree: ast.Module

    @property
    def place(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def inside(self) -> str:
        """The path inside the package, as `mint/draw.py`."""
        return self.path.relative_to(PACKAGE).as_posix()

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All nodes of the tree."""
        return tuple(ast.walk(self.tree))

    @cached_property
    def uses(self) -> tuple[Use, ...]:
        """Every imported name and every attribute reached from one, in full."""
        return tuple(self._uses())

    def _uses(self) -> Iterator[Use]:
        known: dict[str, str] = {}
        for node in self.nodes:
            for name, full in _imported(node):
                known[name] = full
                yield Use(name=full, place=f"{self.place}:{node.lineno}")
        for node in self.nodes:
            full = _dotted(node, known) if isinstance(node, ast.Attribute) else ""
            if full:
                yield Use(name=full, place=f"{self.place}:{node.lineno}")


def _imported(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield (alias.asname, alias.name) if alias.asname else (alias.name.partition(".")[0],) * 2
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        for alias in node.names:
            yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _dotted(node: ast.expr, known: dict[str, str]) -> str:
    """The full name of an attribute chain that begins at an imported name; empty for any other."""
    if isinstance(node, ast.Name):
        return known.get(node.id, "")
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value, known)
        return f"{before}.{node.attr}" if before else ""
    return ""


@cache
def modules(folder: Path = PACKAGE) -> tuple[Module, ...]:
    """Every Python file under a folder."""
    found = tuple(
        Module(path=path, tree=ast.parse(path.read_text(encoding="utf-8"), str(path)))
        for path in sorted(folder.rglob("*.py"))
    )
    gc.freeze()  # a million nodes stay: they need not be looked at for garbage in later tests
    return found


def uses_of(names: frozenset[str], module: Module) -> list[str]:
    """Where a module uses one of these names or something below it."""
    return [
        f"{use.place} {use.name}"
        for use in module.uses
        if any(use.name == name or use.name.startswith(f"{name}.") for name in names)
    ]
