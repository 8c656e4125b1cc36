"""How commands write: styled on a terminal, plain in a pipe, JSON on request."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from tillroll.campaign.states import RunState
from tillroll.campaign.text.visible import json_line, made_visible
from tillroll.campaign.text.zones import zone_of
from tillroll.errors import FaultyFiles, Refused, TillrollError

_PIPED_COLUMNS = 1_000  # a pipe or a file has no width of its own
_COMPUTED = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r", "\n", "'")
"""How a cell begins that a spreadsheet may compute, or that could be mistaken for one we marked."""

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


class PlainConsole(Console):
    """A console that shows every text as it is written: no markup in it counts, and no escape sequence gets through."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control:  # rich's own, like those of a progress bar
                yield segment
            else:
                yield Segment(made_visible(segment.text), segment.style)


class _PipedConsole(PlainConsole):
    """A console for pipes and files: lines are not wrapped and have no trailing blanks."""

    def print(self, *objects: Any, **options: Any) -> None:
        with self.capture() as captured:
            super().print(*objects, **options)
        for line in captured.get().splitlines():
            click.echo(line.rstrip())


def out() -> Console:
    """Return the console for results, on stdout. Made at each call, so that a redirected stdout is noticed."""
    console = PlainConsole(soft_wrap=False)
    return console if console.is_terminal else _PipedConsole(width=_PIPED_COLUMNS)


def err() -> Console:
    """Return the console for progress, notes and errors, on stderr."""
    return PlainConsole(stderr=True)


def print_json(value: Any) -> None:
    """Write one JSON object on a line of stdout; what a terminal would act on is escaped, as JSON may be anywhere."""
    click.echo(json_line(value, default=str))


def say(values: Mapping[str, Any], words: str, *, as_json: bool) -> None:
    """Write what a command did: as one JSON object if that is wanted, otherwise in words."""
    if as_json:
        print_json(values)
    else:
        out().print(words)


def print_row(values: Sequence[object]) -> None:
    """Write one row of CSV to stdout, by the rules of `docs/codes.md` for cells that a spreadsheet would compute."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow([csv_cell(value) for value in values])
    click.echo(buffer.getvalue(), nl=False)


def csv_cell(value: object) -> object:
    """Return a value as a cell that a spreadsheet takes for text, never for a formula (OWASP, “CSV Injection”).

    An apostrophe goes in front of a text that begins with one of `= + - @`, in full width too, or with a tab, a line break or an
    apostrophe. So the value is what follows the first apostrophe, if the cell begins with one. Numbers stay numbers.
    """
    if not isinstance(value, str):
        return value
    text = made_visible(value)
    return f"'{text}" if value.startswith(_COMPUTED) else text


def print_error(error: TillrollError) -> None:
    """Write what happened and, below it, what to do about it."""
    console = err()
    if isinstance(error, FaultyFiles):
        for line in error.lines:
            console.print(Text(line))
    console.print(Text.assemble(("✗ ", "bold red"), error.message), soft_wrap=True)
    if error.hint:
        console.print(Text.assemble(("  → ", "dim"), error.hint), soft_wrap=True)


def local_clock(moment: datetime, zone: str) -> str:
    """Return a moment by the clock of a time zone, like `Mon 30 Nov 2026 10:00`."""
    return f"{moment.astimezone(zone_of(zone)):%a %d %b %Y %H:%M}"


def local_time(moment: datetime, zone: str) -> str:
    """Return a moment with its time zone, like `Mon 30 Nov 2026 10:00 (Europe/Ljubljana)`."""
    return f"{local_clock(moment, zone)} ({zone})"


def facts_table(rows: Mapping[str, str]) -> Table:
    """Return a table of two columns: names and their values."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, value in rows.items():
        table.add_row(name, Text(value))
    return table


def list_table(*headings: str) -> Table:
    """Return an empty table without lines, to be filled with one row an item."""
    return Table(*headings, box=None, header_style="dim", pad_edge=False)


def write_file(target: Path, content: bytes) -> None:
    """Write a file that the person named; raises `Refused` with the reason when that fails."""
    try:
        target.write_bytes(content)
    except OSError as fault:
        raise Refused(
            f"{target} can't be written: {fault.strerror}.",
            hint="Name a file in a folder that exists and that you may write to.",
        ) from fault
