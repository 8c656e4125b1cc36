"""`tillroll faults` and `faults retry`: items that failed unexpectedly, each with its reference in the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from tillroll.approve.faults import try_again
from tillroll.cli.support.family import Family
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import JSON, NUMBER, PERSON
from tillroll.cli.support.output import list_table, out, print_json
from tillroll.cli.support.people import require_person
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.ledger.engine import reading
from tillroll.ledger.faults.rows import list_faults
from tillroll.ledger.faults.sentences import say_fault, say_item
from tillroll.ledger.records import ItemFault


@click.group(cls=Family, invoke_without_command=True)
@JSON
@click.pass_context
@for_store
def faults(context: click.Context, as_json: bool) -> None:
    """List items that failed unexpectedly: a run, a message, a row of the store. Everything beside them goes on.

    An item that failed three times in a row is set aside until somebody has it tried again. The log has the details under the
    reference.

    \b
    Example:
      tillroll faults
      tillroll faults retry 12
    """
    if context.invoked_subcommand is not None:
        return
    with open_services() as services:
        store = chosen_store(services)
        with reading(services.engine) as connection:
            found = list_faults(connection, store.id, now=services.clock.now(), limit=1_000)
    if as_json:
        print_json({"faults": [fault_json(fault) for fault in found]})
    else:
        _show(found)


@faults.command()
@click.argument("number", type=NUMBER)
@PERSON
def retry(number: int, email: str | None) -> None:
    """Have an item tried again that was set aside. NUMBER is its reference without the F.

    \b
    Example:
      tillroll faults retry 12
    """
    with open_services() as services:
        person = require_person(services, email)
        fault = try_again(services.engine, fault_id=number, person=person, now=services.clock.now())
    out().print(f"{say_item(fault)} is tried again within a minute.")


def fault_json(fault: ItemFault) -> dict[str, Any]:
    """Return a fault as JSON output has it."""
    return {
        "reference": fault.reference,
        "kind": fault.kind.value,
        "item": fault.item,
        "stage": fault.stage.value,
        "run": fault.run_id,
        "campaign": fault.campaign,
        "error": fault.error,
        "place": fault.place,
        "count": fault.count,
        "state": fault.state.value,
        "last_at": fault.last_at,
    }


def _show(found: Sequence[ItemFault]) -> None:
    if not found:
        out().print("Nothing has failed unexpectedly.")
        return
    table = list_table("fault", "what failed", "last")
    for fault in found:
        table.add_row(fault.reference, say_fault(fault), f"{fault.last_at:%Y-%m-%d %H:%M} UTC")
    out().print(table)
