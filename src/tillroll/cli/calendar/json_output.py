"""The calendar for a program. docs/calendar.md describes every key."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tillroll.ledger.records import Store
from tillroll.outlook.coming import (
    AwaitedCampaign,
    CalendarForecast,
    CostRange,
    ForecastWindow,
    UpcomingRun,
    Week,
)
from tillroll.outlook.upcoming import ForecastInput


def forecast_json(
    forecast: CalendarForecast, forecast_input: ForecastInput, store: Store, window: ForecastWindow
) -> dict[str, Any]:
    """Return the calendar as plain data."""
    return {
        "store": {"id": store.ecwid_id, "name": store.name},
        "timezone": store.timezone,
        "currency": store.currency,
        "from": _iso(window.start),
        "until": _iso(window.until),
        "one_in": forecast_input.one_in,
        "runs": [_run(run, window.zone) for run in forecast.runs],
        "events": [_event(campaign) for campaign in forecast.awaited],
        "weeks": [_week(week) for week in forecast.weeks],
        "not": [
            {"campaign": missing.campaign, "slot": missing.key, "at": _iso(missing.at), "why": missing.why}
            for missing in forecast.not_coming
        ],
    }


def _run(run: UpcomingRun, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "campaign": run.campaign,
        "title": run.title,
        "slot": run.key,
        "at": _iso(run.at),
        "local": run.at.astimezone(zone).isoformat(),
        "begins": _iso(run.begins),
        "emails_from": _iso(run.leaves),
        "reminds": _iso(run.reminds),
        "people": run.people,
        "gives": run.gives,
        **_money(run.money),
        "notes": list(run.notes),
    }


def _event(campaign: AwaitedCampaign) -> dict[str, Any]:
    return {
        "campaign": campaign.name,
        "title": campaign.title,
        "waits_for": campaign.waits_for,
        "gives": campaign.gives,
        "a_day": str(campaign.a_day),
        "basis": campaign.basis,
        "people": campaign.people,
        "emails": campaign.emails,
        "emails_a_week": campaign.emails_a_week,
        "a_week": _money(campaign.money_a_week),
    }


def _week(week: Week) -> dict[str, Any]:
    return {
        "from": week.first,
        "until": week.last,
        "runs": week.runs,
        "emails": week.emails,
        **_money(week.money),
        "pressure": week.pressure,
        "over_limit": week.over_limit,
    }


def _money(money: CostRange) -> dict[str, str | None]:
    """Return amounts as text, which keeps them exact in every program; null: unlimited, or not known."""
    return {
        "worst_case": None if money.worst is None else str(money.worst),
        "expected": None if money.expected is None else str(money.expected),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
