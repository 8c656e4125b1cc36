"""`tillroll report`: what each campaign has brought."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.text import Text

from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.money import say_money, smallest_unit
from tillroll.campaign.text.zones import zone_of
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import JSON
from tillroll.cli.support.output import out, print_json, print_row
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.errors import NotFound, Refused
from tillroll.ledger.engine import reading
from tillroll.ledger.records import Store
from tillroll.track.results.effect.estimate import Interval
from tillroll.track.results.effect.sentences import say_effect, say_people
from tillroll.track.results.report import CampaignReport, campaign_reports

_COLUMNS = (
    "campaign",
    "runs",
    "emails",
    "orders",
    "rate",
    "revenue",
    "discount",
    "average_order",
    "written_to",
    "written_to_ordered",
    "held_back",
    "held_back_ordered",
    "more_orders",
    "more_orders_low",
    "more_orders_high",
    "effect",
)


@click.command()
@click.argument("name", required=False)
@JSON
@click.option("--csv", "as_csv", is_flag=True, help="Write CSV, a line for each campaign.")
@for_store
def report(name: str | None, as_json: bool, as_csv: bool) -> None:
    """Show what the campaign NAME, or each campaign, has brought: e-mails, orders with its codes, and what it changed.

    What it changed is found by comparing those it wrote to with those it held back (who.holdout), all their orders together.

    \b
    Example:
      tillroll report
      tillroll report winback
      tillroll report --csv > results.csv
    """
    if as_json and as_csv:
        raise Refused("--json and --csv exclude each other.", hint="Give one of them.")
    with open_services() as services:
        store = chosen_store(services)
        with reading(services.engine) as connection:
            found = list(campaign_reports(connection, store, now=services.clock.now(), name=name))
    if name is not None and not found:
        raise NotFound(
            f"There is no campaign {name} that has had a run.", hint="`tillroll status` shows the campaigns."
        )
    zone = zone_of(store.timezone)
    if as_json:
        for one in found:
            print_json(_row(one, store, zone))
    elif as_csv:
        print_row(_COLUMNS)
        for one in found:
            row = _row(one, store, zone)
            print_row([row[column] for column in _COLUMNS])
    else:
        _show(out(), found, store, zone)


def _row(one: CampaignReport, store: Store, zone: ZoneInfo) -> dict[str, Any]:
    effect = one.effect.effect
    more = effect.orders
    return {
        "campaign": one.campaign,
        "runs": one.runs,
        "emails": one.sent,
        "orders": one.orders,
        "rate": _rounded(one.rate.middle) if one.rate is not None else None,
        "revenue": _exact(one.revenue, store),
        "discount": _exact(one.discount, store),
        "average_order": _exact(one.average_order, store) if one.average_order is not None else None,
        "written_to": effect.treated.people,
        "written_to_ordered": effect.treated.buyers,
        "held_back": effect.control.people,
        "held_back_ordered": effect.control.buyers,
        "more_orders": _rounded(more.middle) if more is not None else None,
        "more_orders_low": _rounded(more.low) if more is not None else None,
        "more_orders_high": _rounded(more.high) if more is not None else None,
        "effect": effect.kind.value,
        "sentence": say_effect(one.effect, currency=store.currency, zone=zone),
    }


def _rounded(figure: float) -> float:
    return round(figure, 6)


def _exact(amount: Decimal, store: Store) -> str:
    """Return an amount with the decimals of the store's currency."""
    return str(amount.quantize(smallest_unit(store.currency)))


def _show(console: Console, found: Sequence[CampaignReport], store: Store, zone: ZoneInfo) -> None:
    if not found:
        console.print("No campaign has had a run yet.")
    for one in found:
        console.print(Text.assemble((one.title, "bold"), f"  {one.campaign}"))
        emails, orders = count_of(one.sent, "e-mail"), count_of(one.orders, "order")
        rate = f" ({_percent(one.rate)})" if one.rate is not None else ""
        console.print(f"  {count_of(one.runs, 'run')}, {emails}, {orders} with its codes{rate}")
        if one.average_order is not None:
            amounts = (one.revenue, one.average_order, one.discount)
            money = [say_money(amount, store.currency) for amount in amounts]
            console.print(f"  {money[0]} ordered, {money[1]} each on average; {money[2]} discount")
        sentence = say_effect(one.effect, currency=store.currency, zone=zone)
        console.print(Text(f"  {sentence}", style="green"), soft_wrap=True)
        if one.effect.effect.orders is not None:
            console.print(Text(f"  {say_people(one.effect)}.", style="dim"), soft_wrap=True)
        console.print()


def _percent(rate: Interval) -> str:
    """Return like `4.2%, between 3.1 and 5.6`."""
    low, middle, high = (
        f"{part * 100:.1f}".removesuffix(".0") for part in (rate.low, rate.middle, rate.high)
    )
    return f"{middle}%, between {low} and {high}"
