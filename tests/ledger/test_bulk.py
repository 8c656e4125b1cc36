"""Thousands of rows written at once are the same on both databases."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import NOW, planned_run
from tillroll.campaign.states import CodeState
from tillroll.ledger.bulk.rows import add_many, change_many
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import codes, recipients

COLUMNS = ("code", "recipient_id", "arm", "value", "valid_from", "valid_until")


@pytest.fixture
def run(ledger: Engine) -> dict[str, Any]:
    """Return the values that all codes of a run share."""
    store_id, run_id = planned_run(ledger)
    moments = {"reserved_at": NOW, "changed_at": NOW}
    return {"store_id": store_id, "run_id": run_id, "state": CodeState.RESERVED, **moments}


def add(ledger: Engine, run: dict[str, Any], *rows: tuple[Any, ...]) -> int:
    with writing(ledger) as connection:
        return add_many(connection, codes, COLUMNS, list(rows), same=run)


def kept(ledger: Engine) -> list[sa.Row[Any]]:
    with ledger.connect() as connection:
        return list(connection.execute(sa.select(codes).order_by(codes.c.code)))


def row(code: str, recipient_id: int | None = None, value: Decimal | None = None) -> tuple[Any, ...]:
    return (code, recipient_id, "", value, None, NOW if value else None)


def test_rows_come_out_as_they_went_in(ledger: Engine, run: dict[str, Any]) -> None:
    with ledger.connect() as connection:
        whose = connection.scalars(sa.select(sa.func.min(recipients.c.id))).one()
    assert add(ledger, run, row("A\tB"), row("C", whose, Decimal("7.5")), row("D\\N")) == 3
    first, second, third = kept(ledger)
    assert (first.code, first.recipient_id, first.value, first.state) == ("A\tB", None, None, "reserved")
    assert (second.recipient_id, second.value, second.valid_until) == (whose, Decimal("7.5"), NOW)
    assert (third.code, third.reserved_at, third.attempts) == ("D\\N", NOW, 0)


NASTY = (
    "\\",
    "\\.",
    "\\N",
    "\\t",
    "\t",
    "\r\n",
    "",
    "'\"",
    "\x0b\x0c\x7f",
    "Žiga 🫖",
    "محمد",
    "\u2028",
    "{1,2}",
    "%s",
)


def test_any_text_comes_out_as_it_went_in(ledger: Engine) -> None:
    planned_run(ledger)
    with ledger.connect() as connection:
        plan_id = connection.scalars(sa.select(sa.func.min(recipients.c.plan_id))).one()
    rows = [(10_000 + index, "a@example.com", text) for index, text in enumerate(NASTY)]
    with writing(ledger) as connection:
        assert add_many(
            connection, recipients, ("customer_id", "email", "name"), rows, same={"plan_id": plan_id}
        ) == len(NASTY)
        names = sa.select(recipients.c.name).where(recipients.c.customer_id >= 10_000)
        assert tuple(connection.scalars(names.order_by(recipients.c.customer_id))) == NASTY


def test_rows_that_violate_a_unique_constraint_are_skipped_and_not_counted(
    ledger: Engine, run: dict[str, Any]
) -> None:
    assert add(ledger, run, row("A"), row("B")) == 2
    assert add(ledger, run, row("B"), row("C", value=Decimal(3)), row("C")) == 1
    assert [one.code for one in kept(ledger)] == ["A", "B", "C"]
    assert add(ledger, run) == 0


def test_any_other_error_is_raised(ledger: Engine, run: dict[str, Any]) -> None:
    with pytest.raises(Exception, match=r"(?i)check|folded"):
        add(ledger, run, row("lower"))
    assert kept(ledger) == []


def test_only_rows_that_are_unchanged_since_they_were_read_are_updated(
    ledger: Engine, run: dict[str, Any]
) -> None:
    add(ledger, run, row("A"), row("B"), row("C"))
    first, second, third = (one.id for one in kept(ledger))
    with writing(ledger) as connection:
        posting = {"state": CodeState.POSTING}
        free = {"coupon_id": None, "state": CodeState.RESERVED}
        assert change_many(connection, codes, [], [(first,), (second,)], same=posting, where=free) == 2
        live = {"state": CodeState.LIVE, "changed_at": NOW}
        found = [(first, 71, "a"), (second, 72, "b"), (third, 73, "c")]
        assert change_many(connection, codes, ["coupon_id", "reason"], found, same=live, where=posting) == 2
        assert change_many(connection, codes, [], [], same=live) == 0
        assert change_many(connection, codes, [], [(first,), (third,)], counted=["attempts"]) == 2
    assert [one.attempts for one in kept(ledger)] == [1, 0, 1]
    assert [(one.state, one.coupon_id, one.reason) for one in kept(ledger)] == [
        ("live", 71, "a"),
        ("live", 72, "b"),
        ("reserved", None, ""),
    ]
