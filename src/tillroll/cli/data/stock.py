"""`tillroll stock`: how long the stock of each good lasts, and how much of it to order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from rich.text import Text

from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import JSON
from tillroll.cli.support.output import list_table, out, print_json, print_row
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.errors import Refused
from tillroll.ledger.engine import reading
from tillroll.track.stock.levels import StockLevel, stock_levels
from tillroll.track.stock.pace import StockBars, StockState

COLUMNS = (
    "product_id",
    "variation_id",
    "sku",
    "name",
    "options",
    "in_stock",
    "pace",
    "days_of_cover",
    "order",
    "state",
)
_WORDS = {
    StockState.ORDER: "order",
    StockState.ENOUGH: "enough",
    StockState.OVERSTOCK: "overstock",
    StockState.SLOW: "no sales",
    StockState.TOO_NEW: "too new to tell",
}
_STYLES = {StockState.ORDER: "red", StockState.OVERSTOCK: "yellow", StockState.SLOW: "yellow"}
OVER = click.option(
    "--over",
    type=click.IntRange(14, 366),
    default=56,
    show_default=True,
    help="How many past days the pace is taken from.",
)
TOO_MANY = click.option(
    "--too-many",
    type=click.IntRange(30, 3650),
    default=180,
    show_default=True,
    help="Stock that lasts more days is overstock.",
)


@click.command()
@click.option(
    "--days", type=click.IntRange(1, 365), default=30, show_default=True, help="How long stock should last."
)
@OVER
@TOO_MANY
@click.option("--all", "everything", is_flag=True, help="All goods, not only those to order.")
@JSON
@click.option("--csv", "as_csv", is_flag=True, help="Write CSV, a line for each good.")
@for_store
def stock(days: int, over: int, too_many: int, everything: bool, as_json: bool, as_csv: bool) -> None:
    """List the goods whose stock runs out within some days, and how much to order.

    \b
    Example:
      tillroll stock
      tillroll stock --days 60 --csv > order.csv
      tillroll stock --all
    """
    if as_json and as_csv:
        raise Refused("--json and --csv exclude each other.", hint="Give one of them.")
    bars = StockBars(wanted=days, too_many=max(too_many, days))
    with open_services() as services:
        store = chosen_store(services)
        with reading(services.engine) as connection:
            levels = stock_levels(connection, store.id, now=services.clock.now(), over=over, bars=bars)
    shown = [level for level in levels if everything or level.outlook.state is StockState.ORDER]
    if as_json:
        for level in shown:
            print_json(_row(level))
    elif as_csv:
        print_row(COLUMNS)
        for level in shown:
            row = _row(level)
            print_row([row[name] for name in COLUMNS])
    else:
        _show(shown, days, everything=everything, count=len(levels))


def _row(level: StockLevel) -> dict[str, Any]:
    pace, cover = level.outlook.pace, level.outlook.cover
    return {
        "product_id": level.product_id,
        "variation_id": level.variation_id or None,
        "sku": level.sku,
        "name": level.name,
        "options": level.options,
        "in_stock": level.quantity,
        "pace": round(pace, 3) if pace is not None else None,
        "days_of_cover": round(cover, 1) if cover is not None else None,
        "order": level.outlook.order,
        "state": level.outlook.state.value,
    }


def _show(levels: Sequence[StockLevel], days: int, *, everything: bool, count: int) -> None:
    console = out()
    if not levels:
        console.print(
            "No goods with counted stock were read from the store yet."
            if not count
            else f"Nothing to order: all stock lasts for {days} days. All goods: tillroll stock --all"
        )
        return
    headings = ("SKU", "Product", "In stock", "A day", "Lasts", f"Order for {days} days")
    table = list_table(*headings, "State") if everything else list_table(*headings)
    for column in table.columns[2:6]:
        column.justify = "right"
    for level in levels:
        pace, cover, state = level.outlook.pace, level.outlook.cover, level.outlook.state
        name = f"{level.name} ({level.options})" if level.options else level.name
        cells = [
            Text(level.sku),
            Text(name),
            Text(f"{level.quantity:,}"),
            Text(f"{pace:.2g}" if pace is not None and pace < 10 else f"{pace:,.0f}" if pace else "–"),
            Text(_days(cover)),
            Text(f"{level.outlook.order:,}" if level.outlook.order else "–"),
        ]
        if everything:
            cells.append(Text(_WORDS[state], style=_STYLES.get(state, "")))
        table.add_row(*cells)
    console.print(table)


def _days(cover: float | None) -> str:
    if cover is None:
        return "–"
    return f"{cover:,.0f} day{'' if round(cover) == 1 else 's'}"
