"""The context of a request: the services of the app, the time, the store and the signed-in person."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from flask import Flask, current_app, g, session
from flask_security import current_user

from tillroll.approve.decide import Person
from tillroll.errors import NotFound
from tillroll.ledger.audit import Way, act_by
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.accounts import roles_of_account, store_roles_of_account
from tillroll.ledger.queries.runs import store_id_of_run
from tillroll.ledger.queries.stores import all_stores
from tillroll.ledger.records import Store
from tillroll.send.hold import Hold
from tillroll.track.results.overview import OnHold, count_on_hold
from tillroll.wiring import Services

_EXTENSION = "tillroll"
CHOSEN_STORE = "store"
"""The session's key for the Ecwid number of the store that `/` leads to."""


def attach(app: Flask, services: Services) -> None:
    """Give an app its services, and have the audit say of what its requests do that it came from a page."""
    app.extensions[_EXTENSION] = services
    app.before_request(lambda: act_by(Way.PAGE))
    app.teardown_request(lambda _fault: act_by(Way.LOOP))  # the thread goes back to where it came from


def services() -> Services:
    """Return the services of the app that answers this request."""
    return cast(Services, current_app.extensions[_EXTENSION])


def now() -> datetime:
    """Return the moment of this request, the same for everything on the page."""
    if "now" not in g:
        g.now = services().clock.now()
    return cast(datetime, g.now)


def name_store(number: int | None) -> None:
    """Remember the Ecwid number of the store in the request's address; None if it names none."""
    g.store_number = number


def named_store() -> int | None:
    """Return the Ecwid number of the store in the request's address, or None."""
    return cast("int | None", g.get("store_number"))


def require_named_store(run_id: int | None) -> None:
    """Make the store in the address the store of this request.

    Raises `NotFound` unless the person has a role for it, and the run, if the address names one, belongs to it.
    """
    store = next((store for store in visible_stores() if store.ecwid_id == named_store()), None)
    if store is None:
        raise NotFound("There is no such store.", hint="Choose one of your stores.")
    if run_id is not None:
        with reading(services().engine) as connection:
            of_run = store_id_of_run(connection, run_id)
        if of_run != store.id:
            raise NotFound(f"There is no run {run_id}.", hint="See the store's list of runs.")
    g.store = store


def current_store() -> Store | None:
    """Return the store that the frame of the page is about, or None if the person sees no store.

    It is the store in the address. If the address names none, it is the store the person chose, otherwise their first one.
    What acts on a store uses `required_store`.
    """
    if "store" in g:
        return cast(Store, g.store)
    stores = visible_stores()
    chosen = [store for store in stores if store.ecwid_id == session.get(CHOSEN_STORE)]
    return next(iter([*chosen, *stores]), None)


def visible_stores() -> list[Store]:
    """Return the stores for which the person has a role."""
    if "stores" not in g:
        with reading(services().engine) as connection:
            g.stores = [store for store in all_stores(connection) if person().may_see(store.id)]
    return cast("list[Store]", g.stores)


def is_any_connected() -> bool:
    """Return whether this installation has a store, whoever may see it."""
    with reading(services().engine) as connection:
        return bool(all_stores(connection))


def required_store() -> Store:
    """Return the store in the address. Raises `NotFound` if the address names none."""
    if "store" not in g:
        raise NotFound("This address doesn't name a store.", hint="Choose a store first.")
    return cast(Store, g.store)


def person() -> Person:
    """Return the signed-in person."""
    if "person" not in g:
        with reading(services().engine) as connection:
            g.person = Person(
                email=current_user.email,
                roles=roles_of_account(connection, current_user.id),
                store_roles=store_roles_of_account(connection, current_user.id),
            )
    return cast(Person, g.person)


def may_decide() -> bool:
    """Return whether the signed-in person may approve, reject and halt in the store of the page."""
    if not current_user.is_authenticated:
        return False
    store = current_store()
    return store is not None and person().may_decide(store.id)


def may_connect() -> bool:
    """Return whether the signed-in person may connect a store, and the installation has an app for that."""
    settings = services().settings
    has_app = bool(settings.client_id and settings.client_secret)
    return has_app and bool(current_user.is_authenticated and person().is_administrator)


def on_hold() -> OnHold:
    """Count the work that waits until the store of the page can be used again."""
    store = current_store()
    assert store is not None  # noqa: S101 - only a page with a store shows it
    with reading(services().engine) as connection:
        return count_on_hold(connection, store.id)


def transport_holds() -> list[Hold]:
    """Return the transports of the page's store that take no e-mails: every page of the store tells of them."""
    store = current_store()
    if store is None:
        return []
    with reading(services().engine) as connection:
        return services().holds_of(connection, store.ecwid_id)
