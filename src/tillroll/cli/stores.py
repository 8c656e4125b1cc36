"""`--store`: which store a command is about, where an installation works for several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.errors import NotFound, Refused
from tillroll.track.connect import all_stores

_MEANT = "tillroll.store"
_SHOWN = 20
_F = TypeVar("_F", bound=Callable[..., Any])


def _remember(context: click.Context, _parameter: click.Parameter, ecwid_id: int | None) -> None:
    if ecwid_id is not None:
        context.meta[_MEANT] = ecwid_id


def for_store(command: _F) -> _F:
    """Give a command the option `--store`, which `the_store` looks at."""
    return click.option(
        "--store",
        type=click.IntRange(min=1),
        metavar="ID",
        callback=_remember,
        expose_value=False,
        help="The store's number; needed where there are several.",
    )(command)


def the_store(connection: Connection) -> sa.Row[Any]:
    """The store that a command is about. `Refused` lists which there are where that is left open, `NotFound` where none is it."""
    found = all_stores(connection)
    meant = click.get_current_context().meta.get(_MEANT)
    if not found:
        raise NotFound(
            "No store is connected yet.",
            hint="Connect one with: tillroll store connect --id … --token-stdin. Or try it out with: tillroll demo",
        )
    if meant is None and len(found) > 1:
        raise Refused(
            f"There are {len(found)} stores: which one?", hint=f"Say --store with one of: {_said(found)}"
        )
    for store in found:
        if meant in {None, store.ecwid_id}:
            return store
    raise NotFound(f"Store {meant} isn't connected here.", hint=f"There are: {_said(found)}")


def _said(found: list[sa.Row[Any]]) -> str:
    named = [f"{store.ecwid_id} ({store.name})" if store.name else str(store.ecwid_id) for store in found]
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return ", ".join(named[:_SHOWN]) + more
