"""`tillroll store`: connecting a store, and asking how it stands."""

from __future__ import annotations

import sys
from typing import Any

import click
from rich.table import Table

from tillroll.cli.family import Family
from tillroll.cli.opening import services
from tillroll.cli.show import out, say_json
from tillroll.cli.stores import for_store, the_store
from tillroll.ecwid.client import Client
from tillroll.ecwid.pace import Pace
from tillroll.errors import Refused
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.settings import API_URL
from tillroll.track.checkup import Checkup, check_store
from tillroll.track.connect import connect as write_down
from tillroll.track.connect import find_store, load_store, reconnect
from tillroll.track.custom import secret_of


@click.group(cls=Family)
def store() -> None:
    """The store this installation works for.

    \b
    Example:
      tillroll store connect --id 1003 --token-stdin
      tillroll store check
    """


@store.command()
@click.option("--id", "ecwid_id", type=click.IntRange(min=1), required=True, help="The store's number.")
@click.option("--token-stdin", is_flag=True, help="Read the secret token from stdin instead of asking.")
@click.option("--url", default=API_URL, show_default=True, help="The API's address; another for a sandbox.")
def connect(ecwid_id: int, token_stdin: bool, url: str) -> None:
    """Connect a store with its secret token, or give a connected one a new token. A worker that runs takes it at once.

    \b
    Example:
      tillroll store connect --id 1003 --token-stdin < token.txt
    """
    if token_stdin:
        token = sys.stdin.readline().strip()
    elif sys.stdin.isatty():
        token = click.prompt("Secret token", hide_input=True).strip()
    else:
        raise Refused("Nobody is at a terminal to type a token.", hint="Give it with --token-stdin.")
    if not token or not token.isascii() or any(sign.isspace() for sign in token):
        raise Refused(
            "That is no token.",
            hint="It begins with secret_; copy it from the store's admin (Apps → your app).",
        )
    with services() as parts:
        pace = Pace(parts.clock, per_minute=parts.settings.requests_per_minute)
        client = Client(
            base_url=url, store_id=ecwid_id, token=token, pace=pace, clock=parts.clock, person=True
        )
        try:
            profile = client.shop.profile()  # a token that doesn't work is not written down
        finally:
            client.close()
        with reading(parts.engine) as connection:
            known = find_store(connection, ecwid_id) is not None
        write_down(
            parts.engine,
            ecwid_id=ecwid_id,
            base_url=url.rstrip("/"),
            sealed_token=parts.sealer.seal(token),
            changed=True,
            now=parts.clock.now(),
            actor="command",
        )
    again = "connected again" if known else "connected"
    out().print(f"{profile.name} (store {ecwid_id}) is {again}.")


@store.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of words.")
@for_store
def check(as_json: bool) -> None:
    """Ask the store how it stands: plan, rights, clock, pace, webhooks. A store that answers again is connected again.

    Exit code 1 when a right is missing that campaigns need.

    \b
    Example:
      tillroll store check
      tillroll store check --json | jq .missing
    """
    with services() as parts:
        with reading(parts.engine) as connection:
            row = the_store(connection)
        with parts.client(row, person=True) as client:
            found = check_store(parts.engine, client, store=row)
        reconnect(parts.engine, store_id=row.id, actor="command", now=parts.clock.now())
        with reading(parts.engine) as connection:
            row = load_store(connection, row.id)
    if as_json:
        say_json(_to_json(row, found))
    else:
        _print(row, found)
    if found.missing or found.suspended or not found.has_coupons:
        raise click.exceptions.Exit(1)


@store.command("event-secret")
@for_store
def event_secret() -> None:
    """Show the secret that events for POST /events/… are signed with. Who has it can set off the store's campaigns.

    \b
    Example:
      tillroll store event-secret
    """
    with services() as parts:
        with writing(parts.engine) as connection:
            row = the_store(connection)
            audit.record(
                connection,
                at=parts.clock.now(),
                actor="command",
                action="store.event_secret_shown",
                subject=f"store {row.ecwid_id}",
                body={},
            )
        click.echo(secret_of(parts.keys[0], row.ecwid_id))


def _to_json(row: Any, found: Checkup) -> dict[str, Any]:
    return {
        "store": row.ecwid_id,
        "name": found.name,
        "state": row.state,
        "currency": found.currency,
        "timezone": found.timezone,
        "suspended": found.suspended,
        "has_coupons": found.has_coupons,
        "scopes": list(found.scopes),
        "missing": list(found.missing),
        "unknown": list(found.unknown),
        "skew_seconds": found.skew.total_seconds(),
        "calls_left": round(found.calls_left, 1),
        "webhook_at": found.webhook_at.isoformat() if found.webhook_at else None,
        "events_waiting": found.events_waiting,
    }


def _print(row: Any, found: Checkup) -> None:
    table = Table.grid(padding=(0, 2))
    skew = abs(found.skew.total_seconds())
    plan = "suspended" if found.suspended else "has coupons" if found.has_coupons else "lacks coupons"
    lines = [
        ("store", f"{found.name} ({row.ecwid_id}), {row.state}"),
        ("plan", plan),
        ("money and time", f"{found.currency}, {found.timezone}"),
        ("rights", ", ".join(found.scopes)),
        ("missing", ", ".join(found.missing) or "nothing that campaigns need"),
        ("not known", f"{', '.join(found.unknown)}: the first change will tell" if found.unknown else ""),
        (
            "clock",
            "as ours"
            if skew < 1
            else f"{skew:.0f} s {'ahead' if found.skew.total_seconds() > 0 else 'behind'}",
        ),
        ("pace", f"{found.calls_left:.0f} requests at once, then the token's allowance"),
        (
            "webhooks",
            f"the last one {found.webhook_at:%Y-%m-%d %H:%M} UTC, {found.events_waiting} waiting"
            if found.webhook_at
            else "none has come yet",
        ),
    ]
    for name, words in lines:
        if words:
            table.add_row(f"[dim]{name}[/dim]", words)
    out().print(table)
