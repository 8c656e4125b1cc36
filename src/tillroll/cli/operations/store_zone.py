"""`tillroll store timezone`: the time zone of a store, for when its own is missing, unknown or an offset without summer time."""

from __future__ import annotations

import click

from tillroll.campaign.text.zones import zone_name
from tillroll.cli.support.administrators import require_administrator
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import ADMINISTRATOR
from tillroll.cli.support.output import out
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.errors import Refused
from tillroll.track.store_zone import choose_zone

_PROFILE = "store"


@click.command("timezone")
@click.argument("name", metavar="ZONE", required=False)
@ADMINISTRATOR
@for_store
def store_timezone(name: str | None, named: str | None) -> None:
    """Show the time zone that a store's times go by, or choose another ZONE for it. `store` is the one of the store's settings.

    A zone like GMT+1 has no summer time: choose the city's name if your clocks change.

    \b
    Example:
      tillroll store timezone
      tillroll store timezone Europe/Ljubljana
      tillroll store timezone store
    """
    with open_services() as services:
        actor = require_administrator(services, named, "choose a store's time zone") if name else ""
        record = chosen_store(services)
        if name is None:
            source = "chosen here" if record.chosen_timezone else "from the store's settings"
            out().print(f"{record.timezone}, {source}")
            return
        chosen = "" if name == _PROFILE else zone_name(name)
        if name != _PROFILE and not chosen:
            raise Refused(f"{name} is not a time zone.", hint="Write a name like Europe/Ljubljana, or GMT+1.")
        choose_zone(services.engine, record, name=chosen, now=services.clock.now(), actor=actor)
    told = (
        f"go by {chosen}" if chosen else "go by the store's own time zone as soon as the worker has read it"
    )
    out().print(f"The times of store {record.ecwid_id} {told}.")
