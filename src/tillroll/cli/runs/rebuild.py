"""`tillroll rebuild`: count anew what is kept beside the orders, and mend what differs."""

from __future__ import annotations

from dataclasses import asdict

import click

from tillroll.campaign.figures.tiers import TierScale
from tillroll.campaign.sentences.tier_words import say_figure
from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.money import say_money
from tillroll.cli.support.family import Family
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import JSON
from tillroll.cli.support.output import out, print_json
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.ledger.counting.mend import mend_counts
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.mirror.loyalty import load_counting
from tillroll.track.results.sums import Earnings, rebuild_sums
from tillroll.track.store_days.judge import StoreDay
from tillroll.track.store_days.rebuild import rebuild_days
from tillroll.track.tiers.rebuild import TierDifference, rebuild_tiers


@click.group(cls=Family)
def rebuild() -> None:
    """Count anew what is kept beside the orders.

    \b
    Example:
      tillroll rebuild sums
      tillroll rebuild tiers
    """


@rebuild.command("sums")
@JSON
@for_store
def sums(as_json: bool) -> None:
    """Compare the kept sums and counts with the rows that they add up to, and mend those that differ.

    They move with every order, code and e-mail, so none should differ. What the whole store sold on a day is counted for a week
    after it, so that alone differs where an older order was cancelled or refunded since. Safe to repeat, also while the worker
    runs.

    \b
    Example:
      tillroll rebuild sums
    """
    with open_services() as services:
        store = chosen_store(services)
        wrong = rebuild_sums(services.engine, store)
        days = rebuild_days(services.engine, store)
        with writing(services.engine) as connection:
            miscounted = mend_counts(connection, store_id=store.id)

    def day_said(day: StoreDay) -> str:
        coupons = f"{day.coupon_orders:,} with a coupon"
        return f"{count_of(day.orders, 'order')}, {say_money(day.revenue, store.currency)}, {coupons}"

    def said(earned: Earnings) -> str:
        return f"{count_of(earned.orders, 'order')}, {say_money(earned.revenue, store.currency)}"

    if as_json:
        bodies = {
            "mended": [asdict(one) for one in wrong],
            "days": [asdict(each) for each in days],
            "counts": [asdict(count) for count in miscounted],
        }
        print_json(bodies)
        return
    for one in wrong:
        out().print(f"{one.day} {one.campaign}: {said(one.kept)} was kept, {said(one.counted)} is right")
    for each in days:
        was = day_said(each.kept) if each.kept is not None else "nothing"
        out().print(f"{each.day}, the whole store: {was} was kept, {day_said(each.counted)} is right")
    for count in miscounted:
        which = ", ".join(
            f"{name} {value}" for name, value in count.of.items() if name != "store_id" and value
        )
        out().print(f"{count.table} ({which}): {count.kept:,} was kept, {count.counted:,} is right")
    mended = len(wrong) + len(days) + len(miscounted)
    out().print(f"{count_of(mended, 'sum')} mended." if mended else "Every sum is what its rows add up to.")


@rebuild.command("tiers")
@JSON
@for_store
def tiers(as_json: bool) -> None:
    """Compare every customer's loyalty tier with what their orders say, and mend those that differ.

    Tiers follow every order, so none should differ. What is mended starts no campaign. Safe to repeat.

    \b
    Example:
      tillroll rebuild tiers
    """
    mended = 0
    with open_services() as services:
        store, now = chosen_store(services), services.clock.now()
        with reading(services.engine) as connection:
            counting = load_counting(connection, store.id)
        for wrong in rebuild_tiers(services.engine, store_id=store.id, now=now):
            mended += 1
            if as_json:
                print_json(asdict(wrong))
            elif counting is not None:
                _print_tier(wrong, counting.scale, store.currency)
    if not as_json:
        words = f"{count_of(mended, 'tier')} mended." if mended else "Every tier is what the orders say."
        out().print(words)


def _print_tier(wrong: TierDifference, scale: TierScale, currency: str) -> None:
    was, right = wrong.kept_tier or "no tier", wrong.tier or "no tier"
    before, after = (say_figure(scale, figure, currency) for figure in (wrong.kept_figure, wrong.figure))
    out().print(f"Customer {wrong.customer_id}: {was} with {before} was kept, {right} with {after} is right")
