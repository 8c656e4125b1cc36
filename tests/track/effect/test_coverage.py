"""Two hundred shops whose true effect is known, in one ledger: the stated range holds it as often as the report says."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from math import exp
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tests.shop import NOW, campaign_text, planned_run, sample_book
from tests.track.effect.people import DAY, WINDOW
from tillroll.campaign.states import CodeState, RunState
from tillroll.ledger.engine import open_engine, reading, writing
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import (
    campaigns,
    codes,
    held_back,
    orders,
    plans,
    recipients,
    redemptions,
    runs,
    stores,
)
from tillroll.track.results.effect.estimate import EffectKind
from tillroll.track.results.report import CampaignReport, campaign_reports

SEEDS = 200
WRITTEN_TO, HELD_BACK = 600, 300
BUY, BUY_ANYWAY = 0.13, 0.08  # the share of those written to, and of those held back
AGAIN, WITH_CODE, OFF = (
    0.25,
    0.6,
    4,
)  # of the buyers order twice; of those written to use the code; and save so much
MU, SIGMA = 3.5, 0.6  # of the logarithm of an order
EACH = exp(MU + SIGMA**2 / 2)
TRUE_SHARE = BUY - BUY_ANYWAY
TRUE_REVENUE = BUY * (EACH * (1 + AGAIN) - WITH_CODE * OFF) - BUY_ANYWAY * EACH * (1 + AGAIN)
OF_WINDOW = WINDOW.total_seconds()


@dataclass
class Draw:
    """The rows of one shop, and what its report has to say of the code."""

    seed: int
    rows: dict[sa.Table, list[dict[str, Any]]] = field(default_factory=dict)
    used: int = 0
    saved: Decimal = Decimal(0)
    spent: dict[int, Decimal] = field(default_factory=dict)  # what each buyer spent in their time

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.number = 2_000 + self.seed  # of the store, the run and the plan
        for customer_id in range(1, WRITTEN_TO + HELD_BACK + 1):
            self._person(customer_id, is_ours=customer_id <= WRITTEN_TO)

    def add(self, table: sa.Table, **values: Any) -> None:
        self.rows.setdefault(table, []).append(values)

    def _person(self, customer_id: int, *, is_ours: bool) -> None:
        if is_ours:
            row_id = self.number * 10_000 + customer_id
            of_run = {"store_id": self.number, "run_id": self.number, "recipient_id": row_id}
            self.add(recipients, id=row_id, plan_id=self.number, customer_id=customer_id, email="")
            code = {"code": f"C{row_id}", "state": CodeState.LIVE, "reserved_at": NOW, "changed_at": NOW}
            self.add(codes, id=row_id, **of_run, **code)
        else:
            self.add(held_back, plan_id=self.number, customer_id=customer_id)
        self._besides(customer_id)
        if self.chance.random() >= (BUY if is_ours else BUY_ANYWAY):
            return
        self._order(customer_id, self._moment(), uses_code=is_ours and self.chance.random() < WITH_CODE)
        if self.chance.random() < AGAIN:
            self._order(customer_id, self._moment())

    def _besides(self, customer_id: int) -> None:
        """Add orders that don't count: before and after the person's time, and undone ones in it."""
        fate = self.chance.random()
        if fate < 0.1:
            self._order(customer_id, timedelta(days=-self.chance.randrange(1, 300)))
        elif fate < 0.2:
            self._order(customer_id, WINDOW + timedelta(hours=self.chance.randrange(200)))
        elif fate < 0.3:
            self._order(customer_id, self._moment(), status=self.chance.choice(["CANCELLED", "REFUNDED"]))

    def outcome(self, *, is_ours: bool) -> tuple[int, Decimal]:
        """Return how many of a group bought in their time, and for how much."""
        theirs = [amount for each, amount in self.spent.items() if (each <= WRITTEN_TO) is is_ours]
        return len(theirs), sum(theirs, Decimal(0))

    def _moment(self) -> timedelta:
        return timedelta(seconds=self.chance.randrange(int(OF_WINDOW)))

    def _order(
        self, customer_id: int, after: timedelta, *, uses_code: bool = False, status: str = "PAID"
    ) -> None:
        order_id = f"O{len(self.rows.get(orders, ()))}"
        off = Decimal(OFF if uses_code else 0)
        total = Decimal(str(round(self.chance.lognormvariate(MU, SIGMA), 2))) - off
        moments = {"created_at": NOW + after, "seen_at": NOW + after}
        of_store = {"store_id": self.number, "order_id": order_id}
        self.add(orders, **of_store, customer_id=customer_id, total=total, payment_status=status, **moments)
        if status == "PAID" and timedelta() <= after < WINDOW:
            self.spent[customer_id] = self.spent.get(customer_id, Decimal(0)) + total
        if uses_code:
            self.used, self.saved = self.used + 1, self.saved + off
            code = {"run_id": self.number, "code_id": self.number * 10_000 + customer_id}
            sums = {"order_total": total, "discount": off, "payment_status": status, "at": NOW + after}
            self.add(redemptions, **of_store, **code, **sums)


def pattern(engine: Engine) -> dict[sa.Table, dict[str, Any]]:
    """Plan one run of a campaign that is started by hand. Returns its rows, of which each shop gets copies."""
    text, found = re.subn(r"when:\n(  .*\n)+", "when: {manual: true}\n", campaign_text("winback"))
    assert found == 1
    planned_run(engine, book=sample_book(winback=text))
    with reading(engine) as connection:
        rows = {table: connection.execute(sa.select(table)).first() for table in (stores, plans, runs)}
        winback = sa.select(campaigns).where(campaigns.c.name == "winback")
        rows[campaigns] = connection.execute(winback).one()
    return {table: dict(row._mapping) for table, row in rows.items() if row is not None}


def record(connection: Connection, made: dict[sa.Table, dict[str, Any]], draw: Draw) -> None:
    """Record a shop: its run, which has begun, its people, and what they ordered."""
    number = draw.number
    begun = {"state": RunState.TRACKING, "valid_from": NOW, "valid_until": NOW + 14 * DAY}
    own: dict[sa.Table, dict[str, Any]] = {
        stores: {"id": number, "ecwid_id": number},
        campaigns: {"id": number, "store_id": number},
        runs: {"id": number, "store_id": number, "plan_id": number, **begun},
        plans: {"id": number, "run_id": number},
    }
    for table, values in own.items():
        connection.execute(sa.insert(table).values({**made[table], **values}))
    for table in (recipients, held_back, codes, orders, redemptions):
        connection.execute(sa.insert(table), draw.rows[table])


def reports(engine: Engine) -> Iterator[tuple[Draw, CampaignReport]]:
    made = pattern(engine)
    for seed in range(SEEDS):
        draw = Draw(seed)
        with writing(engine) as connection:
            record(connection, made, draw)
        with reading(engine) as connection:
            store = load_store(connection, draw.number)
            (report,) = campaign_reports(connection, store, now=NOW + WINDOW + 30 * DAY)
        yield draw, report


@pytest.mark.slow
def test_nine_of_ten_reports_hold_the_true_effect(sqlite_url: str) -> None:
    """In 85 to 95 % of 200 shops, for the share of people who order and for what a person spends."""
    ledger = open_engine(sqlite_url)
    shares = spent = 0
    for draw, report in reports(ledger):
        effect = report.effect.effect
        assert (effect.treated.people, effect.control.people) == (WRITTEN_TO, HELD_BACK)
        assert (effect.treated.buyers, effect.treated.revenue) == draw.outcome(is_ours=True)
        assert (effect.control.buyers, effect.control.revenue) == draw.outcome(is_ours=False)
        assert (report.orders, report.discount) == (draw.used, draw.saved)
        assert effect.kind in {EffectKind.MORE, EffectKind.FEWER, EffectKind.UNCLEAR}
        assert effect.orders is not None
        assert effect.revenue is not None
        shares += effect.orders.low <= TRUE_SHARE <= effect.orders.high
        spent += effect.revenue.low <= TRUE_REVENUE <= effect.revenue.high
    ledger.dispose()
    assert 0.85 * SEEDS <= shares <= 0.95 * SEEDS
    assert 0.85 * SEEDS <= spent <= 0.95 * SEEDS
