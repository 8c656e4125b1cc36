"""Column types that mean the same on SQLite and PostgreSQL: aware moments, exact amounts, row numbers."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

Identity = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""The type of a row's own number. SQLite numbers rows by itself only in a plain INTEGER column."""

_AMOUNT_SCALE = 10_000


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, kept in UTC. Raises `ValueError` for a naive one."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Amount(TypeDecorator[Decimal]):
    """An exact amount of money, kept as a whole number of ten-thousandths, so that sums in SQL are exact."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        return int((Decimal(value) * _AMOUNT_SCALE).to_integral_value(ROUND_HALF_EVEN))

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else amount_of(value)


def amount_of(raw: int) -> Decimal:
    """Return the amount that a column holds as a whole number."""
    return (Decimal(int(raw)) / _AMOUNT_SCALE).normalize() + Decimal("0.00")
