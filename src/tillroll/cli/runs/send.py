"""`tillroll send`: whether e-mails can leave, and trying at once whether they can again."""

from __future__ import annotations

from typing import Any

import click

from tillroll.cli.support.family import Family
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import JSON, PERSON
from tillroll.cli.support.output import out, print_json, say
from tillroll.cli.support.people import require_approver
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.ledger.engine import reading
from tillroll.send.hold import Hold, list_holds
from tillroll.send.hold import resume as try_at_once


@click.group(cls=Family, invoke_without_command=True)
@JSON
@click.pass_context
def send(context: click.Context, as_json: bool) -> None:
    """Show whether e-mails can leave, and if not, why and what to do.

    While the mail server refuses all e-mails, none is lost: they wait, and one is tried now and then. As soon as it is taken, all
    go on.

    \b
    Example:
      tillroll send
      tillroll send resume
    """
    if context.invoked_subcommand is not None:
        return
    with open_services() as services, reading(services.engine) as connection:
        held = list_holds(connection)
    if as_json:
        print_json({"holds": [hold_json(one) for one in held]})
        return
    for one in held:
        out().print(
            f"{one.sentence}\nHeld since {one.since:%Y-%m-%d %H:%M} UTC; the next try is at {one.probe_at:%H:%M} UTC."
        )
    if not held:
        out().print("E-mails can leave, as far as known: nothing is held.")


@send.command()
@PERSON
@JSON
@for_store
def resume(email: str | None, as_json: bool) -> None:
    """Try at once whether the mail server takes e-mails again, instead of waiting for the next try.

    \b
    Example:
      tillroll send resume
    """
    with open_services() as services:
        store = chosen_store(services)
        person = require_approver(services, email, store.id, "have e-mails tried again")
        held = try_at_once(services.engine, person=person.email, now=services.clock.now())
    words = "One e-mail is tried within a minute; if it is taken, all go on." if held else "Nothing is held."
    say({"tried": [one.transport for one in held]}, words, as_json=as_json)


def hold_json(held: Hold) -> dict[str, Any]:
    """Return a hold as JSON output has it."""
    return {
        "transport": held.transport,
        "trouble": held.trouble.value,
        "answer": held.answer,
        "since": held.since.isoformat(),
        "probe_at": held.probe_at.isoformat(),
        "probes": held.probes,
    }
