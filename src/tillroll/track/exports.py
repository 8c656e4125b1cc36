"""Reading a view row by row, for exports: only a piece of the rows is in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.frozen.recipient import mask_code
from tillroll.campaign.text.money import smallest_unit
from tillroll.campaign.text.zones import zone_of
from tillroll.ledger.engine import streaming
from tillroll.ledger.records import Store
from tillroll.ledger.tables import codes
from tillroll.ledger.tables.types import UtcDateTime
from tillroll.ledger.views.definitions import (
    CAMPAIGN_DAYS,
    CODES,
    LEAKS,
    MESSAGES,
    ORDERS,
    REDEMPTIONS,
    RUNS,
    ColumnKind,
    ReportView,
)


@dataclass(frozen=True, kw_only=True)
class ExportSubject:
    """What can be exported: a view, the order of its rows, and the column that says when a row came or changed."""

    view: ReportView
    order: tuple[str, ...]
    since: str

    @property
    def columns(self) -> tuple[tuple[str, ColumnKind], ...]:
        """Return the columns of the export. Codes have one more than their view: the code."""
        columns = tuple((column.name, column.kind) for column in self.view.columns)
        return (*columns, ("code", ColumnKind.TEXT)) if self.view is CODES else columns


SUBJECTS = {
    "codes": ExportSubject(view=CODES, order=("code_id",), since="changed_at"),
    "messages": ExportSubject(view=MESSAGES, order=("message_id",), since="changed_at"),
    "redemptions": ExportSubject(view=REDEMPTIONS, order=("redemption_id",), since="ordered_at"),
    "days": ExportSubject(view=CAMPAIGN_DAYS, order=("day", "campaign"), since="day"),
    "runs": ExportSubject(view=RUNS, order=("run",), since="changed_at"),
    "orders": ExportSubject(view=ORDERS, order=("order_id",), since="updated_at"),
    "leaks": ExportSubject(view=LEAKS, order=("leak_id",), since="found_at"),
}

_TYPES: dict[ColumnKind, sa.types.TypeEngine[Any]] = {
    ColumnKind.TEXT: sa.Text(),
    ColumnKind.NUMBER: sa.BigInteger(),
    ColumnKind.AMOUNT: sa.Numeric(19, 4),
    ColumnKind.MOMENT: UtcDateTime(),
    ColumnKind.DAY: sa.Date(),
}


def read_rows(
    connection: Connection, store: Store, subject: ExportSubject, *, since: date | None, in_clear: bool
) -> Iterator[tuple[Any, ...]]:
    """Yield the store's rows in the order of `subject.columns`, with amounts in the decimals of the store's currency.

    `since`: only what came or changed on that day of the store's zone, or later. Codes are masked unless `in_clear`.
    """
    view = sa.table(
        subject.view.name,
        *(sa.column(column.name, _TYPES[column.kind]) for column in subject.view.columns),
    )
    selected: list[sa.ColumnElement[Any]] = list(view.c)
    source: sa.FromClause = view
    if subject.view is CODES:
        selected.append(codes.c.code)
        source = view.join(codes, codes.c.id == view.c.code_id)
    query = sa.select(*selected).select_from(source).where(view.c.store == store.ecwid_id)
    if since is not None:
        query = query.where(view.c[subject.since] >= _first(subject, store, since))
    unit = smallest_unit(store.currency)
    with streaming(connection, query.order_by(*(view.c[name] for name in subject.order))) as rows:
        for row in rows:
            values: list[Any] = [
                value.quantize(unit) if isinstance(value, Decimal) else value for value in row
            ]
            if subject.view is CODES and not in_clear:
                values[-1] = mask_code(values[-1])
            yield tuple(values)


def _first(subject: ExportSubject, store: Store, since: date) -> date | datetime:
    """Return the first day, or the moment at which it begins."""
    if subject.view.column(subject.since).kind is ColumnKind.DAY:
        return since
    return datetime.combine(since, time.min, zone_of(store.timezone))
