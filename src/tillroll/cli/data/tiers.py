"""`tillroll tiers`: how many customers are in each loyalty tier."""

from __future__ import annotations

import click
from rich.text import Text

from tillroll.campaign.figures.tiers import TierScale
from tillroll.campaign.sentences.tier_words import say_figure
from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.units import spell_duration
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import JSON
from tillroll.cli.support.output import list_table, out, print_json
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.ledger.engine import reading
from tillroll.ledger.mirror.loyalty import count_tiers, count_waiting, load_counting


@click.command()
@JSON
@for_store
def tiers(as_json: bool) -> None:
    """Show the loyalty tiers of rules/tiers.yaml, and how many customers are in each.

    \b
    Example:
      tillroll tiers
      tillroll tiers --json
    """
    with open_services() as services:
        store = chosen_store(services)
        with reading(services.engine) as connection:
            counting = load_counting(connection, store.id)
            counts = count_tiers(connection, store) if counting is not None else {}
            waiting = count_waiting(connection, store.id)
    is_ready = counting is not None and counting.covers_everybody
    scale = counting.scale if counting is not None else None
    if as_json:
        steps = scale.steps if scale is not None else ()
        rows = [
            {"tier": step.name, "from": float(step.reached_at), "customers": counts.get(step.name, 0)}
            for step in steps
        ]
        said = {"ready": is_ready, "tiers": rows, "without_tier": counts.get("", 0)}
        trouble = counting.group_trouble if counting is not None else ""
        print_json({**said, "waiting_for_group": waiting, "group_trouble": trouble})
        return
    if scale is None:
        out().print("There are no loyalty tiers: add rules/tiers.yaml, and let the worker run (tillroll up).")
        return
    _show(scale, counts, store.currency)
    if not is_ready:
        out().print("Orders are still being read and counted, so these figures are not final.")
    if waiting:
        out().print(
            f"Still to be brought into the store's group of their tier: {count_of(waiting, 'customer')}."
        )
    if counting is not None and counting.group_trouble:
        out().print(Text(counting.group_trouble, style="yellow"))


def _show(scale: TierScale, counts: dict[str, int], currency: str) -> None:
    """Print a line for each tier, the highest first."""
    table = list_table("Tier", "From", "Customers")
    for column in table.columns[1:]:
        column.justify = "right"
    for step in reversed(scale.steps):
        begins = say_figure(scale, step.reached_at, currency)
        table.add_row(Text(step.name), Text(begins), Text(f"{counts.get(step.name, 0):,}"))
    table.add_row(Text("no tier yet", style="dim"), Text("–"), Text(f"{counts.get('', 0):,}"))
    out().print(table)
    if scale.within is not None:
        out().print(f"Orders count for {spell_duration(scale.within)}.")
