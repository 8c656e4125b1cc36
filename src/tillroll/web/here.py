"""What a view works with: the services of this app, the time, the store and the person who is signed in."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from flask import current_app, g, request, session
from flask_security import current_user

from tillroll.approve.decide import ADMIN, MAY_DECIDE, Person
from tillroll.errors import NotFound
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import runs
from tillroll.track.connect import all_stores
from tillroll.track.overview import OnHold, held_up
from tillroll.wiring import Services

_NAME = "tillroll"
CHOSEN = "store"  # of the session: the number of the store that somebody looks at


def put(app: Any, services: Services) -> None:
    """Give an app its services, once."""
    app.extensions[_NAME] = services


def services() -> Services:
    """The services of the app that answers this request."""
    return cast(Services, current_app.extensions[_NAME])


def now() -> datetime:
    """The moment of this request: the same for everything on the page."""
    if "now" not in g:
        g.now = services().clock.now()
    return cast(datetime, g.now)


def store() -> sa.Row[Any] | None:
    """The store that the page is about: that of its run, else the one that was chosen, else the first. None: there is none."""
    if "store" not in g:
        with reading(services().engine) as connection:
            every = all_stores(connection)
            of_run = _store_of_run(connection)
        chosen = [one for one in every if one.id == of_run]
        chosen += [one for one in every if one.ecwid_id == session.get(CHOSEN)]
        g.stores, g.store = every, next(iter([*chosen, *every]), None)
    return cast("sa.Row[Any] | None", g.store)


def stores() -> list[sa.Row[Any]]:
    """All of them, for pages that let somebody choose."""
    store()
    return cast("list[sa.Row[Any]]", g.stores)


def _store_of_run(connection: sa.Connection) -> int | None:
    """Whose run the page's address names."""
    run_id = (request.view_args or {}).get("run_id")
    if run_id is None:
        return None
    found: int | None = connection.scalar(sa.select(runs.c.store_id).where(runs.c.id == run_id))
    return found


def needed_store() -> sa.Row[Any]:
    """The store, for pages that can't be without one."""
    found = store()
    if found is None:
        raise NotFound("No store is connected yet.", hint="Connect one with: tillroll store connect")
    return found


def person() -> Person:
    """Who is signed in."""
    return Person(email=current_user.email, roles=frozenset(role.name for role in current_user.roles))


def may_decide() -> bool:
    """Whether who is signed in may approve, reject and halt."""
    return bool(current_user.is_authenticated and person().roles & MAY_DECIDE)


def may_connect() -> bool:
    """Whether who is signed in may connect a store, and this installation has an app to do it with."""
    settings = services().settings
    has_app = bool(settings.client_id and settings.client_secret)
    return has_app and bool(current_user.is_authenticated and ADMIN in person().roles)


def on_hold() -> OnHold:
    """What waits for the store to let us in again."""
    with reading(services().engine) as connection:
        return held_up(connection, needed_store().id)
