"""`tillroll rearm`: a ledger that was restored or copied, let go on by a person who has seen what it would repeat."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

import click
from rich.table import Table

from tillroll.approve.decide import MAY_DECIDE
from tillroll.cli.opening import services
from tillroll.cli.show import in_zone, out, say_json
from tillroll.cli.stores import for_store, the_store
from tillroll.errors import NotAllowed, Refused
from tillroll.ledger.engine import reading
from tillroll.loop.greeted import Settled
from tillroll.loop.rearm import Doubt, look_at_doubt
from tillroll.loop.rearm import rearm as let_go_on
from tillroll.web.accounts import person_of


@click.command()
@for_store
@click.option(
    "--as", "email", metavar="EMAIL", help="Whose word this is: an approver's account. None: only look."
)
@click.option("--yes", is_flag=True, help="Don't ask at the terminal.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of words.")
def rearm(email: str | None, yes: bool, as_json: bool) -> None:
    """Show what a ledger that was restored or copied would repeat, and let it work for its store again.

    End whatever else works for the store first. Codes that the store has are taken over; e-mails that may have left are
    unknown and never sent by themselves; slots and steps of the time that the ledger knows nothing of are let pass, and what
    happened in it counts as answered: nobody is greeted twice.

    \b
    Example:
      tillroll rearm --store 1003
      tillroll rearm --store 1003 --as ana@shop.example
    """
    with services() as parts:
        with reading(parts.engine) as connection:
            store = the_store(connection)
        with parts.client(store, person=True) as client:
            doubt = look_at_doubt(parts, client, store)
            if doubt is None:
                return _say(
                    as_json,
                    {"store": store.ecwid_id, "refused": False},
                    "It is the ledger that works for its store.",
                )
            if not as_json:
                _show(store, doubt)
            if email is None:
                return _say(
                    as_json,
                    _to_json(store, doubt),
                    "Nothing was changed. To let it go on: tillroll rearm --as EMAIL",
                )
            person = person_of(parts.engine, email)
            if person is None or not person.roles & MAY_DECIDE:
                raise NotAllowed(
                    f"{email} has no account with the approver role.", hint="See: tillroll user add"
                )
            _confirm(yes)
            settled = let_go_on(parts, client, store, person=email)
    if not as_json and settled is not None:
        _show_settled(settled)
    told = {"settled": asdict(settled)} if settled is not None else {}
    return _say(
        as_json, {**_to_json(store, doubt), **told, "rearmed": True}, "The ledger works for its store again."
    )


def _say(as_json: bool, body: dict[str, Any], words: str) -> None:
    if as_json:
        say_json(body)
    else:
        out().print(words)


def _confirm(yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused(
            "Nobody is at a terminal to say yes.", hint="Give --yes if nothing else works for the store."
        )
    if not click.confirm("Does nothing else work for this store, and shall this ledger go on?"):
        raise Refused("Nothing was changed.")


def _show(store: Any, doubt: Doubt) -> None:
    table = Table.grid(padding=(0, 2))
    going = ", ".join(f"{number} of {campaign} ({state})" for number, campaign, state in doubt.runs[:10])
    lost = ", ".join(f"{one.run_id} of {one.campaign} ({one.slot_key})" for one in doubt.lost[:10])
    for name, words in (
        ("store", f"{store.name or 'store'} ({store.ecwid_id})"),
        ("refused", doubt.reason),
        ("knows nothing since", in_zone(doubt.since, store.timezone)),
        ("runs it has lost", lost or "none that the store was told of"),
        ("codes it has lost", f"{doubt.codes:,}: the store has them, and they are taken over"),
        ("runs it would go on with", going or "none"),
        ("codes it would make", f"{doubt.codes_to_make:,}: those that the store has already are only noted"),
        (
            "whom flows greeted since",
            "not in the ledger: what happened since counts as answered, and nobody is greeted twice",
        ),
        ("e-mails it would send", f"{doubt.messages:,}: those that may have left become unknown, and stay"),
    ):
        table.add_row(f"[dim]{name}[/dim]", words)
    out().print(table)


def _show_settled(settled: Settled) -> None:
    """What was done about the lost time, and what nobody can know."""
    for line in (
        f"{settled.slots:,} slots of the lost time are let pass; {settled.left:,} people who waited for a step wait no more.",
        f"{settled.greeted:,} greetings of flows are known from the store, from orders and from what left: they count.",
        f"{settled.answered:,} more things happened that may have been answered: they count as answered, so some people may "
        "never be greeted; nobody is greeted twice.",
        "Not known, since nothing keeps it: later steps of flows that somebody entered in that time (nobody gets them), and "
        "events of your own, carts and goods that came and went in it.",
    ):
        out().print(line)
    if not settled.remembers:
        out().print("The mail server keeps no record of what left, so e-mails could not be asked after.")
    for name in settled.held:
        out().print(
            f"{name} begins with events of your own and may have greeted somebody: it is halted. If it may greet "
            f"them once more: tillroll restart {name}",
            style="yellow",
        )


def _to_json(store: Any, doubt: Doubt) -> dict[str, Any]:
    return {
        "store": store.ecwid_id,
        "refused": True,
        "reason": doubt.reason,
        "since": doubt.since.isoformat(),
        "lost_runs": [one.to_row() for one in doubt.lost],
        "lost_codes": doubt.codes,
        "runs": [list(one) for one in doubt.runs],
        "codes_to_make": doubt.codes_to_make,
        "messages": doubt.messages,
        "rearmed": False,
    }
