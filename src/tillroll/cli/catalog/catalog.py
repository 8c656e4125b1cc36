"""`tillroll catalog`: import products and variations from a file into the store, and undo an import."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.text import Text

from tillroll.batches.session import BatchSession
from tillroll.catalog.job import import_file, preview_import, undo_import
from tillroll.catalog.journal import count_rows, latest_imports
from tillroll.cli.catalog.show import (
    import_bar,
    import_json,
    report,
    report_dry_run,
    state_of,
    title_of,
)
from tillroll.cli.support.family import Family
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import JSON, NUMBER, PERSON
from tillroll.cli.support.output import err, list_table, out, print_json
from tillroll.cli.support.people import identify
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.scratch import scratch_ledger
from tillroll.loop.worker import register_store
from tillroll.mint.draw import new_key
from tillroll.recovery.ownership_check import check_ownership
from tillroll.wiring import Services

_FORCE = click.option(
    "--force", is_flag=True, help="With an undo: also overwrite what was changed since the import."
)


@click.group(cls=Family)
def catalog() -> None:
    """Products and variations in bulk, from a file. Every row is journalled and can be undone.

    \b
    Example:
      tillroll catalog import spring.csv --dry-run
      tillroll catalog import spring.csv
      tillroll catalog undo 3
    """


@catalog.command("import")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show what would be done; change nothing.")
@click.option("--undo", "undo_id", type=NUMBER, metavar="JOURNAL", help="Undo an import instead.")
@_FORCE
@PERSON
@JSON
@for_store
def import_(
    file: Path | None, dry_run: bool, undo_id: int | None, force: bool, email: str | None, as_json: bool
) -> None:
    """Create or update products and variations from FILE (.csv or .jsonl), matched by SKU. Fields not in it stay as they are.

    After an interruption, run the same command again: it continues where it stopped and does nothing twice. The columns
    are described in docs/catalogue.md.

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
            raise click.UsageError("--dry-run needs a FILE.")
        _undo(undo_id, force=force, email=email, as_json=as_json)
    elif file is not None:
        if force:
            raise click.UsageError("--force needs --undo.")
        if dry_run:
            _dry_run(file, as_json=as_json)
        else:
            _import(file, email=email, as_json=as_json)


@catalog.command()
@click.argument("journal", type=NUMBER)
@_FORCE
@PERSON
@JSON
@for_store
def undo(journal: int, force: bool, email: str | None, as_json: bool) -> None:
    """Undo the import JOURNAL: restore old values and delete what it created. `catalog status` shows the numbers.

    What was changed since the import is reported and left alone, unless --force is given.

    \b
    Example:
      tillroll catalog undo 3
    """
    _undo(journal, force=force, email=email, as_json=as_json)


@catalog.command()
@click.argument("journal", type=NUMBER, required=False)
@JSON
@for_store
def status(journal: int | None, as_json: bool) -> None:
    """Show the latest imports, or one JOURNAL with all its failed rows.

    \b
    Example:
      tillroll catalog status
      tillroll catalog status 3
    """
    with open_services() as services:
        if journal is not None:
            report(services.engine, journal, as_json=as_json, most=None)
            return
        store = chosen_store(services)
        with reading(services.engine) as connection:
            imports = [
                (record, count_rows(connection, record.id))
                for record in latest_imports(connection, store.id, 20)
            ]
    if as_json:
        print_json({"imports": [import_json(record, tally) for record, tally in imports]})
        return
    if not imports:
        out().print("Nothing has been imported yet. Start with: tillroll catalog import FILE --dry-run")
        return
    table = list_table("journal", "import", "state", "done", "unchanged", "failed", "open")
    for record, tally in imports:
        figures = map(str, (tally.done, tally.unchanged, tally.failed, tally.open))
        table.add_row(str(record.id), Text(title_of(record)), state_of(record), *figures)
    out().print(table)


def _import(file: Path, *, email: str | None, as_json: bool) -> None:
    with _open_change(email) as (services, session, person):
        with import_bar() as on_progress:
            import_id = import_file(session, file, person=person, on_progress=on_progress)
        complete = report(services.engine, import_id, as_json=as_json)
    sys.exit(0 if complete else 1)


def _undo(import_id: int, *, force: bool, email: str | None, as_json: bool) -> None:
    with _open_change(email) as (services, session, person):
        with import_bar() as on_progress:
            undo_id = undo_import(session, import_id, person=person, force=force, on_progress=on_progress)
        complete = report(services.engine, undo_id, as_json=as_json)
    sys.exit(0 if complete else 1)


def _check_ownership(services: Services, session: BatchSession) -> None:
    """Raise `StaleLedger` for a restored ledger, which would continue an import that ended long ago."""
    with reading(services.engine) as connection:
        store = load_store(connection, session.store_id)
    check_ownership(session, store=store, mark=new_key())


def _dry_run(file: Path, *, as_json: bool) -> None:
    """Run the import's own code on a scratch ledger, up to the first call that would change something."""
    with (
        open_services() as services,
        _open_session(services) as session,
        scratch_ledger(services.clock.now()) as scratch,
    ):
        engine, store_id = scratch
        dry = BatchSession(
            engine=engine,
            client=session.client,
            clock=session.clock,
            store_id=store_id,
            new_key=new_key,
        )
        feasible = report_dry_run(engine, preview_import(dry, file), as_json=as_json)
    sys.exit(0 if feasible else 1)


@contextmanager
def _open_change(email: str | None) -> Iterator[tuple[Services, BatchSession, str]]:
    """Open what a change works with, and learn who makes it: they are asked before the store's token is read."""
    with open_services() as services:
        caller = identify(services, email)
        with _open_session(services) as session:
            person = caller.require_role(session.store_id, "change the catalogue")
            _check_ownership(services, session)
            yield services, session, person


@contextmanager
def _open_session(services: Services) -> Iterator[BatchSession]:
    """Open the session with the store. Ctrl-C ends the command with a note on how to continue, exit code 130."""
    register_store(services)
    store = chosen_store(services)
    with services.client(store) as client:
        session = BatchSession(
            engine=services.engine,
            client=client,
            clock=services.clock,
            store_id=store.id,
            new_key=new_key,
        )
        try:
            yield session
        except KeyboardInterrupt:
            err().print("Interrupted. Every step is journalled: run the same command again to continue.")
            sys.exit(130)
