"""`tillroll login`, `logout` and `key`: how commands know their person."""

from __future__ import annotations

import platform
import sys
from datetime import timedelta

import click

from tillroll.cli.support.administrators import require_administrator
from tillroll.cli.support.family import Family
from tillroll.cli.support.key_store import KeyStore
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import ADMINISTRATOR, JSON, NUMBER
from tillroll.cli.support.output import list_table, local_clock, out, print_json
from tillroll.cli.support.people import own_key
from tillroll.errors import Refused
from tillroll.ledger.audit import Way, act_by
from tillroll.ledger.engine import reading
from tillroll.ledger.people.keys import list_keys
from tillroll.web.accounts.personal_keys import end_key, key_in_force, make_key
from tillroll.web.accounts.proof import check_code, check_password, has_second_factor
from tillroll.wiring import Services

_LONGEST_DAYS = 365


@click.command()
@click.option("--email", help="Your account's address. Asked for if it is left out.")
@click.option(
    "--days", default=30, show_default=True, type=click.IntRange(1, _LONGEST_DAYS), help="How long it lasts."
)
@click.option(
    "--password-stdin",
    is_flag=True,
    help="Read the password from stdin; the code of a second factor from the next line.",
)
@click.option("--print", "shown", is_flag=True, help="Print the key for TILLROLL_KEY instead of keeping it.")
def login(email: str | None, days: int, password_stdin: bool, shown: bool) -> None:
    """Sign in at this terminal: commands that decide or change something then know that it is you.

    Your password gets you a key that expires. It is kept in the system's keyring, or in a file that only you can read.

    \b
    Example:
      tillroll login
      export TILLROLL_KEY=$(tillroll login --print)
    """
    if not password_stdin and not sys.stdin.isatty():
        raise Refused("There is no terminal to ask for the password at.", hint="Use --password-stdin.")
    if email is None:
        email = click.prompt("E-mail address", err=True)
    password = _read_password(from_stdin=password_stdin)
    with open_services() as services:
        now = services.clock.now()
        account = check_password(services, email=email, password=password, now=now)
        if has_second_factor(services.engine, account):
            check_code(
                services,
                account=account,
                code=_read_code(from_stdin=password_stdin),
                now=services.clock.now(),
            )
        lasts = timedelta(days=days)
        key = make_key(services.engine, email=email, machine=platform.node(), lasts=lasts, now=now)
        if shown:
            click.echo(key.text)
            return
        place = KeyStore(services.settings.database_url).keep(key.text)
    until = local_clock(key.expires_at, "UTC")
    out().print(f"Signed in as {email} until {until} UTC. Key {key.number} is kept in {place}.")


def _read_password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    return str(click.prompt("Password", hide_input=True, err=True))


def _read_code(*, from_stdin: bool) -> str:
    """Read a code of the second factor; from stdin, it is on the line after the password."""
    text = (
        sys.stdin.readline() if from_stdin else click.prompt("Code of your app, or a recovery code", err=True)
    )
    return str(text).strip()


@click.command()
def logout() -> None:
    """Sign out at this terminal: your key is revoked and forgotten.

    \b
    Example:
      tillroll logout
    """
    with open_services() as services:
        now = services.clock.now()
        owned = key_in_force(services.engine, own_key(services), now)
        if owned is not None:
            act_by(Way.KEY)
            end_key(services.engine, number=owned.key.id, now=now, actor=owned.email)
        KeyStore(services.settings.database_url).forget()
    words = f"Signed out. Key {owned.key.id} is revoked." if owned else "You were not signed in."
    out().print(words)


@click.group(cls=Family)
def key() -> None:
    """The keys by which commands know their person.

    \b
    Example:
      tillroll key list
      tillroll key revoke 3
    """


@key.command("list")
@JSON
def list_command(as_json: bool) -> None:
    """List the keys that are in force: whose they are, where they were made, when they were used and when they expire.

    \b
    Example:
      tillroll key list
    """
    with open_services() as services, reading(services.engine) as connection:
        found = list_keys(connection, services.clock.now())
    if as_json:
        rows = [
            {
                "key": owned.key.id,
                "email": owned.email,
                "machine": owned.key.machine,
                "made_at": owned.key.created_at,
                "used_at": owned.key.used_at,
                "expires_at": owned.key.expires_at,
            }
            for owned in found
        ]
        print_json({"keys": rows})
        return
    table = list_table("key", "account", "made on", "last used (UTC)", "expires (UTC)")
    for owned in found:
        used = local_clock(owned.key.used_at, "UTC") if owned.key.used_at else "never"
        expires = local_clock(owned.key.expires_at, "UTC")
        table.add_row(str(owned.key.id), owned.email, owned.key.machine, used, expires)
    out().print(table if found else "No key is in force. Get one with: tillroll login")


@key.command("revoke")
@click.argument("number", type=NUMBER)
@ADMINISTRATOR
@JSON
def revoke_command(number: int, named: str | None, as_json: bool) -> None:
    """Revoke the key NUMBER: nobody can use it any more. Your own, or as an administrator anybody's.

    \b
    Example:
      tillroll key revoke 3
    """
    with open_services() as services:
        actor = _require_may_revoke(services, number, named)
        end_key(services.engine, number=number, now=services.clock.now(), actor=actor)
    if as_json:
        print_json({"key": number, "revoked": True})
    else:
        out().print(f"Key {number} is revoked.")


def _require_may_revoke(services: Services, number: int, named: str | None) -> str:
    """Return the name of whoever revokes a key: its owner by any key of theirs, otherwise an administrator."""
    now = services.clock.now()
    mine = key_in_force(services.engine, own_key(services), now)
    with reading(services.engine) as connection:
        owners = {owned.key.id: owned.email for owned in list_keys(connection, now)}
    if named is None and mine is not None and owners.get(number) == mine.email:
        act_by(Way.KEY)
        return mine.email
    return require_administrator(services, named, "revoke somebody else's key")
