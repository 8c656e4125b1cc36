"""Time, chance and environment come in by the front door; import-linter sees to the imports."""

from __future__ import annotations

import ast

import pytest

from tests.house.source import ROOT, Module, modules, uses_of

ENVIRONMENT = frozenset({"os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv", "os.unsetenv"})
TIME = frozenset(
    {
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "datetime.datetime.today",
        "datetime.date.today",
        "sqlalchemy.func.now",
        "sqlalchemy.func.current_timestamp",
        "time.localtime",
        "time.gmtime",
        "time.monotonic",
        "time.monotonic_ns",
        "time.perf_counter",
        "time.perf_counter_ns",
        "time.sleep",
        "time.time",
        "time.time_ns",
    }
)
CHANCE = frozenset({"secrets", "random", "os.urandom", "uuid.uuid1", "uuid.uuid4"})
MAY_DRAW = ("mint/draw.py", "wiring.py", "sandbox/", "web/")


def _breaches(names: frozenset[str], allowed: tuple[str, ...]) -> list[str]:
    return [
        breach
        for module in modules()
        if not module.inside.startswith(allowed)
        for breach in uses_of(names, module)
    ]


def test_only_settings_reads_the_environment() -> None:
    assert _breaches(ENVIRONMENT, ("settings.py",)) == []


def test_no_command_reads_the_environment_through_click() -> None:
    hidden = [
        f"{module.place}:{node.value.lineno}"
        for module in modules()
        for node in module.nodes
        if isinstance(node, ast.keyword) and node.arg in {"envvar", "auto_envvar_prefix"}
    ]
    assert hidden == []


def test_only_the_clock_asks_for_the_time() -> None:
    assert _breaches(TIME, ("clock.py",)) == []


def test_chance_is_drawn_in_few_places() -> None:
    assert _breaches(CHANCE, MAY_DRAW) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("from datetime import datetime as d\nd.now()", TIME),
        ("import datetime\nx = datetime.date.today", TIME),
        ("from time import sleep", TIME),
        ("import sqlalchemy as sa\nsa.func.now()", TIME),
        ("from os import environ", ENVIRONMENT),
        ("import os\nos.environ['HOME']", ENVIRONMENT),
        ("from secrets import choice", CHANCE),
        ("import random", CHANCE),
    ],
)
def test_a_breach_is_seen_however_it_is_written(text: str, names: frozenset[str]) -> None:
    assert uses_of(names, Module(path=ROOT / "example.py", tree=ast.parse(text))) != []


def test_a_type_of_the_same_module_is_no_breach() -> None:
    text = "from datetime import UTC, datetime\nmoment = datetime(2026, 1, 1, tzinfo=UTC)"
    assert uses_of(TIME, Module(path=ROOT / "example.py", tree=ast.parse(text))) == []


def test_recipients_are_written_and_removed_by_freezing_alone_and_never_changed() -> None:
    """What is counted of a plan in pieces, before it is approved and before it begins, is the same at the end."""
    done = {
        (name, module.inside)
        for module in modules()
        for call in module.nodes
        if isinstance(call, ast.Call) and "recipients" in map(ast.unparse, call.args[:2])
        if (name := ast.unparse(call.func)).endswith(_WRITES)
    }
    assert done == {("_add", "plan/freeze.py"), ("sa.delete", "plan/freeze.py")}


_WRITES = (
    "sa.insert",
    "sa.update",
    "sa.delete",
    "upsert",
    "insert_if_new",
    "add_many",
    "change_many",
    "_add",
)
