"""`tillroll catalog`: products and variations from a file into the store, and back again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import sqlalchemy as sa
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from tillroll.catalog.apply import Told
from tillroll.catalog.decide import Counts, ImportState, RowState
from tillroll.catalog.job import import_file, try_out, undo_import
from tillroll.catalog.journal import UNDO, counts, failures, load, newest
from tillroll.catalog.parts import Catalogue
from tillroll.cli.opening import services
from tillroll.cli.show import err, out, say_json
from tillroll.cli.stores import for_store, the_store
from tillroll.ledger.engine import open_engine, reading, writing
from tillroll.ledger.tables import metadata, stores
from tillroll.loop.worker import register_store
from tillroll.mint.draw import new_key
from tillroll.wiring import Services

_FAILURES_SHOWN = 20
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object instead of words.")
_WHO = click.option(
    "--as", "email", default="command line", metavar="EMAIL", help="Who asks for it; for the audit."
)
_FORCE = click.option(
    "--force", is_flag=True, help="With an undo: overwrite what somebody changed since, too."
)


@click.group()
def catalog() -> None:
    """Products and variations, many at a time, from a file. Every row is journalled, and can be taken back.

    \b
    Example:
      tillroll catalog import spring.csv --dry-run
      tillroll catalog import spring.csv
      tillroll catalog undo 3
    """


@catalog.command("import")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would be done; change nothing.")
@click.option("--undo", "undo_id", type=int, metavar="JOURNAL", help="Take an import back instead.")
@_FORCE
@_WHO
@_JSON
@for_store
def import_(
    file: Path | None, dry_run: bool, undo_id: int | None, force: bool, email: str, as_json: bool
) -> None:
    """Create and update products and variations by SKU, as FILE (.csv or .jsonl) says. Only the fields it names are touched.

    Interrupted? Run the same command again: it goes on where it was and does nothing twice. The columns: docs/catalogue.md.

    \b
    Example:
      tillroll catalog import spring.csv --dry-run
      tillroll catalog import spring.csv
      tillroll catalog import --undo 3
    """
    if (file is None) == (undo_id is None):
        raise click.UsageError("Give a FILE to import, or --undo with the number of a journal.")
    if undo_id is not None:
        if dry_run:
            raise click.UsageError("--dry-run goes with a FILE.")
        _undo(undo_id, force=force, email=email, as_json=as_json)
    elif file is not None:
        if force:
            raise click.UsageError("--force goes with --undo.")
        if dry_run:
            _dry_run(file, as_json=as_json)
        else:
            _import(file, email=email, as_json=as_json)


@catalog.command()
@click.argument("journal", type=int)
@_FORCE
@_WHO
@_JSON
@for_store
def undo(journal: int, force: bool, email: str, as_json: bool) -> None:
    """Take the import JOURNAL back: old values return, what it created is deleted. See the number with `catalog status`.

    What somebody changed since is not overwritten but told, unless --force is given.

    \b
    Example:
      tillroll catalog undo 3
    """
    _undo(journal, force=force, email=email, as_json=as_json)


@catalog.command()
@click.argument("journal", type=int, required=False)
@_JSON
@for_store
def status(journal: int | None, as_json: bool) -> None:
    """The latest imports, or one JOURNAL with all its failed rows.

    \b
    Example:
      tillroll catalog status
      tillroll catalog status 3
    """
    with services() as parts:
        if journal is not None:
            _report(parts.engine, journal, as_json=as_json, most=None)
            return
        with reading(parts.engine) as connection:
            store = the_store(connection)
            found = [(row, counts(connection, row.id)) for row in newest(connection, store.id, 20)]
    if as_json:
        say_json({"imports": [_plain(row, tally) for row, tally in found]})
        return
    if not found:
        out().print("Nothing was imported yet. Begin with: tillroll catalog import FILE --dry-run")
        return
    table = Table(
        "journal", "what", "state", "done", "unchanged", "failed", "open", box=None, header_style="dim"
    )
    for row, tally in found:
        numbers = map(str, (tally.done, tally.unchanged, tally.failed, tally.open))
        table.add_row(str(row.id), Text(_what(row)), _state(row), *numbers)
    out().print(table)


def _import(file: Path, *, email: str, as_json: bool) -> None:
    with _room() as (parts, room):
        with _bar() as told:
            import_id = import_file(room, file, person=email, told=told)
        good = _report(parts.engine, import_id, as_json=as_json)
    sys.exit(0 if good else 1)


def _undo(import_id: int, *, force: bool, email: str, as_json: bool) -> None:
    with _room() as (parts, room):
        with _bar() as told:
            undo_id = undo_import(room, import_id, person=email, force=force, told=told)
        good = _report(parts.engine, undo_id, as_json=as_json)
    sys.exit(0 if good else 1)


def _dry_run(file: Path, *, as_json: bool) -> None:
    """The import's own code up to the first call, on a ledger that is thrown away."""
    with _room() as (parts, room), TemporaryDirectory(prefix="tillroll-") as folder:
        engine = open_engine(f"sqlite:///{folder}/dry-run.sqlite3")
        try:
            metadata.create_all(engine)
            with writing(engine) as connection:
                row = {"ecwid_id": 0, "base_url": "", "token": "", "created_at": parts.clock.now()}
                store_id = connection.execute(
                    sa.insert(stores).values(row).returning(stores.c.id)
                ).scalar_one()
            scratch = Catalogue(
                engine=engine, client=room.client, clock=room.clock, store_id=store_id, new_key=new_key
            )
            import_id = try_out(scratch, file)
            with reading(engine) as connection:
                tally = counts(connection, import_id)
            if as_json:
                _say_json(engine, import_id, dry_run=True, create=tally.created, update=tally.updated)
            else:
                out().print(
                    f"Would create {tally.created} and change {tally.updated} of {tally.total} rows;"
                    f" {tally.unchanged} are so already, {tally.failed} can't be done. Nothing was changed.",
                    soft_wrap=True,
                )
                _show_failures(engine, import_id, tally, _FAILURES_SHOWN)
        finally:
            engine.dispose()
    sys.exit(1 if tally.failed else 0)


@contextmanager
def _room() -> Iterator[tuple[Services, Catalogue]]:
    """What an import works with, for the store that this installation is connected to."""
    with services() as parts:
        register_store(parts)
        with reading(parts.engine) as connection:
            store = the_store(connection)
        with parts.client(store) as client:
            try:
                yield (
                    parts,
                    Catalogue(
                        engine=parts.engine,
                        client=client,
                        clock=parts.clock,
                        store_id=store.id,
                        new_key=new_key,
                    ),
                )
            except KeyboardInterrupt:
                err().print("Interrupted. What was begun is journalled: the same command goes on from here.")
                sys.exit(130)


@contextmanager
def _bar() -> Iterator[Told]:
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


def _report(engine: sa.Engine, import_id: int, *, as_json: bool, most: int | None = _FAILURES_SHOWN) -> bool:
    """How an import stands or ended; whether every row is good."""
    with reading(engine) as connection:
        row, tally = load(connection, import_id), counts(connection, import_id)
    if as_json:
        _say_json(engine, import_id)
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
            f"Journal {import_id}: {_what(row)}. {tally.total} rows: {done}, {tally.unchanged} unchanged,"
            f" {tally.failed} failed{waits}.",
        ),
        soft_wrap=True,
    )
    _show_failures(engine, import_id, tally, most)
    if not over:
        again = f"undo {row.undoes}" if row.kind == UNDO else f"import {row.file}"
        said = f"  It was interrupted, or is running now. Go on with: tillroll catalog {again}"
        out().print(Text(said), soft_wrap=True)
    elif row.kind != UNDO and tally.done:
        out().print(f"  Take it back with: tillroll catalog undo {import_id}")
    return not tally.failed


def _show_failures(engine: sa.Engine, import_id: int, tally: Counts, most: int | None) -> None:
    for row in islice(failures(engine, import_id), most):
        out().print(Text(f"  line {row.line}  {row.sku}: {row.reason}"), soft_wrap=True)
    if most is not None and tally.failed > most:
        out().print(f"  … and {tally.failed - most} more: tillroll catalog status {import_id}")


def _say_json(engine: sa.Engine, import_id: int, **also: Any) -> None:
    with reading(engine) as connection:
        row, tally = load(connection, import_id), counts(connection, import_id)
    failed = [
        {"line": one.line, "sku": one.sku, "kind": one.kind, "reason": one.reason}
        for one in failures(engine, import_id)
    ]
    say_json({**_plain(row, tally), **also, "failures": failed})


def _plain(row: sa.Row[Any], tally: Counts) -> dict[str, Any]:
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


def _what(row: sa.Row[Any]) -> str:
    return f"undo of {row.undoes} ({row.file})" if row.kind == UNDO else f"import of {row.file}"


def _state(row: sa.Row[Any]) -> Text:
    return Text(row.state, style="green" if row.state == ImportState.DONE else "yellow")
