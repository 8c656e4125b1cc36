"""`tillroll user`: the accounts that may sign in, their passwords and roles."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from tillroll.approve.decide import ADMIN, APPROVER, VIEWER
from tillroll.campaign.text.counts import count_of
from tillroll.cli.operations.sessions import sessions
from tillroll.cli.support.administrators import by_administrator
from tillroll.cli.support.family import Family
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import ADMINISTRATOR, JSON
from tillroll.cli.support.output import list_table, local_clock, out, print_json, say
from tillroll.errors import Refused
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.accounts import AccountOverview, list_accounts
from tillroll.web.accounts import users
from tillroll.web.accounts.signin import limits_of
from tillroll.web.accounts.store_roles import require_connected, set_store_roles

_EMAIL = click.argument("email")
_FROM_STDIN = click.option(
    "--password-stdin", is_flag=True, help="Read the password from stdin instead of asking."
)


def _roles(**options: Any) -> Callable[..., Any]:
    choice = click.Choice([VIEWER, APPROVER, ADMIN])
    words = "What the account may do; may be repeated."
    return click.option("--role", "roles", multiple=True, type=choice, help=words, **options)


_STORE = click.option(
    "--store", "ecwid_id", type=click.IntRange(min=1), metavar="ID", help="Only for this store, not for all."
)


@click.group(cls=Family)
def user() -> None:
    """The accounts that may sign in.

    Administrators manage them; whoever has the ledger and its key on this machine makes the first one.

    \b
    Example:
      tillroll user add ana@shop.example --role approver
      tillroll user list
    """


@user.command()
@_EMAIL
@_roles(default=[VIEWER], show_default=True)
@_STORE
@_FROM_STDIN
@ADMINISTRATOR
@JSON
def add(
    email: str,
    roles: tuple[str, ...],
    ecwid_id: int | None,
    password_stdin: bool,
    named: str | None,
    as_json: bool,
) -> None:
    """Create an account for EMAIL, with a password that is asked for.

    \b
    Example:
      tillroll user add ana@shop.example --role approver
      tillroll user add ben@shop.example --role approver --store 1003
    """
    with open_services() as services:
        by = by_administrator(services, named)
        if ecwid_id is not None:
            require_connected(services.engine, ecwid_id)
        password = _read_password(from_stdin=password_stdin)
        of_all = roles if ecwid_id is None else ()
        users.add_user(services.engine, email=email, password=password, role_names=of_all, **by)
        if ecwid_id is not None:
            set_store_roles(services.engine, email=email, role_names=roles, ecwid_id=ecwid_id, **by)
    say({"email": email, "roles": list(roles)}, f"{email} can sign in ({', '.join(roles)}).", as_json=as_json)


@user.command("list")
@JSON
def list_command(as_json: bool) -> None:
    """List the accounts, with their roles, whether they are open, and where they are signed in.

    \b
    Example:
      tillroll user list
    """
    with open_services() as services, reading(services.engine) as connection:
        found = list_accounts(connection, limits_of(services.settings), services.clock.now())
    if as_json:
        print_json({"users": [_as_json(one) for one in found]})
        return
    table = list_table("account", "roles", "second factor", "state", "sessions", "last seen (UTC)")
    for one in found:
        state = "open" if one.account.active else "closed"
        seen = local_clock(one.seen_at, "UTC") if one.seen_at else ""
        factor = _factors(one)
        table.add_row(one.account.email, ", ".join(sorted(one.roles)), factor, state, str(one.sessions), seen)
    out().print(table if found else "There is no account yet. Make one with: tillroll user add EMAIL")


@user.command("close")
@_EMAIL
@ADMINISTRATOR
@JSON
def close_command(email: str, named: str | None, as_json: bool) -> None:
    """Close an account: nobody signs in with it any more, and its sessions end. What it decided stays.

    \b
    Example:
      tillroll user close ana@shop.example
    """
    with open_services() as services:
        ended = users.close_account(services.engine, email=email, **by_administrator(services, named))
    say(
        {"email": email, "active": False, "sessions_ended": ended},
        f"{email} is closed{_and(ended)}.",
        as_json=as_json,
    )


@user.command("open")
@_EMAIL
@ADMINISTRATOR
@JSON
def open_command(email: str, named: str | None, as_json: bool) -> None:
    """Open a closed account again, with the password and roles it had.

    \b
    Example:
      tillroll user open ana@shop.example
    """
    with open_services() as services:
        users.open_account(services.engine, email=email, **by_administrator(services, named))
    say({"email": email, "active": True}, f"{email} can sign in again.", as_json=as_json)


@user.command("role")
@_EMAIL
@_roles()
@click.option("--none", "no_role", is_flag=True, help="Take its roles away.")
@_STORE
@ADMINISTRATOR
@JSON
def role_command(
    email: str, roles: tuple[str, ...], no_role: bool, ecwid_id: int | None, named: str | None, as_json: bool
) -> None:
    """Give an account these roles instead of those it had, for all stores or for one. Its sessions end.

    \b
    Example:
      tillroll user role ana@shop.example --role approver --role admin
      tillroll user role ben@shop.example --store 1003 --role approver
      tillroll user role ben@shop.example --store 1003 --none
    """
    if bool(roles) == no_role:
        raise click.UsageError("Give the roles with --role, or take all away with --none.")
    with open_services() as services:
        by = by_administrator(services, named)
        if ecwid_id is not None:
            set_store_roles(services.engine, email=email, role_names=roles, ecwid_id=ecwid_id, **by)
            words = (
                f"{email} is now {', '.join(sorted(set(roles))) or 'without a role'} for store {ecwid_id}."
            )
            say({"email": email, "store": ecwid_id, "roles": sorted(set(roles))}, words, as_json=as_json)
            return
        ended = users.set_roles(services.engine, email=email, role_names=roles, **by)
    words = f"{email} is now {', '.join(sorted(set(roles))) or 'without a role'}{_and(ended)}."
    say({"email": email, "roles": sorted(set(roles)), "sessions_ended": ended}, words, as_json=as_json)


@user.command()
@_EMAIL
@_FROM_STDIN
@click.option(
    "--second-factor", is_flag=True, help="Remove the second factor instead, for somebody who lost it."
)
@click.option(
    "--operator",
    is_flag=True,
    help="For an administrator who can't sign in, on the machine that has the ledger and its key.",
)
@ADMINISTRATOR
@JSON
def reset(
    email: str,
    password_stdin: bool,
    second_factor: bool,
    operator: bool,
    named: str | None,
    as_json: bool,
) -> None:
    """Give an account another password. Its sessions end, and it can sign in at once even after many failed attempts.

    \b
    Example:
      tillroll user reset ana@shop.example
      tillroll user reset ana@shop.example --second-factor
    """
    if operator and named is not None:
        raise click.UsageError("Give --operator or --as, not both.")
    with open_services() as services:
        by = by_administrator(services, named, let_in=email if operator else None)
        if second_factor:
            users.remove_second_factor(services.engine, email=email, **by)
            done = "has no second factor any more"
        else:
            password = _read_password(from_stdin=password_stdin)
            users.set_password(services.engine, email=email, password=password, **by)
            done = "has another password"
    say({"email": email}, f"{email} {done}, and is signed out everywhere.", as_json=as_json)


user.add_command(sessions)


def _read_password(*, from_stdin: bool) -> str:
    """Return a new password from stdin or a prompt."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    raise Refused("There is no terminal to ask for the password at.", hint="Use --password-stdin.")


def _as_json(one: AccountOverview) -> dict[str, Any]:
    return {
        "email": one.account.email,
        "roles": sorted(one.roles),
        "second_factor": one.account.tf_primary_method,
        "passkeys": one.passkeys,
        "active": one.account.active,
        "created_at": one.account.create_datetime,
        "sessions": one.sessions,
        "seen_at": one.seen_at,
    }


def _factors(one: AccountOverview) -> str:
    """Return the second factors of an account, in words."""
    app = ["authenticator"] if one.account.tf_primary_method else []
    passkeys = [count_of(one.passkeys, "passkey")] if one.passkeys else []
    return ", ".join([*app, *passkeys]) or "none"


def _and(ended: int) -> str:
    return f", and {count_of(ended, 'session')} ended" if ended else ""
