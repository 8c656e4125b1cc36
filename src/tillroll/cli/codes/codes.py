"""`tillroll codes`: the group of commands about codes, and the two that show codes in clear: `export` and `take`."""

from __future__ import annotations

import sys

import click

from tillroll.campaign.text.counts import count_of
from tillroll.cli.codes.change import CHANGE_COMMANDS
from tillroll.cli.codes.changes import changes_command, recycle_command
from tillroll.cli.codes.find import find
from tillroll.cli.codes.imports import import_command
from tillroll.cli.support.family import Family
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import NUMBER, PERSON
from tillroll.cli.support.output import err, print_json, print_row
from tillroll.cli.support.ownership import check_ownership_if_reachable
from tillroll.cli.support.people import require_approver
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.runs import load_run
from tillroll.ledger.queries.stores import load_store
from tillroll.mint.draw import new_key
from tillroll.mint.export import COLUMNS, reveal_codes
from tillroll.mint.pools.hand_out import take_by_hand
from tillroll.recovery.ownership_check import check_ownership

_SEE_CODES = "see codes in clear"


@click.group(cls=Family)
def codes() -> None:
    """The codes of runs and pools, and changes to them in the store.

    Codes are money: the audit log records who sees them in clear and who changes them.

    \b
    Example:
      tillroll codes export 12 > codes.csv
    """


@codes.command()
@click.argument("run_id", metavar="RUN", type=NUMBER)
@PERSON
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line instead of CSV.")
def export(run_id: int, email: str | None, as_json: bool) -> None:
    """Write every code of RUN to stdout, as CSV.

    \b
    Example:
      tillroll codes export 12 > codes.csv
    """
    with open_services() as services:
        with reading(services.engine) as connection:
            store = load_store(connection, load_run(connection, run_id).store_id)
        person = require_approver(services, email, store.id, _SEE_CODES)
        check_ownership_if_reachable(services, store)
        count = 0
        for code in reveal_codes(
            services.engine, run_id=run_id, person=person.email, now=services.clock.now()
        ):
            if as_json:
                print_json(code)
            else:
                if count == 0:
                    print_row(COLUMNS)
                print_row([code[name] for name in COLUMNS])
            count += 1
    if sys.stderr.isatty():
        err().print(
            f"{count_of(count, 'code')} exported; the audit log records that {person.email} saw them."
        )


@codes.command()
@click.argument("campaign")
@click.option("--count", default=1, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
@click.option(
    "--for", "receiver", default="", metavar="EMAIL", help="Who gets them; recorded in the audit log."
)
@PERSON
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@for_store
def take(campaign: str, count: int, receiver: str, email: str | None, as_json: bool) -> None:
    """Take codes out of the pool of CAMPAIGN and print them. They are never given to anyone else.

    \b
    Example:
      tillroll codes take fair-vouchers --count 3 --for guest@shop.example
    """
    with open_services() as services:
        store = chosen_store(services)
        person = require_approver(services, email, store.id, _SEE_CODES)
        with services.client(store, person=True) as client:
            session = services.session(store.id, client)
            check_ownership(session, store=store, mark=new_key(), raising=True)
        taken = take_by_hand(
            services.engine,
            store_id=store.id,
            campaign=campaign,
            count=count,
            person=person.email,
            whom=receiver,
            now=services.clock.now(),
        )
    for code in taken:
        if as_json:
            print_json(code)
        else:
            click.echo(code["code"])
    if sys.stderr.isatty():
        err().print(
            f"{count_of(len(taken), 'code')} handed out; the audit log records that {person.email} took them."
        )


for command in (*CHANGE_COMMANDS, import_command, recycle_command, changes_command, find):
    codes.add_command(command)
