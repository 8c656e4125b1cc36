"""An import of the catalogue on the terminal and as JSON: its progress, its outcome, its failed rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from rich.text import Text
from sqlalchemy.engine import Engine

from tillroll.campaign.text.counts import count_of
from tillroll.catalog.apply import OnProgress
from tillroll.catalog.decide import ImportState, RowState
from tillroll.catalog.journal import UNDO, Counts, count_rows, failed_rows, load_import
from tillroll.cli.support.output import out, print_json
from tillroll.cli.support.progress import progress_bar
from tillroll.ledger.engine import reading
from tillroll.ledger.records import Import

_FAILURES_SHOWN = 20


@contextmanager
def import_bar() -> Iterator[OnProgress]:
    """Show a progress bar for the block; yields the function that an import reports its counts to."""
    with progress_bar(transient=True) as progress:
        task = progress.add_task("reading", total=None)

        def update(tally: Counts) -> None:
            comparing = tally.by_state.get(RowState.READ, 0) > 0
            progress.update(
                task,
                description="comparing with the store" if comparing else "applying",
                total=tally.total,
                completed=tally.total - tally.open,
            )

        yield update


def report(engine: Engine, import_id: int, *, as_json: bool, most: int | None = _FAILURES_SHOWN) -> bool:
    """Print how far an import is or how it ended, with up to `most` failed rows; return whether no row failed."""
    with reading(engine) as connection:
        record, tally = load_import(connection, import_id), count_rows(connection, import_id)
    if as_json:
        print_json(_report_json(engine, import_id))
        return not tally.failed
    finished = record.state == ImportState.DONE
    out().print(Text.assemble(_mark(tally, finished), _summary(record, tally, finished)), soft_wrap=True)
    _show_failed_rows(engine, import_id, tally, most)
    if not finished:
        again = f"undo {record.undoes}" if record.kind == UNDO else f"import {record.file}"
        advice = f"  It was interrupted, or is still running. To continue: tillroll catalog {again}"
        out().print(Text(advice), soft_wrap=True)
    elif record.kind != UNDO and tally.done:
        out().print(f"  To undo it: tillroll catalog undo {import_id}")
    return not tally.failed


def _mark(tally: Counts, finished: bool) -> tuple[str, str]:
    if not finished:
        return "… ", "yellow"
    return ("✗ ", "bold red") if tally.failed else ("✓ ", "green")


def _summary(record: Import, tally: Counts, finished: bool) -> str:
    done = f"{tally.done} done"
    if finished and tally.done:
        done += f" ({tally.created} created, {tally.updated} changed, {tally.deleted} deleted)"
    still_open = "" if finished else f", {tally.open} open"
    return (
        f"Journal {record.id}: {title_of(record)}. {count_of(tally.total, 'row')}: {done}, {tally.unchanged} unchanged,"
        f" {tally.failed} failed{still_open}."
    )


def report_dry_run(engine: Engine, import_id: int, *, as_json: bool) -> bool:
    """Print what an import would do, from the scratch ledger it was tried on; return whether every row can be done."""
    with reading(engine) as connection:
        tally = count_rows(connection, import_id)
    if as_json:
        more = {"dry_run": True, "create": tally.created, "update": tally.updated}
        print_json({**_report_json(engine, import_id), **more})
        return not tally.failed
    out().print(
        f"Of {count_of(tally.total, 'row')}, {tally.created} would be created and {tally.updated} changed;"
        f" {tally.unchanged} unchanged, {tally.failed} failed. This was a dry run: nothing was changed.",
        soft_wrap=True,
    )
    _show_failed_rows(engine, import_id, tally, _FAILURES_SHOWN)
    return not tally.failed


def _show_failed_rows(engine: Engine, import_id: int, tally: Counts, most: int | None) -> None:
    for row in islice(failed_rows(engine, import_id), most):
        out().print(Text(f"  line {row.line}  {row.sku}: {row.reason}"), soft_wrap=True)
    if most is not None and tally.failed > most:
        out().print(f"  … and {tally.failed - most} more: tillroll catalog status {import_id}")


def _report_json(engine: Engine, import_id: int) -> dict[str, Any]:
    with reading(engine) as connection:
        record, tally = load_import(connection, import_id), count_rows(connection, import_id)
    failed = [
        {"line": failure.line, "sku": failure.sku, "kind": failure.kind, "reason": failure.reason}
        for failure in failed_rows(engine, import_id)
    ]
    return {**import_json(record, tally), "failures": failed}


def import_json(record: Import, tally: Counts) -> dict[str, Any]:
    """Return an import as plain data."""
    return {
        "journal": record.id,
        "kind": record.kind,
        "undoes": record.undoes,
        "file": record.file,
        "state": record.state,
        "rows": tally.total,
        "done": tally.done,
        "unchanged": tally.unchanged,
        "failed": tally.failed,
        "open": tally.open,
        "begun_at": record.created_at,
        "finished_at": record.finished_at,
    }


def title_of(record: Import) -> str:
    """Return what an import is, in a few words."""
    return f"undo of {record.undoes} ({record.file})" if record.kind == UNDO else f"import of {record.file}"


def state_of(record: Import) -> Text:
    """Return an import's state, coloured."""
    return Text(record.state, style="green" if record.state == ImportState.DONE else "yellow")
