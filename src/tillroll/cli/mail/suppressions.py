"""`tillroll suppressions`: who gets no e-mails, or fewer."""

from __future__ import annotations

from pathlib import Path

import click

from tillroll.campaign.frozen.recipient import mask_email
from tillroll.campaign.states import ConsentSource, SuppressionCause
from tillroll.campaign.text.clean import clean_address
from tillroll.campaign.text.counts import count_of
from tillroll.cli.support.family import Family
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import JSON, NOTE, PERSON
from tillroll.cli.support.output import err, out, print_json, print_row
from tillroll.cli.support.people import require_approver
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.errors import NotFound, Refused
from tillroll.ledger import audit
from tillroll.ledger.consent.listed import active_suppressions, add_addresses, read_addresses
from tillroll.ledger.consent.suppress import Which, Wish, lift, suppress
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.records import Suppression

_COLUMNS = ("email", "campaign", "every_days", "cause", "source", "at", "until", "note")
_ACTION = "see or change who gets no e-mails"
_CAMPAIGN = click.option("--campaign", default="", help="Only for this campaign. Default: for all.")


@click.group(cls=Family)
def suppressions() -> None:
    """Show and change who gets no e-mails: unsubscribed, complained, not reachable, or put on the list.

    \b
    Example:
      tillroll suppressions list
    """


@suppressions.command("list")
@JSON
@PERSON
@for_store
def list_command(as_json: bool, email: str | None) -> None:
    """List them, with most of each address hidden.

    \b
    Example:
      tillroll suppressions list
    """
    _print(email, as_json=as_json, in_clear=False)


@suppressions.command("export")
@JSON
@PERSON
@for_store
def export_command(as_json: bool, email: str | None) -> None:
    """Print them as CSV with whole addresses, to take them to another program. The audit log records who did.

    \b
    Example:
      tillroll suppressions export > suppressions.csv
    """
    _print(email, as_json=as_json, in_clear=True)


def _print(named: str | None, *, as_json: bool, in_clear: bool) -> None:
    with open_services() as services:
        store = chosen_store(services)
        person = require_approver(services, named, store.id, _ACTION)
        now = services.clock.now()
        if in_clear:
            with writing(services.engine) as connection:
                audit.record(
                    connection,
                    at=now,
                    actor=person.email,
                    action="suppressions.exported",
                    subject=f"store {store.id}",
                    body={},
                )
        if not as_json:
            print_row(_COLUMNS)
        with reading(services.engine) as connection:
            for suppression in active_suppressions(connection, store.id, now):
                row = _row(suppression, in_clear=in_clear)
                if as_json:
                    print_json(row)
                else:
                    print_row([row[name] for name in _COLUMNS])


def _row(suppression: Suppression, *, in_clear: bool) -> dict[str, object]:
    return {
        "email": suppression.address if in_clear else mask_email(suppression.address),
        "campaign": suppression.campaign,
        "every_days": suppression.every_days,
        "cause": suppression.cause.value,
        "source": suppression.source.value,
        "at": suppression.at.isoformat(),
        "until": suppression.until.isoformat() if suppression.until is not None else None,
        "note": suppression.note,
    }


@suppressions.command("add")
@click.argument("address")
@_CAMPAIGN
@NOTE
@PERSON
@for_store
def add_command(address: str, campaign: str, note: str, email: str | None) -> None:
    """Let ADDRESS get no e-mails, from now on, also not from runs that are sending.

    \b
    Example:
      tillroll suppressions add ana@customer.example --note "asked by phone"
    """
    with open_services() as services:
        store = chosen_store(services)
        person = require_approver(services, email, store.id, _ACTION)
        wish = Wish(
            address=clean_address(address),
            cause=SuppressionCause.BY_HAND,
            source=ConsentSource.PERSON,
            campaign=campaign,
            note=note,
        )
        with writing(services.engine) as connection:
            is_new = suppress(connection, store.id, wish, now=services.clock.now(), actor=person.email)
    out().print("No more e-mails go to this address." if is_new else "This address is on the list already.")


@suppressions.command("remove")
@click.argument("address")
@PERSON
@for_store
def remove_command(address: str, email: str | None) -> None:
    """Take ADDRESS off the list. E-mails go there again once the store says that its customer agrees to them.

    \b
    Example:
      tillroll suppressions remove ana@customer.example
    """
    with open_services() as services:
        store = chosen_store(services)
        person = require_approver(services, email, store.id, _ACTION)
        with writing(services.engine) as connection:
            lifted = lift(
                connection,
                store.id,
                clean_address(address),
                Which(),
                now=services.clock.now(),
                actor=person.email,
            )
    if not lifted:
        raise NotFound("This address is not on the list.", hint="See: tillroll suppressions list")
    out().print(
        "The address is off the list. E-mails go there only if its customer agrees to them in the store."
    )


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as fault:
        raise Refused(f"{file} can't be read: {fault.strerror}.", hint="Name a CSV file.") from fault


@suppressions.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@PERSON
@for_store
def import_command(file: Path, email: str | None) -> None:
    """Put the addresses of a CSV FILE with a column `email` on the list. Lines without an address are told and left out.

    \b
    Example:
      tillroll suppressions import unsubscribed.csv
    """
    with open_services() as services:
        store = chosen_store(services)
        person = require_approver(services, email, store.id, _ACTION)
        found = read_addresses(_read(file))
        added = add_addresses(
            services.engine,
            store.id,
            found.addresses,
            file=file.name,
            actor=person.email,
            now=services.clock.now(),
        )
    for fault in found.faults:
        err().print(fault)
    known = len(found.addresses) - added
    out().print(
        f"{count_of(added, 'address', 'addresses')} added, {known} on the list already, {len(found.faults)} left out."
    )
