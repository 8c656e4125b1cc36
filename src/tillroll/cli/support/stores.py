"""`--store`: which store a command is about, in an installation that works for several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from tillroll.errors import NotFound, Refused
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.runs import store_id_of_run
from tillroll.ledger.queries.stores import all_stores
from tillroll.ledger.records import Store
from tillroll.wiring import Services

_CHOICE = "tillroll.store"  # where click's context keeps the option
_LISTED = 20
_F = TypeVar("_F", bound=Callable[..., Any])


def _remember(context: click.Context, _parameter: click.Parameter, ecwid_id: int | None) -> None:
    if ecwid_id is not None:
        context.meta[_CHOICE] = ecwid_id


def for_store(command: _F) -> _F:
    """Give a command the option `--store`, which `chosen_store` reads."""
    return click.option(
        "--store",
        type=click.IntRange(min=1),
        metavar="ID",
        callback=_remember,
        expose_value=False,
        help="The store's number; required when several stores are connected.",
    )(command)


def require_run_of_chosen(services: Services, run_id: int) -> None:
    """Raise `NotFound` if the command names a store with `--store` and the run is another store's."""
    ecwid_id = click.get_current_context().meta.get(_CHOICE)
    if ecwid_id is None:
        return
    with reading(services.engine) as connection:
        of_run = store_id_of_run(connection, run_id)
    if of_run != chosen_store(services).id:
        raise NotFound(f"Store {ecwid_id} has no run {run_id}.", hint="See: tillroll status")


def chosen_store(services: Services) -> Store:
    """Return the store that the command is about.

    Raises `NotFound` when no store is connected or none has the number, and `Refused` when the number is missing and there are
    several stores; both list the stores.
    """
    ecwid_id = click.get_current_context().meta.get(_CHOICE)
    with reading(services.engine) as connection:
        stores = all_stores(connection)
    if not stores:
        raise NotFound(
            "No store is connected yet.",
            hint="Connect one with: tillroll store connect --id … --token-stdin. Or try it out with: tillroll demo",
        )
    if ecwid_id is None and len(stores) > 1:
        raise Refused(
            f"{len(stores)} stores are connected: which one do you mean?",
            hint=f"Add --store with one of: {_listed(stores)}",
        )
    for store in stores:
        if ecwid_id in {None, store.ecwid_id}:
            return store
    raise NotFound(f"Store {ecwid_id} isn't connected.", hint=f"Connected stores: {_listed(stores)}")


def _listed(stores: Sequence[Store]) -> str:
    names = [f"{store.ecwid_id} ({store.name})" if store.name else str(store.ecwid_id) for store in stores]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
