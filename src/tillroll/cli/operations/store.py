"""`tillroll store`: connect a store and check it."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

import click

from tillroll.cli.operations.store_probe import probe
from tillroll.cli.operations.store_record import record
from tillroll.cli.operations.store_zone import store_timezone
from tillroll.cli.support.administrators import require_administrator
from tillroll.cli.support.family import Family
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import ADMINISTRATOR, JSON
from tillroll.cli.support.output import facts_table, out, print_json
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.ecwid.client import Client
from tillroll.ecwid.http.pace import Pace
from tillroll.errors import Refused
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.stores import find_store, load_store
from tillroll.ledger.records import Store
from tillroll.settings import API_URL
from tillroll.track.checkup import Checkup, check_store
from tillroll.track.connect import connect as record_connection
from tillroll.track.connect import reconnect
from tillroll.track.webhooks.custom import secret_of
from tillroll.track.webhooks.kinds import count_unknown


@click.group(cls=Family)
def store() -> None:
    """The stores that this installation works for.

    \b
    Example:
      tillroll store connect --id 1003 --token-stdin
      tillroll store check
    """


store.add_command(store_timezone)
store.add_command(probe)
store.add_command(record)


@store.command()
@click.option("--id", "ecwid_id", type=click.IntRange(min=1), required=True, help="The store's number.")
@click.option("--token-stdin", is_flag=True, help="Read the secret token from stdin instead of asking.")
@click.option(
    "--url",
    default="",
    help="The API's address; a sandbox has its own. Without it: ECWID_API_URL, or where the store was until now, or Ecwid.",
)
@ADMINISTRATOR
def connect(ecwid_id: int, token_stdin: bool, url: str, named: str | None) -> None:
    """Connect a store by its secret token, or replace its token. A running worker uses the new token at once.

    \b
    Example:
      tillroll store connect --id 1003 --token-stdin < token.txt
    """
    with open_services() as services:
        actor = require_administrator(services, named, "connect a store")
        token = _read_token(from_stdin=token_stdin)
        with reading(services.engine) as connection:
            before = find_store(connection, ecwid_id)
        url = url or _known_address(services.settings.api_url, before)
        pace = Pace(services.clock, per_minute=services.settings.requests_per_minute)
        client = Client(
            base_url=url,
            store_id=ecwid_id,
            token=token,
            hosts=services.settings.allowed_hosts,
            pace=pace,
            clock=services.clock,
            person=True,
        )
        try:
            profile = client.shop.profile()  # a token that doesn't work is not stored
        finally:
            client.close()
        record_connection(
            services.engine,
            ecwid_id=ecwid_id,
            base_url=url.rstrip("/"),
            sealed_token=services.sealer.seal(token),
            changed=True,
            now=services.clock.now(),
            actor=actor,
        )
    state = "connected again" if before is not None else "connected"
    out().print(f"{profile.name} (store {ecwid_id}) is {state}.")


def _known_address(configured: str, before: Store | None) -> str:
    """Return the API's address if none was given: the configured one, or else the one that the store has in the ledger."""
    return before.base_url if before is not None and configured == API_URL else configured


def _read_token(*, from_stdin: bool) -> str:
    """Return the token from stdin or a prompt; raises `Refused` for text that can't be one."""
    if from_stdin:
        token = sys.stdin.readline().strip()
    elif sys.stdin.isatty():
        token = click.prompt("Secret token", hide_input=True).strip()
    else:
        raise Refused("There is no terminal to ask for the token at.", hint="Use --token-stdin.")
    if not token or not token.isascii() or any(character.isspace() for character in token):
        raise Refused(
            "That is not a token.",
            hint="A token begins with secret_; copy it from the store's admin (Apps → your app).",
        )
    return token


@store.command()
@JSON
@for_store
def check(as_json: bool) -> None:
    """Check a store's plan, permissions (scopes), clock, remaining API calls and webhooks.

    A disconnected store that answers is reconnected.

    The exit code is 1 if a scope that campaigns need is missing.

    \b
    Example:
      tillroll store check
      tillroll store check --json | jq .missing
    """
    with open_services() as services:
        record = chosen_store(services)
        with services.client(record, person=True) as client:
            checkup = check_store(services.engine, client, store=record)
        reconnect(services.engine, store_id=record.id, actor="command", now=services.clock.now())
        with reading(services.engine) as connection:
            record, unknown = load_store(connection, record.id), count_unknown(connection, record.id)
    if as_json:
        print_json(_to_json(record, checkup, unknown))
    else:
        facts = {name: value for name, value in _facts(record, checkup, unknown).items() if value}
        out().print(facts_table(facts))
    if checkup.missing or checkup.suspended or not checkup.has_coupons:
        raise click.exceptions.Exit(1)


@store.command("event-secret")
@ADMINISTRATOR
@for_store
def event_secret(named: str | None) -> None:
    """Show the secret that signs events for POST /events/…. Keep it safe: with it, anybody can trigger campaigns.

    \b
    Example:
      tillroll store event-secret
    """
    with open_services() as services:
        actor = require_administrator(services, named, "see the secret of events")
        record = chosen_store(services)
        with writing(services.engine) as connection:
            audit.record(
                connection,
                at=services.clock.now(),
                actor=actor,
                action="store.event_secret_shown",
                subject=f"store {record.ecwid_id}",
                body={},
            )
        click.echo(secret_of(services.keys[0], record.ecwid_id))


def _to_json(record: Store, checkup: Checkup, unknown: dict[str, int]) -> dict[str, Any]:
    return {
        "store": record.ecwid_id,
        "name": checkup.name,
        "state": record.state,
        "currency": checkup.currency,
        "timezone": checkup.timezone,
        "suspended": checkup.suspended,
        "has_coupons": checkup.has_coupons,
        "scopes": list(checkup.scopes),
        "missing": list(checkup.missing),
        "unknown": list(checkup.unknown),
        "skew_seconds": checkup.skew.total_seconds(),
        "calls_left": round(checkup.calls_left, 1),
        "webhook_at": checkup.webhook_at.isoformat() if checkup.webhook_at else None,
        "events_waiting": checkup.events_waiting,
        "events_unknown": unknown,
    }


def _facts(record: Store, checkup: Checkup, unknown_kinds: dict[str, int]) -> dict[str, str]:
    """Return the lines of the check; one without a value is not shown."""
    plan = "suspended" if checkup.suspended else "with coupons" if checkup.has_coupons else "without coupons"
    unknown = ", ".join(checkup.unknown)
    return {
        "store": f"{checkup.name} ({record.ecwid_id}), {record.state}",
        "plan": plan,
        "currency": checkup.currency,
        "time zone": checkup.timezone,
        "rights": ", ".join(checkup.scopes),
        "missing": ", ".join(checkup.missing) or "nothing that campaigns need",
        "unknown": f"{unknown}: the first change will tell" if unknown else "",
        "clock": _clock(checkup.skew),
        "API calls": f"{checkup.calls_left:.0f} at once, then at the token's rate limit",
        "webhooks": _webhooks(checkup, unknown_kinds),
    }


def _clock(skew: timedelta) -> str:
    seconds = skew.total_seconds()
    if abs(seconds) < 1:
        return "the same as ours"
    return f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} ours"


def _webhooks(checkup: Checkup, unknown_kinds: dict[str, int]) -> str:
    if checkup.webhook_at is None:
        return "none received yet"
    unknown = ", ".join(f"{count:,} {kind or 'without a kind'}" for kind, count in unknown_kinds.items())
    return (
        f"last received {checkup.webhook_at:%Y-%m-%d %H:%M} UTC, {checkup.events_waiting} waiting"
        f"{f'; of kinds not known here: {unknown}' if unknown else ''}"
    )
