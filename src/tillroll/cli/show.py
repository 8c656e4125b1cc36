"""How the command writes: rich on a terminal, plain when piped, JSON when asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tillroll.campaign.states import RunState
from tillroll.errors import FaultyFiles, TillrollError

NUMBER = click.IntRange(1, 2**31 - 1)
"""The number of a row of the ledger. More than that no ledger holds, and no database takes."""

_PIPED = 1_000  # columns for a reader that has none of its own
STATE_STYLE = {
    RunState.WAITING: "yellow",
    RunState.MINTING: "cyan",
    RunState.SENDING: "cyan",
    RunState.TRACKING: "green",
    RunState.DONE: "green",
    RunState.REFUSED: "red",
    RunState.REJECTED: "red",
    RunState.HALTED: "red",
}


def is_run(target: str) -> bool:
    """Whether CAMPAIGN|RUN is a run's number; what is too long for one can only be a name."""
    return target.isascii() and target.isdigit() and len(target) < 10


class _Piped(Console):
    """For a program, or a file: lines without a width of their own, and without blanks at their end."""

    def print(self, *objects: Any, **options: Any) -> None:
        with self.capture() as captured:
            super().print(*objects, **options)
        for line in captured.get().splitlines():
            click.echo(line.rstrip())


def out() -> Console:
    """Where results go. Made when needed, so that a redirected stdout is seen as such."""
    console = Console(highlight=False, soft_wrap=False)
    return console if console.is_terminal else _Piped(highlight=False, width=_PIPED)


def err() -> Console:
    """Where progress and troubles go."""
    return Console(stderr=True, highlight=False)


def say_json(value: Any) -> None:
    """One JSON object on stdout."""
    click.echo(json.dumps(value, ensure_ascii=False, default=str))


def say_error(trouble: TillrollError) -> None:
    """What happened, then what to do."""
    console = err()
    if isinstance(trouble, FaultyFiles):
        for line in trouble.lines:
            console.print(Text(line))
    console.print(Text.assemble(("✗ ", "bold red"), trouble.message), soft_wrap=True)
    if trouble.hint:
        console.print(Text.assemble(("  → ", "dim"), trouble.hint), soft_wrap=True)


def in_zone(moment: datetime, zone: str) -> str:
    """A moment by the store's clock."""
    return f"{moment.astimezone(ZoneInfo(zone)):%a %d %b %Y %H:%M} ({zone})"


def facts_table(rows: Mapping[str, str]) -> Table:
    """Two columns: a word and what it is."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, value in rows.items():
        table.add_row(name, Text(value))
    return table
