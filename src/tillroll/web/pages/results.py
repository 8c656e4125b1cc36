"""`/results`: what the store's campaigns have brought, month by month."""

from __future__ import annotations

from decimal import Decimal

from flask import Blueprint, abort, render_template, request

from tillroll.campaign.text.money import say_money
from tillroll.ledger.engine import reading
from tillroll.track.results.months import Month, month_results
from tillroll.web.support import request_context
from tillroll.web.support.charts import bar_chart

pages = Blueprint("results", __name__)


@pages.get("/results")
def results() -> str:
    """Show one month, by default the present one, beside the month before."""
    store = request_context.required_store()
    now = Month.of(request_context.now(), store)
    asked = request.args.get("month", "")
    month = Month.parse(asked) if asked else now
    if month is None:
        abort(404)
    with reading(request_context.services().engine) as connection:
        found = month_results(connection, store, month)
        before = month_results(connection, store, month.before)
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
        is_present=month == now,
        later=month.after if month.first < now.first else None,
    )
