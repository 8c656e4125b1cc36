"""`tillroll privacy`: what the ledger knows about a person, forgetting them, and the requests that the store passed on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from tillroll.campaign.text.counts import count_of
from tillroll.cli.support.administrators import require_administrator
from tillroll.cli.support.family import Family
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import ADMINISTRATOR, JSON, NOTE, NUMBER, YES
from tillroll.cli.support.output import list_table, out, print_json, write_file
from tillroll.cli.support.people import confirm
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.errors import NotFound
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.people.requests import open_requests, settle_request
from tillroll.ledger.records import PrivacyRequest
from tillroll.privacy.erase import Erasure, erase_person
from tillroll.privacy.export import export_person

_ADDRESS = click.argument("address", metavar="EMAIL")


@click.group(cls=Family)
def privacy() -> None:
    """What is known about a person, and forgetting them.

    \b
    Example:
      tillroll privacy list
      tillroll privacy export nina@mail.example --file nina.json
      tillroll privacy erase nina@mail.example
    """


@privacy.command("list")
@JSON
@for_store
def list_command(as_json: bool) -> None:
    """List the open requests of people about their own data, the most urgent first.

    \b
    Example:
      tillroll privacy list
    """
    with open_services() as services:
        store = chosen_store(services)
        with reading(services.engine) as connection:
            requests = open_requests(connection, store.id)
    if as_json:
        print_json({"requests": [request_json(request) for request in requests]})
        return
    if not requests:
        out().print("Nobody has asked about their data.")
        return
    table = list_table("number", "request")
    for request in requests:
        table.add_row(str(request.id), request.sentence)
    out().print(table)


@privacy.command("export")
@_ADDRESS
@click.option(
    "--file",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the copy to a file that only you can read. Default: stdout.",
)
@ADMINISTRATOR
@for_store
def export_command(address: str, target: Path | None, named: str | None) -> None:
    """Write a copy of everything that is known about the person with this EMAIL, as JSON.

    It holds their codes in clear. That you made it is recorded in the audit log, by the customer's number.

    \b
    Example:
      tillroll privacy export nina@mail.example --file nina.json
    """
    with open_services() as services:
        store = chosen_store(services)
        actor = require_administrator(services, named, "copy people's data")
        now = services.clock.now()
        copy = export_person(services.engine, store, email=address, actor=actor, now=now)
    if target is None:
        print_json(copy)
        return
    write_file(target, json.dumps(copy, ensure_ascii=False, indent=2).encode() + b"\n")
    rows = count_of(sum(map(len, copy["data"].values())), "row")
    out().print(f"{rows} about them are in {target}.")


@privacy.command("erase")
@_ADDRESS
@YES
@ADMINISTRATOR
@JSON
@for_store
def erase_command(address: str, yes: bool, named: str | None, as_json: bool) -> None:
    """Forget the person with this EMAIL: their data in the ledger is removed, and no campaign reaches them again.

    Sums and the audit stay whole; they name nobody. Their codes stay in the store until they expire. What remains known is
    that they don't want e-mails, if they said so, and the proof of their consent. The store's own record of them is deleted
    in its admin; do that too.

    \b
    Example:
      tillroll privacy erase nina@mail.example
    """
    with open_services() as services:
        store = chosen_store(services)
        actor = require_administrator(services, named, "erase people's data")
        confirm(f"Forget {address} for good? A copy can't be made afterwards.", yes=yes)
        now = services.clock.now()
        erasure = erase_person(services.engine, store, email=address, actor=actor, now=now)
    if as_json:
        print_json(_erasure_json(erasure))
        return
    console = out()
    console.print(f"Forgotten: {count_of(erasure.rows, 'row')} removed or blanked.")
    if erasure.held:
        console.print(f"{count_of(erasure.held, 'e-mail')} to them will not be sent.")
    if erasure.replanned:
        console.print(f"{count_of(erasure.replanned, 'run')} will be planned again without them.")
    if erasure.codes_live:
        console.print(f"{count_of(erasure.codes_live, 'code')} of theirs can still be used until it expires.")
    numbers = ", ".join(map(str, erasure.customers))
    console.print(
        f"Now delete them in the store's admin too (customer {numbers}), and in the files of yours that name them: rules/lists/, "
        "exports, the outbox folder."
    )


@privacy.command("settle")
@click.argument("number", type=NUMBER)
@NOTE
@ADMINISTRATOR
@for_store
def settle_command(number: int, note: str, named: str | None) -> None:
    """Mark the request NUMBER as settled: the person has their copy, or was told why not.

    `tillroll privacy erase` settles requests to be deleted by itself.

    \b
    Example:
      tillroll privacy settle 3 --note "copy sent by post"
    """
    with open_services() as services:
        store = chosen_store(services)
        actor = require_administrator(services, named, "settle requests")
        with writing(services.engine) as connection:
            is_settled = settle_request(
                connection, store, number, actor=actor, note=note, now=services.clock.now()
            )
    if not is_settled:
        raise NotFound(f"There is no open request {number}.", hint="Run: tillroll privacy list")
    out().print(f"Request {number} is settled.")


def request_json(request: PrivacyRequest) -> dict[str, Any]:
    """Return a request as JSON shows it."""
    return {
        "number": request.id,
        "kind": request.kind.value,
        "subject": request.subject.value,
        "entity": request.entity,
        "asked_at": request.asked_at.isoformat(),
        "due_at": request.due_at.isoformat(),
    }


def _erasure_json(erasure: Erasure) -> dict[str, Any]:
    return {
        "customers": list(erasure.customers),
        "rows": erasure.rows,
        "held": erasure.held,
        "replanned": erasure.replanned,
        "codes_live": erasure.codes_live,
        "settled": erasure.settled,
    }
