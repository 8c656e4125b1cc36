"""`--store`: which store a command is about, where an installation works for several."""

from __future__ import annotations

from typing import Any

import click
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.errors import NotFound, Refused
from tillroll.track.connect import all_stores, only_store

STORE = click.option(
    "--store",
    "ecwid_id",
    type=click.IntRange(min=1),
    help="The store's number; needed where there are several.",
)
_SHOWN = 20


def chosen_store(connection: Connection, ecwid_id: int | None) -> sa.Row[Any]:
    """The store that is meant. `Refused` lists which there are when that is left open, `NotFound` when there is none such."""
    found = all_stores(connection)
    if ecwid_id is None:
        if len(found) > 1:
            raise Refused(
                f"There are {len(found)} stores: which one?", hint=f"Say --store with one of: {_said(found)}"
            )
        return only_store(connection)
    for store in found:
        if store.ecwid_id == ecwid_id:
            return store
    there = (
        f"There are: {_said(found)}"
        if found
        else "Connect it with: tillroll store connect --id … --token-stdin"
    )
    raise NotFound(f"Store {ecwid_id} isn't connected here.", hint=there)


def _said(found: list[sa.Row[Any]]) -> str:
    named = [f"{store.ecwid_id} ({store.name})" if store.name else str(store.ecwid_id) for store in found]
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return ", ".join(named[:_SHOWN]) + more
