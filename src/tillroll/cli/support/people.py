"""The person who gives a command: how it is known who they are, their role, their confirmation.

A command knows its person by their key: `tillroll login` got it, or TILLROLL_KEY holds it. A name alone (`--as`) is accepted only
where nothing real can happen: in the sandbox environment, with a ledger of which no store is at Ecwid.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import click

from tillroll.approve.change import require_may_decide
from tillroll.approve.decide import Person
from tillroll.cli.support.key_store import KeyStore
from tillroll.errors import NotAllowed, Refused
from tillroll.ledger.audit import Way, act_by
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.stores import all_stores
from tillroll.settings import API_URL
from tillroll.web.accounts.personal_keys import person_with_key
from tillroll.web.accounts.users import person_of
from tillroll.wiring import Services

SANDBOX = "sandbox"
_HOW = "Sign in first: tillroll login. A script gets its key in the variable TILLROLL_KEY."


def require_person(services: Services, named: str | None) -> Person:
    """Return the person who gives the command. `named` is what `--as` says.

    Raises `NotAllowed` for somebody who can't be known, and `Refused` for a name where names are not accepted.
    """
    if named is not None:
        _require_names_accepted(services)
        person = person_of(services.engine, named)
        if person is None:
            raise NotAllowed(
                f"There is no active account {named!r}.", hint="Create one with: tillroll user add EMAIL"
            )
        act_by(Way.SANDBOX)
        return person
    key = own_key(services)
    if not key:
        raise NotAllowed("This command needs to know who you are.", hint=_HOW)
    person = person_with_key(services.engine, key, services.clock.now())
    act_by(Way.KEY)
    return person


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Whoever gives a command that needs no decision, before it is known which store the command is about."""

    name: str  # for the audit
    person: Person | None  # None: in the sandbox, where any name will do

    def require_role(self, store_id: int, action: str) -> str:
        """Return the name; raises `NotAllowed` without any role for the store. `action`: start a run, …"""
        if self.person is not None:
            _require_may_see(self.person, store_id, action)
        return self.name


def identify(services: Services, named: str | None) -> Caller:
    """Return whoever gives a command that needs no decision: in the sandbox any name will do. Raises like `require_person`."""
    if are_names_accepted(services) and (named is not None or not own_key(services)):
        act_by(Way.SANDBOX)
        return Caller(name=named or "command line", person=None)
    person = require_person(services, named)
    return Caller(name=person.email, person=person)


def require_viewer(services: Services, named: str | None, store_id: int, action: str) -> Person:
    """Return the person who gives the command; raises `NotAllowed` without any role for the store. `action`: look up codes, …"""
    person = require_person(services, named)
    _require_may_see(person, store_id, action)
    return person


def require_approver(services: Services, named: str | None, store_id: int, action: str) -> Person:
    """Return the person who gives the command; raises `NotAllowed` unless they may decide in the store. `action`: see codes, …"""
    person = require_person(services, named)
    require_may_decide(person, store_id, action)
    return person


def _require_may_see(person: Person, store_id: int, action: str) -> None:
    if not person.may_see(store_id):
        raise NotAllowed(
            f"{person.email} has no role for this store, so can't {action}.", hint="Ask your administrator."
        )


def own_key(services: Services) -> str:
    """Return the key of whoever gives the command: from TILLROLL_KEY, otherwise what `tillroll login` kept; "" without one."""
    return services.settings.personal_key or KeyStore(services.settings.database_url).read()


def _require_names_accepted(services: Services) -> None:
    if services.settings.environment != SANDBOX:
        raise Refused("--as is accepted only in the sandbox environment.", hint=_HOW)
    if not are_names_accepted(services):
        raise Refused(
            "--as is accepted only with sandbox stores, and a store of this ledger is at Ecwid.", hint=_HOW
        )


def are_names_accepted(services: Services) -> bool:
    """Return whether nothing real can happen here. The variable alone isn't enough: anybody can set it for one command."""
    if services.settings.environment != SANDBOX:
        return False
    with reading(services.engine) as connection:
        return all(store.base_url != API_URL for store in all_stores(connection))


def confirm(question: str, *, yes: bool) -> None:
    """Ask a yes/no question at the terminal, unless `yes`. A no aborts the command; raises `Refused` without a terminal."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused(
            "Confirmation is needed, and there is no terminal to ask at.",
            hint="Read what is shown above, then repeat the command with --yes",
        )
    click.confirm(question, abort=True)
