"""`tillroll suggest`: a draft of a campaign on goods that sell too slowly."""

from __future__ import annotations

import click
from rich.text import Text

from tillroll.cli.data.clearance import SlowGood, draft_clearance
from tillroll.cli.data.stock import OVER, TOO_MANY
from tillroll.cli.files.new import write_new
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.output import out
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.errors import Refused
from tillroll.ledger.engine import reading
from tillroll.track.stock.levels import StockLevel, stock_levels
from tillroll.track.stock.pace import StockBars, StockState

_MOST = 20  # goods of one campaign
_WANTED = 30  # days


@click.command()
@click.option("--name", default="make-room", show_default=True, help="The campaign's name.")
@OVER
@TOO_MANY
@for_store
def suggest(name: str, over: int, too_many: int) -> None:
    """Write a draft of a campaign on goods with too much stock or no sales, with the reason for each.

    It is never active and overwrites nothing: read it, change it, and set status: active.

    \b
    Example:
      tillroll suggest
      tillroll suggest --name summer-rest --too-many 120
    """
    console = out()
    with open_services() as services:
        store, now, root = chosen_store(services), services.clock.now(), services.settings.folder
        if (root / "campaigns" / f"{name}.yaml").exists():
            raise Refused(
                f"There is a campaign {name!r} already.",
                hint="Choose another name: tillroll suggest --name NAME",
            )
        bars = StockBars(wanted=min(_WANTED, too_many), too_many=too_many)
        with reading(services.engine) as connection:
            levels = stock_levels(connection, store.id, now=now, over=over, bars=bars)
    goods = _slow_goods(levels, over)
    if not goods:
        console.print(
            "Nothing to suggest: no product has too much stock or no sales. See: tillroll stock --all"
        )
        return
    files = draft_clearance(goods, name=name, today=now.date(), stop_below=1)
    for path, written in write_new(root, files):
        mark, note = ("✓ ", "") if written else ("· ", " exists already and was left unchanged")
        console.print(Text.assemble((mark, "green" if written else ""), path, note))
    for good in goods:
        console.print(Text(f"  {good.sku}  {good.name}: {good.reason}"), soft_wrap=True)
    console.print(
        f"It is a draft. Read it, then run: tillroll check, tillroll plan {name}. To activate it, set status: active."
    )


def _slow_goods(levels: list[StockLevel], over: int) -> list[SlowGood]:
    """Return the products to make room for: those with most pieces first, each once."""
    slow = [
        level
        for level in levels
        if level.sku and level.outlook.state in {StockState.OVERSTOCK, StockState.SLOW}
    ]
    slow.sort(key=lambda level: (-level.quantity, level.sku))
    goods = {
        level.sku: SlowGood(sku=level.sku, name=level.name, reason=_reason(level, over)) for level in slow
    }
    return list(goods.values())[:_MOST]


def _reason(level: StockLevel, over: int) -> str:
    cover = level.outlook.cover
    if cover is None:
        return f"{level.quantity:,} in stock, and none sold in {over} days"
    return f"{level.quantity:,} in stock, which last {cover:,.0f} days"
