"""An import of the catalogue for a reader at a terminal, and for a program: how far it is, how it ended, which rows failed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import sqlalchemy as sa
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from tillroll.catalog.apply import Told
from tillroll.catalog.decide import Counts, ImportState, RowState
from tillroll.catalog.journal import UNDO, counts, failures, load
from tillroll.cli.show import err, out, say_json
from tillroll.ledger.engine import reading

FAILURES_SHOWN = 20
"""Failed rows that are shown, unless one import is asked for."""


@contextmanager
def bar() -> Iterator[Told]:
    """A bar on a terminal; nothing when piped."""
    if not sys.stderr.isatty():
        yield lambda _tally: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err(), transient=True) as progress:
        task = progress.add_task("reading", total=None)

        def told(tally: Counts) -> None:
            reading_ = tally.by_state.get(RowState.READ, 0) > 0
            progress.update(
                task,
                description="comparing with the store" if reading_ else "applying",
                total=tally.total,
                completed=tally.total - tally.open,
            )

        yield told


def report(engine: sa.Engine, import_id: int, *, as_json: bool, most: int | None = FAILURES_SHOWN) -> bool:
    """How an import stands or ended; whether every row is good."""
    with reading(engine) as connection:
        row, tally = load(connection, import_id), counts(connection, import_id)
    if as_json:
        say_journal(engine, import_id)
        return not tally.failed
    over = row.state == ImportState.DONE
    mark = ("✓ ", "green") if over and not tally.failed else ("✗ ", "bold red") if over else ("… ", "yellow")
    done = f"{tally.done} done"
    if over and tally.done:
        done += f" ({tally.created} created, {tally.updated} changed, {tally.deleted} deleted)"
    waits = "" if over else f", {tally.open} open"
    out().print(
        Text.assemble(
            mark,
            f"Journal {import_id}: {what(row)}. {tally.total} rows: {done}, {tally.unchanged} unchanged,"
            f" {tally.failed} failed{waits}.",
        ),
        soft_wrap=True,
    )
    show_failures(engine, import_id, tally, most)
    if not over:
        again = f"undo {row.undoes}" if row.kind == UNDO else f"import {row.file}"
        said = f"  It was interrupted, or is running now. Go on with: tillroll catalog {again}"
        out().print(Text(said), soft_wrap=True)
    elif row.kind != UNDO and tally.done:
        out().print(f"  Take it back with: tillroll catalog undo {import_id}")
    return not tally.failed


def show_failures(engine: sa.Engine, import_id: int, tally: Counts, most: int | None) -> None:
    """The failed rows with their reasons, the first ones of many."""
    for row in islice(failures(engine, import_id), most):
        out().print(Text(f"  line {row.line}  {row.sku}: {row.reason}"), soft_wrap=True)
    if most is not None and tally.failed > most:
        out().print(f"  … and {tally.failed - most} more: tillroll catalog status {import_id}")


def say_journal(engine: sa.Engine, import_id: int, **also: Any) -> None:
    """One import with its failures as a JSON object."""
    with reading(engine) as connection:
        row, tally = load(connection, import_id), counts(connection, import_id)
    failed = [
        {"line": one.line, "sku": one.sku, "kind": one.kind, "reason": one.reason}
        for one in failures(engine, import_id)
    ]
    say_json({**plain(row, tally), **also, "failures": failed})


def plain(row: sa.Row[Any], tally: Counts) -> dict[str, Any]:
    """One import as plain values."""
    return {
        "journal": row.id,
        "kind": row.kind,
        "undoes": row.undoes,
        "file": row.file,
        "state": row.state,
        "rows": tally.total,
        "done": tally.done,
        "unchanged": tally.unchanged,
        "failed": tally.failed,
        "open": tally.open,
        "begun_at": row.created_at,
        "finished_at": row.finished_at,
    }


def what(row: sa.Row[Any]) -> str:
    """What it is, in a few words."""
    return f"undo of {row.undoes} ({row.file})" if row.kind == UNDO else f"import of {row.file}"


def state_of(row: sa.Row[Any]) -> Text:
    """Its state, in its colour."""
    return Text(row.state, style="green" if row.state == ImportState.DONE else "yellow")
