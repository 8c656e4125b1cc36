"""Reports: orders and revenue over time (dossier section 10.3).

The kinds of reports and their envelope are documented; the names of the figures (`dataId`) are our guess.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tillroll.sandbox.formats.wire import ApiError, Query, moment, one_of, without_unset
from tillroll.sandbox.state.store import SandboxStore

_COUNTED = "status not in ('INCOMPLETE', 'CANCELLED', 'REFUNDED')"
_FIRST = (
    "not exists (select 1 from orders earlier where earlier.customer = orders.customer"
    " and earlier.created < orders.created)"
)
_FIGURES: dict[str, dict[str, str]] = {
    "allOrders": {"orders": "count(*)"},
    "newOrdersVsRepeatOrders": {
        "newOrders": f"coalesce(sum({_FIRST}), 0)",
        "repeatOrders": f"coalesce(sum(not {_FIRST}), 0)",
    },
    "allRevenue": {"revenue": "round(coalesce(sum(total), 0), 2)"},
    "topOfMarketingSources": {"orders": "count(*)"},
    "allTraffic": {"visitors": "0"},
    "salesFunnel": {"visitors": "0", "orders": "count(*)"},
}
"""What each report counts over the orders of a period. There are no visitors on your machine."""
_NOT_YET = (
    "topOfCouponsByOrders",
    "topOfDiscountsByOrders",
    "abandonedCarts",
    "automatedEmails",
    "acceptMarketing",
)
_SCALES = ("hour", "day", "week", "month", "year")
_COMPARED: dict[str, timedelta | None] = {
    "noComparePeriod": None,
    "similarPeriodInPreviousWeek": timedelta(days=7),
    "similarPeriodInPreviousMonth": timedelta(days=30),
    "similarPeriodInPreviousYear": timedelta(days=365),
    "previousPeriod": timedelta(),
}
_MOST_STEPS = 1_000


def report(store: SandboxStore, kind: str, query: Query) -> dict[str, Any]:
    """`GET /reports/{reportType}`."""
    if kind not in _FIGURES:
        text = "is not available yet" if kind in _NOT_YET else "does not exist"
        raise ApiError(400, f"Report {kind} {text}", "WRONG_PARAMETER")
    ends = moment("endedAt", query["endedAt"]) if "endedAt" in query else int(store.now())
    starts = moment("startedFrom", query["startedFrom"]) if "startedFrom" in query else ends - 30 * 86_400
    scale = one_of("timeScaleValue", query.get("timeScaleValue", "day"), _SCALES)[0]
    compared = one_of("comparePeriod", query.get("comparePeriod", "noComparePeriod"), _COMPARED)[0]
    before = _COMPARED[compared]
    answer: dict[str, Any] = {
        "reportType": kind,
        "startedFrom": starts,
        "endedAt": ends,
        "timeScaleValue": scale,
        "firstDayOfWeek": "monday",
        "comparePeriod": compared,
        "aggregatedData": _figures(store, kind, starts, ends + 1),
        "dataset": _dataset(store, kind, starts, ends, scale),
    }
    if before is not None:
        shift = int(before.total_seconds()) or ends - starts + 1
        answer["comparePeriodAggregatedData"] = _figures(store, kind, starts - shift, ends - shift + 1)
        answer["comparePeriodDataset"] = _dataset(store, kind, starts - shift, ends - shift, scale)
    return without_unset(answer)


def _figures(store: SandboxStore, kind: str, starts: int, ends: int) -> list[dict[str, Any]]:
    columns = ", ".join(f"{expression} as {name}" for name, expression in _FIGURES[kind].items())
    sql = f"select {columns} from orders where {_COUNTED} and created >= ? and created < ?"  # noqa: S608
    row = store.state.row(sql, (starts, ends))
    return [{"dataId": name, "dataValue": row[name] if row is not None else 0} for name in _FIGURES[kind]]


def _dataset(store: SandboxStore, kind: str, starts: int, ends: int, scale: str) -> list[dict[str, Any]]:
    points: list[dict[str, Any]] = []
    at = starts
    while at <= ends and len(points) < _MOST_STEPS:
        until = min(_next(datetime.fromtimestamp(at, UTC), scale), ends + 1)
        points.append(
            {
                "orderBy": len(points),
                "datapointId": str(len(points)),
                "startTimeStamp": at,
                "endTimeStamp": until - 1,
                "data": _figures(store, kind, at, until),
            }
        )
        at = until
    return points


def _next(at: datetime, scale: str) -> int:
    """Return when the next hour, day, week, month or year begins."""
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    following: dict[str, Callable[[], datetime]] = {
        "hour": lambda: at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1),
        "day": lambda: day + timedelta(days=1),
        "week": lambda: day + timedelta(days=7 - at.weekday()),
        "month": lambda: (day.replace(day=1) + timedelta(days=32)).replace(day=1),
        "year": lambda: day.replace(year=at.year + 1, month=1, day=1),
    }
    return int(following[scale]().timestamp())
