"""`tillroll export`: codes, e-mails, orders and results for other programs."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import click

from tillroll.campaign.text.counts import count_of
from tillroll.cli.data.formats import ExportFormat, write_export
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import PERSON
from tillroll.cli.support.output import err
from tillroll.cli.support.ownership import check_ownership_if_reachable
from tillroll.cli.support.people import require_approver, require_viewer
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.errors import Refused
from tillroll.ledger.engine import reading, writing
from tillroll.mint.export import note_store_revealed
from tillroll.track.exports import SUBJECTS, read_rows


@click.command()
@click.argument("what", type=click.Choice(list(SUBJECTS)))
@click.argument("target", metavar="[FILE]", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice([form.value for form in ExportFormat]),
    default=ExportFormat.CSV.value,
    show_default=True,
    help="parquet needs: pip install 'tillroll[parquet]'",
)
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="Only what came or changed on this day of the store, or later.",
)
@click.option("--clear", is_flag=True, help="Codes in clear. Takes an approver, and is recorded.")
@PERSON
@for_store
def export(
    what: str, target: Path | None, form: str, since: datetime | None, clear: bool, email: str | None
) -> None:
    """Write what Tillroll knows of a store to FILE or stdout, one row each, with the columns of docs/views.md.

    \b
    WHAT is one of:
      codes        every code, masked, with its state
      messages     every e-mail to a customer, without address and text
      redemptions  every order that used a code
      days         orders, revenue and discount by day and campaign
      runs         every run with its plan and what it earned
      orders       every order of the store that was read
      leaks        every sign that a code was passed on (docs/leaks.md)

    \b
    Example:
      tillroll export redemptions orders.csv
      tillroll export days --since 2026-11-01 --format jsonl
      tillroll export codes --format parquet codes.parquet
    """
    if clear and what != "codes":
        raise Refused("--clear is about codes.", hint="Write: tillroll export codes --clear")
    subject = SUBJECTS[what]
    with open_services() as services:
        store = chosen_store(services)
        require = require_approver if clear else require_viewer
        person = require(services, email, store.id, "see codes in clear" if clear else "export")
        if clear:
            check_ownership_if_reachable(services, store)
            with writing(services.engine) as connection:
                now = services.clock.now()
                note_store_revealed(connection, store.id, person=person.email, now=now)
        with reading(services.engine) as connection:
            first = since.date() if since is not None else None
            rows = read_rows(connection, store, subject, since=first, in_clear=clear)
            count = write_export(target, ExportFormat(form), subject.columns, rows)
    if sys.stderr.isatty():
        recorded = f"; the audit log records that {person.email} saw the codes" if clear else ""
        err().print(f"{count_of(count, 'row')} exported{recorded}.")
