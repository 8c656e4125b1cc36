"""State is never a sentence: no code compares or parses text made for people. A cause is an enum of `campaign/states.py`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.house.source import PACKAGE, Module, modules

FOR_PEOPLE = frozenset({"reason", "note", "message", "hint", "subject"})
"""Fields and columns that hold text for people, or that refer to something in text (the audit's subject)."""

KEYS = frozenset({"slot_key"})
"""Identifiers: they may be compared, and only `flows/finders/keys.py` takes them apart."""

TAKE_APART = frozenset(
    {"startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition", "split", "rsplit"}
    | {"find", "index", "like", "ilike", "contains", "icontains", "istartswith", "regexp_match"}
)
COMPARE = frozenset({"in_", "not_in", "is_distinct_from", "is_not_distinct_from"})
SEARCH = frozenset({"search", "match", "fullmatch", "findall", "finditer", "sub", "split", "substr"})

ALLOWED = {
    "ledger/causes.py": "it carries over rows of the version that had only the sentences",
    "ledger/migrations/": "migrations read what older versions wrote",
    "flows/finders/keys.py": "it makes the keys, and reads them for a restored ledger",
}


def _named(node: ast.AST, names: frozenset[str]) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in names


def _compared(node: ast.Compare) -> bool:
    if all(isinstance(operator, ast.Is | ast.IsNot) for operator in node.ops):
        return False
    return any(_named(side, FOR_PEOPLE) for side in (node.left, *node.comparators))


def _called(node: ast.Call) -> bool:
    function = node.func
    if not isinstance(function, ast.Attribute):
        return False
    if _named(function.value, FOR_PEOPLE) and function.attr in TAKE_APART | COMPARE:
        return True
    if _named(function.value, KEYS) and function.attr in TAKE_APART:
        return True
    return function.attr in SEARCH and any(_named(given, FOR_PEOPLE | KEYS) for given in node.args)


def _faults(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if (isinstance(node, ast.Compare) and _compared(node)) or (
            isinstance(node, ast.Call) and _called(node)
        ):
            yield node.lineno


def _checked(module: Module) -> bool:
    return not module.inside.startswith(tuple(ALLOWED))


def test_no_code_depends_on_text_made_for_people() -> None:
    assert [
        f"{module.place}:{line}" for module in modules() if _checked(module) for line in _faults(module.tree)
    ] == []


def test_every_exception_is_there() -> None:
    assert [place for place in ALLOWED if not (PACKAGE / place).exists()] == []


@pytest.mark.parametrize(
    ("code", "faulty"),
    [
        ('row.reason == "gone"', True),
        ('codes.c.reason != ""', True),
        ('"gone" in run.reason', True),
        ("codes.c.reason.in_(texts)", True),
        ('entry.reason.startswith("they")', True),
        ("_STEP.sub('', run.slot_key)", True),
        ('run.slot_key.partition(" step ")', True),
        ('audit.c.subject == f"run {run_id}"', True),
        ("row.cause == CodeCause.LEFT_OVER", False),
        ("campaign.message is None", False),
        ("runs.c.slot_key == slot.key", False),
        ("bool(store.reason)", False),
    ],
)
def test_the_rule_itself(code: str, faulty: bool) -> None:
    assert bool(list(_faults(ast.parse(code)))) is faulty
