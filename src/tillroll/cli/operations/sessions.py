"""`tillroll user sessions`: where an account is signed in."""

from __future__ import annotations

import click
from rich.text import Text

from tillroll.campaign.text.counts import count_of
from tillroll.cli.support.administrators import by_administrator
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import ADMINISTRATOR, JSON
from tillroll.cli.support.output import list_table, local_clock, out, print_json, say
from tillroll.ledger.engine import reading
from tillroll.ledger.signins.sessions import sessions_of
from tillroll.web.accounts import users
from tillroll.web.accounts.signin import limits_of
from tillroll.wiring import Services


@click.command()
@click.argument("email")
@click.option("--end", is_flag=True, help="End all of them.")
@ADMINISTRATOR
@JSON
def sessions(email: str, end: bool, named: str | None, as_json: bool) -> None:
    """Show where an account is signed in, or sign it out everywhere.

    \b
    Example:
      tillroll user sessions ana@shop.example
      tillroll user sessions ana@shop.example --end
    """
    with open_services() as services:
        if not end:
            _show_sessions(services, email, as_json)
            return
        ended = users.sign_out_everywhere(services.engine, email=email, **by_administrator(services, named))
    words = f"{email} is signed out everywhere: {count_of(ended, 'session')} ended."
    say({"email": email, "sessions_ended": ended}, words, as_json=as_json)


def _show_sessions(services: Services, email: str, as_json: bool) -> None:
    with reading(services.engine) as connection:
        account = users.required_account(connection, email)
        limits = limits_of(services.settings)
        found = sessions_of(connection, account.id, limits, services.clock.now())
    if as_json:
        rows = [
            {"created_at": one.created_at, "seen_at": one.seen_at, "address": one.address, "agent": one.agent}
            for one in found
        ]
        print_json({"email": account.email, "sessions": rows})
        return
    table = list_table("signed in (UTC)", "last seen (UTC)", "from", "browser")
    for one in found:
        created, seen = local_clock(one.created_at, "UTC"), local_clock(one.seen_at, "UTC")
        browser = "".join(letter for letter in one.agent if letter.isprintable())
        table.add_row(created, seen, one.address, Text(browser))
    out().print(table if found else f"{account.email} isn't signed in anywhere.")
