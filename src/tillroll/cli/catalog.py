"""`tillroll catalog`: products and variations from a file into the store, and back again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import sqlalchemy as sa
from rich.table import Table
from rich.text import Text

from tillroll.catalog.job import import_file, try_out, undo_import
from tillroll.catalog.journal import counts, newest
from tillroll.catalog.parts import Catalogue
from tillroll.cli.catalog_show import (
    FAILURES_SHOWN,
    bar,
    plain,
    report,
    say_journal,
    show_failures,
    state_of,
    what,
)
from tillroll.cli.family import Family
from tillroll.cli.opening import services
from tillroll.cli.show import NUMBER, err, out, say_json
from tillroll.cli.stores import for_store, the_store
from tillroll.ledger.engine import open_engine, reading, writing
from tillroll.ledger.tables import metadata, stores
from tillroll.loop.worker import register_store
from tillroll.mint.draw import new_key
from tillroll.track.connect import load_store
from tillroll.track.gate import pass_gate
from tillroll.wiring import Services

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object instead of words.")
_WHO = click.option(
    "--as", "email", default="command line", metavar="EMAIL", help="Who asks for it; for the audit."
)
_FORCE = click.option(
    "--force", is_flag=True, help="With an undo: overwrite what somebody changed since, too."
)


@click.group(cls=Family)
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
@click.option("--undo", "undo_id", type=NUMBER, metavar="JOURNAL", help="Take an import back instead.")
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
@click.argument("journal", type=NUMBER)
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
@click.argument("journal", type=NUMBER, required=False)
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
            report(parts.engine, journal, as_json=as_json, most=None)
            return
        with reading(parts.engine) as connection:
            store = the_store(connection)
            found = [(row, counts(connection, row.id)) for row in newest(connection, store.id, 20)]
    if as_json:
        say_json({"imports": [plain(row, tally) for row, tally in found]})
        return
    if not found:
        out().print("Nothing was imported yet. Begin with: tillroll catalog import FILE --dry-run")
        return
    table = Table(
        "journal", "what", "state", "done", "unchanged", "failed", "open", box=None, header_style="dim"
    )
    for row, tally in found:
        numbers = map(str, (tally.done, tally.unchanged, tally.failed, tally.open))
        table.add_row(str(row.id), Text(what(row)), state_of(row), *numbers)
    out().print(table)


def _import(file: Path, *, email: str, as_json: bool) -> None:
    with _room() as (parts, room):
        _pass_gate(parts, room)
        with bar() as told:
            import_id = import_file(room, file, person=email, told=told)
        good = report(parts.engine, import_id, as_json=as_json)
    sys.exit(0 if good else 1)


def _undo(import_id: int, *, force: bool, email: str, as_json: bool) -> None:
    with _room() as (parts, room):
        _pass_gate(parts, room)
        with bar() as told:
            undo_id = undo_import(room, import_id, person=email, force=force, told=told)
        good = report(parts.engine, undo_id, as_json=as_json)
    sys.exit(0 if good else 1)


def _pass_gate(parts: Services, room: Catalogue) -> None:
    """A ledger that was restored would go on with an import that is long over."""
    with reading(parts.engine) as connection:
        store = load_store(connection, room.store_id)
    pass_gate(parts.engine, room.client, store=store, mark=new_key(), clock=parts.clock)


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
                say_journal(engine, import_id, dry_run=True, create=tally.created, update=tally.updated)
            else:
                out().print(
                    f"Would create {tally.created} and change {tally.updated} of {tally.total} rows;"
                    f" {tally.unchanged} are so already, {tally.failed} can't be done. Nothing was changed.",
                    soft_wrap=True,
                )
                show_failures(engine, import_id, tally, FAILURES_SHOWN)
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
