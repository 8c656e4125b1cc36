"""`tillroll db`, `user` and `secret`: looking after an installation."""

from __future__ import annotations

import sys

import click

from tillroll.approve.decide import ADMIN, APPROVER, VIEWER
from tillroll.cli.family import Family
from tillroll.cli.opening import services
from tillroll.cli.show import out, say_json
from tillroll.errors import Refused
from tillroll.ledger import migrate
from tillroll.ledger.sealing import new_key
from tillroll.web.accounts import add_user


@click.group(cls=Family)
def db() -> None:
    """The ledger's database.

    \b
    Example:
      tillroll db upgrade
    """


@db.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of words.")
def upgrade(as_json: bool) -> None:
    """Bring the ledger's tables up to this version. Safe to run twice; the Procfile's release phase does it.

    \b
    Example:
      tillroll db upgrade
      DATABASE_URL=postgres://… tillroll db upgrade
    """
    with services(any_version=True) as parts:
        before = migrate.current(parts.engine)
        after = migrate.upgrade(parts.engine)
    if as_json:
        say_json({"before": before, "after": after})
    else:
        out().print(
            f"The ledger is at version {after}" + ("." if before == after else f" (was {before or 'empty'}).")
        )


@click.group(cls=Family)
def user() -> None:
    """The accounts that may sign in.

    \b
    Example:
      tillroll user add ana@shop.example --role approver
    """


@user.command()
@click.argument("email")
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice([VIEWER, APPROVER, ADMIN]),
    default=[VIEWER],
    show_default=True,
)
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin instead of asking.")
def add(email: str, roles: tuple[str, ...], password_stdin: bool) -> None:
    """Make an account for EMAIL; its password is asked for.

    \b
    Example:
      tillroll user add ana@shop.example --role approver
    """
    if password_stdin:
        password = sys.stdin.readline().rstrip("\n")
    elif sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        raise Refused("Nobody is at a terminal to type a password.", hint="Give it with --password-stdin.")
    with services() as parts:
        add_user(parts.engine, email=email, password=password, role_names=roles, now=parts.clock.now())
    out().print(f"{email} can sign in ({', '.join(roles)}).")


@click.group(cls=Family)
def secret() -> None:
    """Keys that seal tokens at rest.

    \b
    Example:
      tillroll secret new
    """


@secret.command()
def new() -> None:
    """Print a fresh key for TILLROLL_SECRET_KEYS.

    \b
    Example:
      heroku config:set TILLROLL_SECRET_KEYS=$(tillroll secret new)
    """
    click.echo(new_key())
