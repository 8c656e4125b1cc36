"""`tillroll leaks`: codes that others than their recipients used."""

from __future__ import annotations

from itertools import islice
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from tillroll.campaign.frozen.recipient import mask_code, mask_email
from tillroll.campaign.text.money import say_money, smallest_unit
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import JSON
from tillroll.cli.support.output import local_time, out, print_json, print_row
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.errors import Refused
from tillroll.ledger.engine import reading
from tillroll.ledger.records import Store
from tillroll.track.results.leaks.found import Leak, LeakedUse, every_leak
from tillroll.track.results.leaks.sentences import say_leak

_COLUMNS = (
    "leak",
    "kind",
    "campaign",
    "found_at",
    "uses",
    "cost",
    "order",
    "code",
    "given_to",
    "used_by",
    "discount",
    "at",
)
_MOST = 50  # on a terminal


@click.command()
@click.argument("name", required=False)
@JSON
@click.option("--csv", "as_csv", is_flag=True, help="Write CSV, a line for each order.")
@for_store
def leaks(name: str | None, as_json: bool, as_csv: bool) -> None:
    """Show which codes of the campaign NAME, or of each campaign, others than their recipients used, and what that cost.

    Codes and addresses are masked. Of a leak with many orders the first ten are shown.

    \b
    Example:
      tillroll leaks
      tillroll leaks winback
      tillroll leaks --csv > leaks.csv
    """
    if as_json and as_csv:
        raise Refused("--json and --csv exclude each other.", hint="Give one of them.")
    with open_services() as services, reading(services.engine) as connection:
        store = chosen_store(services)
        found = every_leak(connection, store.id, campaign=name)
        if as_json:
            for leak in found:
                print_json({**_row(leak, store), "orders": [_use_row(use, store) for use in leak.shown]})
        elif as_csv:
            print_row(_COLUMNS)
            for leak in found:
                for use in leak.shown:
                    row = {**_row(leak, store), **_use_row(use, store)}
                    print_row([row[column] for column in _COLUMNS])
        else:
            _show(out(), list(islice(found, _MOST + 1)), store)


def _row(leak: Leak, store: Store) -> dict[str, Any]:
    return {
        "leak": leak.leak_id,
        "kind": leak.kind.value,
        "campaign": leak.campaign,
        "found_at": leak.found_at.isoformat(),
        "uses": leak.uses,
        "cost": str(leak.cost.quantize(smallest_unit(store.currency))),
    }


def _use_row(use: LeakedUse, store: Store) -> dict[str, Any]:
    return {
        "order": use.order_id,
        "code": mask_code(use.code),
        "given_to": mask_email(use.given_to) if use.given_to else "",
        "used_by": mask_email(use.email) if use.email else "",
        "discount": str(use.discount.quantize(smallest_unit(store.currency))),
        "at": use.at.isoformat(),
    }


def _show(console: Console, found: list[Leak], store: Store) -> None:
    if not found:
        console.print("No code was used by anybody but its recipient, as far as the orders tell.")
    for leak in found[:_MOST]:
        said, cost = say_leak(leak.kind, leak.uses), say_money(leak.cost, store.currency)
        console.print(Text.assemble((leak.campaign, "bold"), f"  {said}; {cost} off"), soft_wrap=True)
        for use in leak.shown:
            row = _use_row(use, store)
            given = f" of {row['given_to']}" if row["given_to"] else ""
            buyer = row["used_by"] or "somebody"
            when = local_time(use.at, store.timezone)
            console.print(
                f"  order {use.order_id}: {row['code']}{given}, used by {buyer}, {when}", soft_wrap=True
            )
    if len(found) > _MOST:
        console.print("… and more: --json or --csv has all of them.")
