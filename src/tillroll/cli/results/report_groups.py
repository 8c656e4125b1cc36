"""What a campaign's arms, languages, weeks or segments have brought: as lines for people, and as rows for JSON and CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.text import Text

from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.money import say_money, smallest_unit
from tillroll.cli.results.report_words import say_rate, say_within
from tillroll.track.results.breakdown.groups import GroupBy, GroupResult

COLUMNS = (
    "campaign",
    "by",
    "group",
    "emails",
    "delivered",
    "orders",
    "rate",
    "rate_low",
    "rate_high",
    "revenue",
    "discount",
    "average_order",
    "new_customers",
    "second_orders",
    "hours_to_redeem",
    "codes_expired_unused",
    "codes_live",
    "exposure",
    "expected_discount",
    "worst_case",
    "margin",
    "margin_orders",
)
_NAMELESS = {
    GroupBy.ARM: "no arms",
    GroupBy.LANGUAGE: "language not known",
    GroupBy.WEEK: "",
    GroupBy.SEGMENT: "no segment",
}


def group_row(campaign: str, by: GroupBy, group: GroupResult, currency: str) -> dict[str, Any]:
    """Return the figures of a group. What isn't known, and what is unlimited, is None."""

    def exact(amount: Decimal | None) -> str | None:
        return None if amount is None else str(amount.quantize(smallest_unit(currency)))

    rate, hours = group.rate, group.time_to_redeem
    return {
        "campaign": campaign,
        "by": by.value,
        "group": group.name,
        "emails": group.sent,
        "delivered": group.delivered,
        "orders": group.orders,
        "rate": round(rate.middle, 6) if rate is not None else None,
        "rate_low": round(rate.low, 6) if rate is not None else None,
        "rate_high": round(rate.high, 6) if rate is not None else None,
        "revenue": exact(group.revenue),
        "discount": exact(group.discount),
        "average_order": exact(group.average_order),
        "new_customers": group.new_customers,
        "second_orders": group.second_orders,
        "hours_to_redeem": hours // timedelta(hours=1) if hours is not None else None,
        "codes_expired_unused": group.codes.expired,
        "codes_live": group.codes.live,
        "exposure": exact(group.codes.exposure),
        "expected_discount": exact(group.plan.expected) if group.plan is not None else None,
        "worst_case": exact(group.plan.worst_case) if group.plan is not None else None,
        "margin": exact(group.margin.amount) if group.margin is not None else None,
        "margin_orders": group.margin.orders if group.margin is not None else 0,
    }


def show_groups(console: Console, by: GroupBy, groups: Sequence[GroupResult], currency: str) -> None:
    """Print what each group has brought."""
    for group in groups:
        console.print(Text(f"  {group_title(by, group)}", style="bold"))
        for line in group_lines(group, currency):
            console.print(Text(f"    {line}"), soft_wrap=True)
    console.print()


def group_title(by: GroupBy, group: GroupResult) -> str:
    """Return the name of a group for people."""
    if by is GroupBy.WEEK:
        return f"week of {group.name}"
    return group.name or _NAMELESS[by]


def group_lines(group: GroupResult, currency: str) -> Iterator[str]:
    """Yield what a group has brought, as sentences without what there is none of."""
    rate = f" ({say_rate(group.rate)})" if group.rate is not None else ""
    yield f"{count_of(group.delivered, 'e-mail')} delivered, {count_of(group.orders, 'order')} with a code{rate}"
    if group.average_order is not None:
        money = [say_money(each, currency) for each in (group.revenue, group.average_order, group.discount)]
        yield f"{money[0]} ordered, {money[1]} each on average; {money[2]} discount"
        yield (
            f"{count_of(group.new_customers, 'first order')}; after {group.second_orders:,} the customer ordered again"
            f"{say_within(group.time_to_redeem)}"
        )
    if group.codes.expired or group.codes.live:
        yield f"{count_of(group.codes.expired, 'code')} expired unused, {_live(group, currency)}"
    if group.plan is not None:
        expected, worst = group.plan.expected, group.plan.worst_case
        likely = "not known" if expected is None else say_money(expected, currency)
        most = "unlimited" if worst is None else say_money(worst, currency)
        yield f"discount by the plans: {likely} expected, {most} at worst"
    if group.margin is not None:
        amount = say_money(group.margin.amount, currency)
        yield f"margin: {amount} in {count_of(group.margin.orders, 'order')} whose goods have a known cost"


def _live(group: GroupResult, currency: str) -> str:
    if not group.codes.live:
        return "none is live"
    exposure = group.codes.exposure
    most = "without limit" if exposure is None else f"for {say_money(exposure, currency)} at worst"
    return f"{group.codes.live:,} live {most}"
