"""`tillroll rearm`: release a ledger that was restored or copied, after a person has seen what it would repeat."""

from __future__ import annotations

from typing import Any

import click

from tillroll.campaign.text.counts import count_of
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import JSON, PERSON, YES
from tillroll.cli.support.output import facts_table, local_time, out, say
from tillroll.cli.support.people import confirm, require_approver
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.ledger.records import Store
from tillroll.recovery.doubt import Doubt
from tillroll.recovery.lost_time import LostTime
from tillroll.recovery.rearm import look_at_doubt
from tillroll.recovery.rearm import rearm as release

_LISTED = 10  # runs


@click.command()
@for_store
@click.option("--release", "wanted", is_flag=True, help="Let the ledger work again. Without it: only show.")
@PERSON
@YES
@JSON
def rearm(email: str | None, wanted: bool, yes: bool, as_json: bool) -> None:
    """Show what a restored or copied ledger would repeat. With --release, let it work for its store again.

    First stop everything else that works for the store. Codes that the store has are imported; e-mails that may have been
    sent become unknown and are never sent again automatically; missed runs and steps are skipped, and customers who may have
    been contacted in the time that the backup lacks are not contacted again.

    \b
    Example:
      tillroll rearm --store 1003
      tillroll rearm --store 1003 --release
    """
    with open_services() as services:
        store = chosen_store(services)
        releases = wanted or email is not None
        name = require_approver(services, email, store.id, "release a ledger").email if releases else ""
        with services.client(store, person=True) as client:
            doubt = look_at_doubt(services, client, store)
            if doubt is None:
                body: dict[str, Any] = {"store": store.ecwid_id, "refused": False}
                say(body, "Nothing to do: this ledger is in charge of its store.", as_json=as_json)
                return
            if not as_json:
                _show_doubt(store, doubt)
            if not releases:
                hint = "Nothing was changed. To release the ledger: tillroll rearm --release"
                say(_doubt_json(store, doubt), hint, as_json=as_json)
                return
            confirm("Does nothing else work for this store, and shall this ledger take over?", yes=yes)
            lost_time = release(services, client, store, person=name)
    if not as_json and lost_time is not None:
        _show_lost_time(lost_time)
    settled = {"settled": _lost_time_json(lost_time)} if lost_time is not None else {}
    body = {**_doubt_json(store, doubt), **settled, "rearmed": True}
    say(body, "The ledger works for its store again.", as_json=as_json)


def _show_doubt(store: Store, doubt: Doubt) -> None:
    open_runs = ", ".join(f"{run.id} of {run.campaign} ({run.state})" for run in doubt.runs[:_LISTED])
    lost = ", ".join(f"{run.run_id} of {run.campaign} ({run.slot_key})" for run in doubt.lost[:_LISTED])
    facts = {
        "store": f"{store.name or 'store'} ({store.ecwid_id})",
        "refused": doubt.reason,
        "lost time begins": local_time(doubt.since, store.timezone),
        "lost runs": lost or "none that the store recorded",
        "lost codes": f"{doubt.codes:,}, which the store has; they will be imported",
        "open runs": open_runs or "none",
        "codes to make": f"{doubt.codes_to_make:,}; those that the store has already are only recorded",
        "flows since then": "customers who may have been contacted are skipped: nobody is contacted twice",
        "e-mails to send": f"{doubt.messages:,}; those that may have been sent become unknown and are not sent",
    }
    out().print(facts_table(facts))


def _show_lost_time(lost_time: LostTime) -> None:
    """Print what was done about the lost time, and what can't be known."""
    slots, left = count_of(lost_time.slots, "missed run"), count_of(lost_time.left, "customer")
    contacts = count_of(lost_time.contacted, "contact")
    events = count_of(lost_time.answered, "more event")
    for line in (
        f"Skipped {slots}; {left} left the flows that they were in.",
        f"{contacts} by flows found in the store, in orders and in sent e-mails: these customers are not contacted again.",
        f"{events} may have been answered and count as such: customers who may have been contacted are skipped, so some may "
        "never be; nobody is contacted twice.",
        "Not known, because no record of it exists: later steps of flows that began in that time (they are not sent), and your "
        "own events, carts and products that came and went in it.",
    ):
        out().print(line)
    if not lost_time.remembers:
        out().print("The mail server keeps no record of sent e-mails, so they could not be checked.")
    for name in lost_time.held:
        out().print(
            f"{name} starts with your own events and may have contacted customers: it is halted. If it may contact them "
            f"again: tillroll restart {name}",
            style="yellow",
        )


def _doubt_json(store: Store, doubt: Doubt) -> dict[str, Any]:
    return {
        "store": store.ecwid_id,
        "refused": True,
        "reason": doubt.reason,
        "since": doubt.since.isoformat(),
        "lost_runs": [run.to_row() for run in doubt.lost],
        "lost_codes": doubt.codes,
        "runs": [[run.id, run.campaign, run.state] for run in doubt.runs],
        "codes_to_make": doubt.codes_to_make,
        "messages": doubt.messages,
        "rearmed": False,
    }


def _lost_time_json(lost_time: LostTime) -> dict[str, Any]:
    return {
        "slots": lost_time.slots,
        "left": lost_time.left,
        "greeted": lost_time.contacted,  # the key is older than the field
        "answered": lost_time.answered,
        "remembers": lost_time.remembers,
        "held": lost_time.held,
    }
