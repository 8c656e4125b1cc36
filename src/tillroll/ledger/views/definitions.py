"""What each view holds: its columns with their kinds, and the tables it reads."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ColumnKind(StrEnum):
    """What a column of a view holds."""

    TEXT = "text"
    NUMBER = "number"  # whole
    AMOUNT = "amount"  # of money, in the store's currency
    MOMENT = "moment"  # UTC
    DAY = "day"  # in the store's zone


@dataclass(frozen=True, kw_only=True)
class ViewColumn:
    """One column: its name, what it holds, and where that comes from."""

    name: str
    kind: ColumnKind
    source: str  # SQL that both databases understand


@dataclass(frozen=True, kw_only=True)
class ReportView:
    """One view. `source` is what follows FROM."""

    name: str
    columns: tuple[ViewColumn, ...]
    source: str

    def column(self, name: str) -> ViewColumn:
        """Return the column of that name."""
        return next(column for column in self.columns if column.name == name)


def _columns(kind_of: dict[str, tuple[ColumnKind, str]]) -> tuple[ViewColumn, ...]:
    return tuple(ViewColumn(name=name, kind=kind, source=source) for name, (kind, source) in kind_of.items())


_TEXT, _NUMBER, _AMOUNT = ColumnKind.TEXT, ColumnKind.NUMBER, ColumnKind.AMOUNT
_MOMENT, _DAY = ColumnKind.MOMENT, ColumnKind.DAY
_STORE = {"store": (_NUMBER, "s.ecwid_id")}
_CURRENCY = {"currency": (_TEXT, "s.currency")}
_RUN = {"run": (_NUMBER, "r.id"), "campaign": (_TEXT, "r.campaign")}


def _run_sum(column: str) -> str:
    return f"(select coalesce(sum(x.{column}), 0) from run_sums x where x.run_id = r.id)"  # noqa: S608 - names of ours


CAMPAIGN_DAYS = ReportView(
    name="report_campaign_days",
    columns=_columns(
        {
            **_STORE,
            "day": (_DAY, "d.day"),
            "campaign": (_TEXT, "d.campaign"),
            "orders": (_NUMBER, "d.orders"),
            "revenue": (_AMOUNT, "d.revenue"),
            "discount": (_AMOUNT, "d.discount"),
            **_CURRENCY,
        }
    ),
    source="day_sums d join stores s on s.id = d.store_id where d.orders <> 0",
)

RUNS = ReportView(
    name="report_runs",
    columns=_columns(
        {
            **_STORE,
            **_RUN,
            "kind": (_TEXT, "r.kind"),
            "state": (_TEXT, "r.state"),
            "due_at": (_MOMENT, "r.slot_at"),
            "changed_at": (_MOMENT, "r.changed_at"),
            "finished_at": (_MOMENT, "r.finished_at"),
            "recipients": (_NUMBER, "coalesce(p.audience_count, 0)"),
            "planned_codes": (_NUMBER, "coalesce(p.code_count, 0)"),
            "worst_case": (_AMOUNT, "p.worst_case"),
            "expected": (_AMOUNT, "p.expected"),
            "emails_sent": (
                _NUMBER,
                "(select coalesce(sum(x.n), 0) from message_counts x where x.run_id = r.id and x.state = 'sent')",
            ),
            "orders": (_NUMBER, _run_sum("n")),
            "revenue": (_AMOUNT, _run_sum("revenue")),
            "discount": (_AMOUNT, _run_sum("discount")),
            **_CURRENCY,
        }
    ),
    source="runs r join stores s on s.id = r.store_id left join plans p on p.id = r.plan_id",
)

CODES = ReportView(
    name="report_codes",
    columns=_columns(
        {
            **_STORE,
            "code_id": (_NUMBER, "c.id"),
            **_RUN,
            "arm": (_TEXT, "c.arm"),
            "state": (_TEXT, "c.state"),
            "coupon_id": (_NUMBER, "c.coupon_id"),
            "own_value": (_AMOUNT, "c.value"),
            "reserved_at": (_MOMENT, "c.reserved_at"),
            "changed_at": (_MOMENT, "c.changed_at"),
            "valid_from": (_MOMENT, "coalesce(c.valid_from, r.valid_from)"),
            "valid_until": (_MOMENT, "coalesce(c.valid_until, r.valid_until)"),
            "used_orders": (_NUMBER, "(select count(*) from redemptions x where x.code_id = c.id)"),
        }
    ),
    source="codes c join stores s on s.id = c.store_id join runs r on r.id = c.run_id",
)

MESSAGES = ReportView(
    name="report_messages",
    columns=_columns(
        {
            **_STORE,
            "message_id": (_NUMBER, "m.id"),
            **_RUN,
            "kind": (_TEXT, "m.kind"),
            "arm": (_TEXT, "a.arm"),
            "language": (_TEXT, "a.language"),
            "state": (_TEXT, "m.state"),
            "transport": (_TEXT, "m.transport"),
            "code_id": (_NUMBER, "m.code_id"),
            "attempts": (_NUMBER, "m.attempts"),
            "sent_at": (_MOMENT, "m.sent_at"),
            "changed_at": (_MOMENT, "m.changed_at"),
        }
    ),
    source=(
        "messages m join stores s on s.id = m.store_id join runs r on r.id = m.run_id"
        " join recipients a on a.id = m.recipient_id"
    ),
)

REDEMPTIONS = ReportView(
    name="report_redemptions",
    columns=_columns(
        {
            **_STORE,
            "redemption_id": (_NUMBER, "u.id"),
            **_RUN,
            "code_id": (_NUMBER, "u.code_id"),
            "arm": (_TEXT, "c.arm"),
            "order_id": (_TEXT, "u.order_id"),
            "order_total": (_AMOUNT, "u.order_total"),
            "discount": (_AMOUNT, "u.discount"),
            "payment_status": (_TEXT, "u.payment_status"),
            "ordered_at": (_MOMENT, "u.at"),
            "told_by_run": (_NUMBER, "coalesce(u.told_run_id, u.run_id)"),
            **_CURRENCY,
        }
    ),
    source=(
        "redemptions u join stores s on s.id = u.store_id join runs r on r.id = u.run_id join codes c on c.id = u.code_id"
    ),
)

ORDERS = ReportView(
    name="report_orders",
    columns=_columns(
        {
            **_STORE,
            "order_id": (_TEXT, "o.order_id"),
            "total": (_AMOUNT, "o.total"),
            "subtotal": (_AMOUNT, "o.subtotal"),
            "coupon_discount": (_AMOUNT, "o.coupon_discount"),
            "payment_status": (_TEXT, "o.payment_status"),
            "fulfillment_status": (_TEXT, "o.fulfillment_status"),
            "created_at": (_MOMENT, "o.created_at"),
            "updated_at": (_MOMENT, "o.updated_at"),
            "uses_our_code": (
                _NUMBER,
                "(select count(*) from redemptions x where x.store_id = o.store_id and x.order_id = o.order_id)",
            ),
            **_CURRENCY,
        }
    ),
    source="orders o join stores s on s.id = o.store_id",
)

LEAKS = ReportView(
    name="report_leaks",
    columns=_columns(
        {
            **_STORE,
            "leak_id": (_NUMBER, "l.id"),
            "campaign": (_TEXT, "l.campaign"),
            "kind": (_TEXT, "l.kind"),
            "found_at": (_MOMENT, "l.found_at"),
            "run": (_NUMBER, "u.run_id"),
            "code_id": (_NUMBER, "u.code_id"),
            "order_id": (_TEXT, "u.order_id"),
            "discount": (_AMOUNT, "u.discount"),
            "ordered_at": (_MOMENT, "u.at"),
            **_CURRENCY,
        }
    ),
    source="leaks l join stores s on s.id = l.store_id join redemptions u on u.id = l.redemption_id",
)

REPORT_VIEWS = (CAMPAIGN_DAYS, RUNS, CODES, MESSAGES, REDEMPTIONS, ORDERS, LEAKS)
