"""`tillroll run`: start a run by hand."""

from __future__ import annotations

import click

from tillroll.cli.support.opening import open_services, read_campaigns
from tillroll.cli.support.options import JSON, PERSON
from tillroll.cli.support.output import out, print_json
from tillroll.cli.support.people import identify
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.record.revisions import record_book


@click.command()
@click.argument("name")
@PERSON
@JSON
@for_store
def run(name: str, email: str | None, as_json: bool) -> None:
    """Start a run of the campaign NAME now, outside its schedule. The worker plans it.

    It then needs approval, unless the campaign's `auto_when` allows its plan.

    \b
    Example:
      tillroll run winback
    """
    with open_services() as services:
        now = services.clock.now()
        store = chosen_store(services)
        person = identify(services, email).require_role(store.id, "start a run")
        book = read_campaigns(services, store)
        record_book(services.engine, store_id=store.id, book=book, now=now)
        run_id = start_by_hand(services.engine, store_id=store.id, name=name, person=person, now=now)
    if as_json:
        print_json({"run": run_id, "campaign": name, "state": "planning"})
    else:
        out().print(f"Run {run_id} of {name} is queued; the worker plans it next. See: tillroll status")
