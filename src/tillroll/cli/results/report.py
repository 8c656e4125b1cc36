"""`tillroll report`: what each campaign has brought."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.text import Text
from sqlalchemy.engine import Connection

from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.money import say_money, smallest_unit
from tillroll.campaign.text.zones import zone_of
from tillroll.cli.results.report_groups import COLUMNS as GROUP_COLUMNS
from tillroll.cli.results.report_groups import group_row, show_groups
from tillroll.cli.results.report_html import report_as_html
from tillroll.cli.results.report_words import say_rate
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import JSON
from tillroll.cli.support.output import out, print_json, print_row, write_file
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.errors import NotFound, Refused
from tillroll.ledger.engine import reading
from tillroll.ledger.records import Store
from tillroll.track.results.breakdown.collect import campaign_groups
from tillroll.track.results.breakdown.groups import GroupBy
from tillroll.track.results.effect.kept import ALL_CAMPAIGNS, KeptEffect, kept_effects
from tillroll.track.results.effect.sentences import say_effect, say_people
from tillroll.track.results.report import CampaignReport, campaign_reports, reported_campaigns

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
@click.option(
    "--by",
    type=click.Choice([by.value for by in GroupBy]),
    help="Show the figures of each arm, language, week or segment.",
)
@click.option(
    "--html",
    "target",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Write one HTML file to share or print, with charts and all groups; - is stdout.",
)
@for_store
def report(name: str | None, as_json: bool, as_csv: bool, by: str | None, target: Path | None) -> None:
    """Show what the campaign NAME, or each campaign, has brought: e-mails, orders with its codes, and what it changed.

    What it changed is found by comparing those it wrote to with those it held back (who.holdout), all their orders together.

    \b
    Example:
      tillroll report
      tillroll report winback
      tillroll report winback --by week
      tillroll report --html results.html
      tillroll report --csv > results.csv
    """
    if as_json + as_csv + (target is not None) > 1 or (target is not None and by is not None):
        raise Refused(
            "--json, --csv and --html exclude each other.", hint="Give one of them; --html has all groups."
        )
    with open_services() as services:
        store = chosen_store(services)
        now = services.clock.now()
        with reading(services.engine) as connection:
            if by is not None:
                _show_by(connection, store, name, GroupBy(by), now, as_json=as_json, as_csv=as_csv)
                return
            found = list(campaign_reports(connection, store, now=now, name=name))
            together = kept_effects(connection, store.id).get(ALL_CAMPAIGNS) if name is None else None
            page = _html(connection, store, found, now) if target is not None else ""
    if name is not None and not found:
        raise _unknown(name)
    if target is not None:
        _write(target, page)
        return
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
        if together is not None:
            _show_together(out(), together, store, zone)


def _html(connection: Connection, store: Store, found: Sequence[CampaignReport], now: datetime) -> str:
    """Return the HTML file, with all groups of each campaign."""
    groups = [campaign_groups(connection, store, one.campaign, now=now) for one in found]
    return report_as_html(list(zip(found, groups, strict=True)), store, made_at=now)


def _write(target: Path, page: str) -> None:
    if str(target) == "-":
        click.echo(page)
        return
    write_file(target, page.encode())
    out().print(Text(f"The report is in {target}."), soft_wrap=True)


def _unknown(name: str) -> NotFound:
    return NotFound(
        f"There is no campaign {name} that has had a run.", hint="`tillroll status` shows the campaigns."
    )


def _show_by(
    connection: Connection,
    store: Store,
    name: str | None,
    by: GroupBy,
    now: datetime,
    *,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Write the figures of each group of one campaign or of all, one campaign after the other."""
    names = reported_campaigns(connection, store.id, name)
    if name is not None and not names:
        raise _unknown(name)
    if as_csv:
        print_row(GROUP_COLUMNS)
    for campaign in names:
        groups = campaign_groups(connection, store, campaign, by=[by], now=now)[by]
        rows = [group_row(campaign, by, group, store.currency) for group in groups]
        for row in rows if as_json else ():
            print_json(row)
        for row in rows if as_csv else ():
            print_row([row[column] for column in GROUP_COLUMNS])
        if not as_json and not as_csv:
            out().print(Text.assemble((campaign, "bold"), f", by {by.value}"))
            show_groups(out(), by, groups, store.currency)


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


def _show_together(console: Console, kept: KeptEffect, store: Store, zone: ZoneInfo) -> None:
    """Print what all campaigns together changed (rules/holdout.yaml), as last measured."""
    console.print(Text("All campaigns together", style="bold"))
    sentence = say_effect(kept.found, currency=store.currency, zone=zone)
    console.print(Text(f"  {sentence}", style="green"), soft_wrap=True)
    if kept.found.effect.orders is not None:
        console.print(Text(f"  {say_people(kept.found)}.", style="dim"), soft_wrap=True)


def _show(console: Console, found: Sequence[CampaignReport], store: Store, zone: ZoneInfo) -> None:
    if not found:
        console.print("No campaign has had a run yet.")
    for one in found:
        console.print(Text.assemble((one.title, "bold"), f"  {one.campaign}"))
        emails, orders = count_of(one.sent, "e-mail"), count_of(one.orders, "order")
        rate = f" ({say_rate(one.rate)})" if one.rate is not None else ""
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
