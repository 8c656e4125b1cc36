"""`tillroll send`: whether e-mails can leave, trying at once whether they can again, and sending some again."""

from __future__ import annotations

from typing import Any

import click

from tillroll.approve.send_again import send_again
from tillroll.campaign.states import MessageState
from tillroll.campaign.text.counts import count_of
from tillroll.cli.codes.agreements import print_agreement
from tillroll.cli.plan.proof import send_test
from tillroll.cli.results.send_report import send_report
from tillroll.cli.support.family import Family
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import JSON, NOTE, NUMBER, PERSON
from tillroll.cli.support.output import out, print_json, say
from tillroll.cli.support.people import require_approver, require_person
from tillroll.cli.support.stores import chosen_store, for_store, require_run_of_chosen
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.agreements import PendingAgreement
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
        with reading(services.engine) as connection:
            ways = {one.transport for one in services.holds_of(connection, store.ecwid_id)}
        held = try_at_once(services.engine, ways, person=person.email, now=services.clock.now())
    words = "One e-mail is tried within a minute; if it is taken, all go on." if held else "Nothing is held."
    say({"tried": [one.transport for one in held]}, words, as_json=as_json)


@send.command()
@click.argument("run_id", metavar="RUN", type=NUMBER)
@click.option(
    "--failed", "failed", is_flag=True, help="E-mails that were refused or given up. They did not leave."
)
@click.option(
    "--unknown", "unknown", is_flag=True, help="E-mails that may have left: some people may get a second one."
)
@PERSON
@NOTE
@JSON
@for_store
def retry(run_id: int, failed: bool, unknown: bool, email: str | None, note: str, as_json: bool) -> None:
    """Send e-mails of a run again that failed, or whose outcome is unknown.

    Whether each may still go (consent, expiry, address) is decided when it leaves. --unknown needs as many approvers as the run's
    plan did, because some of these e-mails may have reached their recipients already.

    \b
    Example:
      tillroll send retry 12 --failed
      tillroll send retry 12 --unknown --note "the server's log shows none of them"
    """
    if failed == unknown:
        raise click.UsageError("Give one of --failed and --unknown.")
    state = MessageState.FAILED if failed else MessageState.UNKNOWN
    with open_services() as services:
        person = require_person(services, email)
        require_run_of_chosen(services, run_id)
        now = services.clock.now()
        done = send_again(services.engine, run_id=run_id, state=state, person=person, note=note, now=now)
    if isinstance(done, PendingAgreement):
        print_agreement(done, as_json=as_json)
    else:
        words = f"{count_of(done.count, 'e-mail')} of run {run_id} will be tried again."
        say({"run": run_id, "state": state.value, "count": done.count}, words, as_json=as_json)


send.add_command(send_test)
send.add_command(send_report)


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
