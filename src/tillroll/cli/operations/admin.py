"""`tillroll db` and `secret`: the ledger's tables and keys."""

from __future__ import annotations

from dataclasses import asdict

import click

from tillroll.campaign.text.counts import count_of
from tillroll.cli.support.family import Family
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import JSON
from tillroll.cli.support.output import out, print_json
from tillroll.errors import Misconfigured
from tillroll.ledger import audit, migrate
from tillroll.ledger.at_rest import key_file
from tillroll.ledger.at_rest.reseal import reseal
from tillroll.ledger.audit import Way, act_by
from tillroll.ledger.engine import writing
from tillroll.ledger.sealing import new_key
from tillroll.settings import from_environment


@click.group(cls=Family)
def db() -> None:
    """The ledger's database.

    \b
    Example:
      tillroll db upgrade
    """


@db.command()
@JSON
def upgrade(as_json: bool) -> None:
    """Create the ledger's tables, or bring them up to this version. Safe to repeat; a release on Heroku runs it.

    \b
    Example:
      tillroll db upgrade
      DATABASE_URL=postgres://… tillroll db upgrade
    """
    with open_services(any_version=True) as services:
        before = migrate.current(services.engine)
        after = migrate.upgrade(services.engine)
    if as_json:
        print_json({"before": before, "after": after})
    else:
        was = "" if before == after else f" (was {before or 'empty'})"
        out().print(f"The ledger is at version {after}{was}.")


@click.group(cls=Family)
def secret() -> None:
    """Keys that encrypt the stores' tokens.

    \b
    Example:
      tillroll secret new
    """


@secret.command()
def new() -> None:
    """Print a new key for TILLROLL_SECRET_KEYS.

    \b
    Example:
      heroku config:set TILLROLL_SECRET_KEYS=$(tillroll secret new)
    """
    click.echo(new_key())


@secret.command()
@JSON
def rotate(as_json: bool) -> None:
    """Encrypt everything anew under the first key of TILLROLL_SECRET_KEYS. Safe to repeat.

    Put the new key first, keep the old one behind it, and restart the processes; then run this, and take the old key away.
    Without TILLROLL_SECRET_KEYS the key is in a file: stop the processes, and this makes a new key and forgets the old one.
    The exit code is 4 if something can't be read with any key.

    \b
    Example:
      heroku config:set TILLROLL_SECRET_KEYS=$(tillroll secret new),$OLD
      tillroll secret rotate
    """
    settings = from_environment()
    if not settings.secret_keys and settings.key_file.exists():
        key_file.put_new_first(settings.key_file)
    with open_services() as services:
        act_by(Way.OPERATOR)
        done = reseal(services.engine, services.sealer)
        with writing(services.engine) as connection:
            audit.record(
                connection,
                at=services.clock.now(),
                actor="command",
                action="secret.rotated",
                subject="keys",
                body=asdict(done),
            )
    if not settings.secret_keys and not done.unreadable:
        key_file.keep_first(settings.key_file)
    if as_json:
        print_json(asdict(done))
    else:
        out().print(
            f"{count_of(done.resealed, 'secret')} encrypted under the new key; {done.current} were already. "
            "The secrets of events (`tillroll store event-secret`) follow the first key."
        )
    if done.unreadable:
        raise Misconfigured(
            f"{count_of(done.unreadable, 'secret')} can't be read with any key, and stay as they are.",
            hint="Put the key back that they were encrypted with, behind the new one, and run this again.",
        )
