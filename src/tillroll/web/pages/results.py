"""`/results`: what the store's campaigns have brought, month by month; `/leaks`: codes that others than their recipients used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from flask import Blueprint, abort, render_template

from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.money import say_money
from tillroll.campaign.text.percent import say_percent
from tillroll.campaign.text.zones import zone_of
from tillroll.ledger.engine import reading
from tillroll.track.results.effect.kept import kept_effects
from tillroll.track.results.effect.sentences import say_effect, say_people
from tillroll.track.results.leaks.found import list_leaks
from tillroll.track.results.leaks.sentences import say_leak
from tillroll.track.results.months import Month, month_results
from tillroll.track.store_days.judge import StoreDay
from tillroll.track.store_days.span import StoreSpan, load_span
from tillroll.web.support import inputs, request_context
from tillroll.web.support.charts import BarChart, bar_chart

pages = Blueprint("results", __name__)

_LEAKS = 25  # of a page


@dataclass(frozen=True, kw_only=True)
class ChangedLine:
    """What one campaign changed, in words."""

    campaign: str
    sentence: str
    people: str  # who is compared; empty: nobody yet
    at: datetime  # when it was measured


@dataclass(frozen=True, kw_only=True)
class StoreChart:
    """One figure of the whole store by day."""

    title: str
    top: str  # what the upper line stands for
    chart: BarChart


@pages.get("/results")
def results() -> str:
    """Show one month, by default the present one, beside the month before."""
    store = request_context.required_store()
    now = Month.of(request_context.now(), store)
    asked = inputs.query_text("month")
    month = Month.parse(asked) if asked else now
    if month is None:
        abort(404)
    with reading(request_context.services().engine) as connection:
        found = month_results(connection, store, month)
        before = month_results(connection, store, month.before)
        effects = kept_effects(connection, store.id)
        span = load_span(connection, store, month.first, month.last, request_context.now())
    chart = bar_chart(
        [
            (
                f"{day:%-d} {day:%B}: {say_money(earned.revenue, store.currency)}",
                max(earned.revenue, Decimal(0)),
            )
            for day, earned in found.days
        ]
    )
    return render_template(
        "results.html",
        found=found,
        before=before,
        chart=chart,
        span=span,
        charts=_store_charts(span, store.currency) if span.total.orders else [],
        changed=[
            ChangedLine(
                campaign=name,
                sentence=say_effect(kept.found, currency=store.currency, zone=zone_of(store.timezone)),
                people=say_people(kept.found) if kept.found.effect.orders is not None else "",
                at=kept.at,
            )
            for name, kept in effects.items()
        ],
        is_present=month == now,
        later=month.after if month.first < now.first else None,
    )


def _store_charts(span: StoreSpan, currency: str) -> list[StoreChart]:
    def say_orders(figure: Decimal) -> str:
        return f"{figure:,.0f}"

    def say_amount(figure: Decimal) -> str:
        return say_money(figure, currency)

    return [
        _store_chart(span, "Orders", lambda day: Decimal(day.orders), say_orders),
        _store_chart(span, "Revenue", lambda day: day.revenue, say_amount),
        _store_chart(span, "Average order", lambda day: day.average, say_amount),
        _store_chart(span, "Orders with a coupon", lambda day: day.coupon_percent, say_percent),
    ]


def _store_chart(
    span: StoreSpan,
    title: str,
    figure_of: Callable[[StoreDay], Decimal | None],
    say: Callable[[Decimal], str],
) -> StoreChart:
    bars: list[tuple[str, Decimal | None]] = []
    for at, day in span.days:
        name = f"{at:%-d} {at:%B}"
        if day is None:
            to_come = at > span.today
            bars.append((f"{name}: {'to come' if to_come else 'not known'}", Decimal(0) if to_come else None))
            continue
        figure = figure_of(day)
        said = say(figure) if figure is not None else count_of(0, "order")
        bars.append((f"{name}: {said}", max(figure or Decimal(0), Decimal(0))))
    chart = bar_chart(bars)
    return StoreChart(title=title, top=say(chart.top), chart=chart)


@pages.get("/leaks")
def leaks() -> str:
    """Show what looks like a leak, the newest first."""
    store = request_context.required_store()
    before, campaign = inputs.query_number("before"), inputs.query_text("campaign") or None
    with reading(request_context.services().engine) as connection:
        found = list_leaks(connection, store.id, campaign=campaign, before=before, limit=_LEAKS + 1)
    return render_template(
        "leaks.html",
        leaks=[(leak, say_leak(leak.kind, leak.uses)) for leak in found[:_LEAKS]],
        older=found[_LEAKS - 1].leak_id if len(found) > _LEAKS else None,
        newest=before is None,
        campaign=campaign,
    )
