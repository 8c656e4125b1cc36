"""`tillroll rebuild sums`: count the sums of each day anew."""

from __future__ import annotations

from dataclasses import asdict

import click

from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.money import say_money
from tillroll.cli.support.family import Family
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import JSON
from tillroll.cli.support.output import out, print_json
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.track.results.sums import Earnings, rebuild_sums


@click.group(cls=Family)
def rebuild() -> None:
    """Count anew what is kept beside the orders.

    \b
    Example:
      tillroll rebuild sums
    """


@rebuild.command("sums")
@JSON
@for_store
def sums(as_json: bool) -> None:
    """Compare the sums of each day with the orders that they add up to, and mend those that differ.

    They move with every order, so none should differ. Safe to repeat, also while the worker runs.

    \b
    Example:
      tillroll rebuild sums
    """
    with open_services() as services:
        store = chosen_store(services)
        wrong = rebuild_sums(services.engine, store)

    def said(earned: Earnings) -> str:
        return f"{count_of(earned.orders, 'order')}, {say_money(earned.revenue, store.currency)}"

    if as_json:
        print_json({"mended": [asdict(one) for one in wrong]})
        return
    for one in wrong:
        out().print(f"{one.day} {one.campaign}: {said(one.kept)} was kept, {said(one.counted)} is right")
    out().print(
        f"{count_of(len(wrong), 'sum')} mended." if wrong else "Every sum is what its orders add up to."
    )
