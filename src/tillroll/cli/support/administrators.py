"""Who may manage the installation by command: its accounts, its stores' tokens and its secrets.

That takes an administrator: an account with the role `admin` for all stores, known by its key (`tillroll login`). The first one
is made by the operator: whoever has the ledger and the key that encrypts its secrets on this machine, and so could write anything
into it anyway. While there is no administrator, the operator does all of this. Later the operator only lets an administrator in
again who can't sign in. The audit says `operator`, never a name.
"""

from __future__ import annotations

from typing import Any

from tillroll.cli.support.people import are_names_accepted, own_key, require_person
from tillroll.errors import NotAllowed, Refused
from tillroll.ledger.at_rest.key_check import keys_fit
from tillroll.ledger.audit import Way, act_by
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.accounts import has_administrator
from tillroll.web.accounts.users import COMMAND, person_of
from tillroll.wiring import Services


def require_administrator(services: Services, named: str | None, action: str) -> str:
    """Return the name of whoever gives the command, for the audit. `named` is what `--as` says; `action`: manage accounts, …

    In the sandbox any name will do. Raises `NotAllowed` for somebody who can't be known or is no administrator, and `Refused` for
    a name where names are not accepted.
    """
    if are_names_accepted(services) and (named is not None or not own_key(services)):
        act_by(Way.SANDBOX)
        return named or COMMAND
    with reading(services.engine) as connection:
        is_begun = has_administrator(connection)
    if not is_begun and named is None:
        return _act_as_operator(services)
    person = require_person(services, named)
    if not person.is_administrator:
        raise NotAllowed(
            f"{person.email} is no administrator, so can't {action}.",
            hint="Somebody with the role admin for all stores does that. `tillroll user list` shows who that is.",
        )
    return person.email


def require_operator_for(services: Services, email: str) -> str:
    """Return the operator's name, to let the administrator with this address in again. Raises `Refused` for anybody else."""
    person = person_of(services.engine, email)
    if person is None or not person.is_administrator:
        raise Refused(
            f"{email} is no administrator: --operator only lets an administrator in again.",
            hint="An administrator resets the other accounts: tillroll login, then this command without --operator.",
        )
    return _act_as_operator(services)


def by_administrator(services: Services, named: str | None, *, let_in: str | None = None) -> dict[str, Any]:
    """Return who changes an account and when, as each such change takes it; raises like `require_administrator`.

    `let_in`: the administrator whom the operator lets in again.
    """
    if let_in is not None:
        actor = require_operator_for(services, let_in)
    else:
        actor = require_administrator(services, named, "manage accounts")
    return {"actor": actor, "now": services.clock.now()}


def _act_as_operator(services: Services) -> str:
    with reading(services.engine) as connection:
        fits = keys_fit(connection, services.sealer)
    if not fits:
        raise NotAllowed(
            "The keys of this machine are not those of the ledger, so you are not its operator.",
            hint="Set TILLROLL_SECRET_KEYS (or restore the key file) as where the pages and the worker run.",
        )
    act_by(Way.OPERATOR)
    return COMMAND
