"""`tillroll codes`: codes in clear, for those who may see them, and what is done to them in the store (`changes.py`)."""

from __future__ import annotations

import csv
import io
import sys
from typing import Any

import click
import sqlalchemy as sa

from tillroll.approve.decide import MAY_DECIDE, Person
from tillroll.cli.changes import COMMANDS as CHANGES
from tillroll.cli.family import Family
from tillroll.cli.opening import services
from tillroll.cli.show import NUMBER, err, say_json
from tillroll.cli.stores import for_store, the_store
from tillroll.cli.whose import find
from tillroll.errors import LedgerIsAnother, NotAllowed, TillrollError
from tillroll.ledger.engine import reading
from tillroll.ledger.runs import load_run
from tillroll.mint.draw import new_key
from tillroll.mint.export import COLUMNS, reveal
from tillroll.mint.hand_out import take_by_hand
from tillroll.track.connect import load_store
from tillroll.track.gate import pass_gate, pass_unasked
from tillroll.web.accounts import person_of
from tillroll.wiring import Services


@click.group(cls=Family)
def codes() -> None:
    """The codes of a run, or out of a pool, and what is done to them in the store.

    Codes are money: who sees them in clear, and who has them changed, is written to the audit.

    \b
    Example:
      tillroll codes export 12 --as ana@shop.example > codes.csv
    """


@codes.command()
@click.argument("run_id", metavar="RUN", type=NUMBER)
@click.option(
    "--as", "email", required=True, metavar="EMAIL", help="Who sees them: an account that may approve."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line instead of CSV.")
def export(run_id: int, email: str, as_json: bool) -> None:
    """Write every code of RUN to stdout, as CSV.

    \b
    Example:
      tillroll codes export 12 --as ana@shop.example > codes.csv
    """
    with services() as parts:
        person = _who_may_see(parts, email)
        with reading(parts.engine) as connection:
            store = load_store(connection, load_run(connection, run_id).store_id)
        _ask_fence(parts, store)
        count = 0
        for row in reveal(parts.engine, run_id=run_id, person=person.email, now=parts.clock.now()):
            if as_json:
                say_json(row)
            else:
                if count == 0:
                    click.echo(_line(COLUMNS), nl=False)
                click.echo(_line([row[name] for name in COLUMNS]), nl=False)
            count += 1
    if sys.stderr.isatty():
        err().print(f"{count} codes; the audit says that {email} saw them.")


@codes.command()
@click.argument("campaign")
@click.option("--count", default=1, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
@click.option("--for", "whom", default="", metavar="EMAIL", help="Who gets them; for the audit.")
@click.option(
    "--as", "email", required=True, metavar="EMAIL", help="Who takes them: an account that may approve."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@for_store
def take(campaign: str, count: int, whom: str, email: str, as_json: bool) -> None:
    """Take codes out of the pool of CAMPAIGN: each is nobody else's from then on.

    \b
    Example:
      tillroll codes take fair-vouchers --count 3 --for guest@shop.example --as ana@shop.example
    """
    with services() as parts:
        person = _who_may_see(parts, email)
        with reading(parts.engine) as connection:
            store = the_store(connection)
        with parts.client(store, person=True) as client:
            pass_gate(parts.engine, client, store=store, mark=new_key(), clock=parts.clock, raising=True)
        taken = take_by_hand(
            parts.engine,
            store_id=store.id,
            campaign=campaign,
            count=count,
            person=person.email,
            whom=whom,
            now=parts.clock.now(),
        )
    for one in taken:
        if as_json:
            say_json(one)
        else:
            click.echo(one["code"])
    if sys.stderr.isatty():
        err().print(f"{len(taken)} codes handed out; the audit says that {email} took them.")


for command in (*CHANGES, find):
    codes.add_command(command)


def _ask_fence(parts: Services, store: sa.Row[Any]) -> None:
    """A ledger that was restored shows no codes: some may be somebody's by now. If the store is away, that is said."""
    try:
        with parts.client(store, person=True) as client:
            pass_gate(parts.engine, client, store=store, mark=new_key(), clock=parts.clock)
    except LedgerIsAnother:
        raise
    except TillrollError as trouble:
        pass_unasked(parts.engine, store_id=store.id)
        err().print(
            f"The store couldn't be asked whether this ledger is its own: {trouble.message}", style="yellow"
        )


def _who_may_see(parts: Services, email: str) -> Person:
    person = person_of(parts.engine, email)
    if person is None or not person.roles & MAY_DECIDE:
        raise NotAllowed(
            f"{email} may not see codes in clear.", hint="It takes an account with the approver role."
        )
    return person


def _line(values: object) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(values)  # type: ignore[arg-type]  # a row is any sequence
    return buffer.getvalue()
