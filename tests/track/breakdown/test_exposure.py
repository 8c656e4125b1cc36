"""What live codes may still cost, beside an oracle that adds up what the till would take off, code by code."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import ANA, NOW, add_customers, add_store, campaign_text, lapsed, run_row, sample_book
from tillroll.campaign.states import CodeState, RunState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import codes, day_sums, redemptions, runs
from tillroll.mint.coupon import load_pattern
from tillroll.mint.issue.reserve import reserve
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book
from tillroll.track.results.breakdown.collect import Groups, campaign_groups
from tillroll.track.results.breakdown.groups import GroupBy

DAY = timedelta(days=1)
END = NOW + 14 * DAY
LARGEST, SHIPPING = Decimal(150), Decimal(8)  # of the sample's guardrails
ARMS = """variants:
  - {name: percent}
  - {name: capped, offer: {at_most: 12.50}}
  - name: own
    offer: {value: {table: {by: average_order, rows: [{from: 0, value: 4}, {from: 25, value: 11}, {from: 60, value: 20}]}}}
  - {name: euros, offer: {kind: amount_and_shipping, value: 7.35}}
approval:"""


def reserved(engine: Engine, text: str, averages: list[Decimal]) -> int:
    """Plan a run for customers with these average orders, and make its codes live. Returns the run."""
    store_id = add_store(engine)
    people = [
        lapsed(number, orders=3, spent=3 * average, language="de" if number % 3 else "en")
        for number, average in enumerate(averages, start=1)
    ]
    add_customers(engine, store_id, *people)
    book = sample_book(winback=text.replace(", 15% is waiting for you", ", something is waiting for you"))
    assert not book.findings, [finding.render() for finding in book.findings]
    record_book(engine, store_id=store_id, book=book, now=NOW)
    run_id = start_by_hand(engine, store_id=store_id, name="winback", person=ANA.email, now=NOW)
    make_plan(engine, run_id=run_id, now=NOW, per_minute=600)
    with writing(engine) as connection:
        begun = {"state": RunState.TRACKING, "valid_from": NOW, "valid_until": END}
        connection.execute(sa.update(runs).where(runs.c.id == run_id).values(begun))
    reserve(engine, run=run_row(engine, run_id), now=NOW)
    with writing(engine) as connection:
        connection.execute(sa.update(codes).values(state=CodeState.LIVE))
    return run_id


def use(engine: Engine, code_id: int, run_id: int, discount: int = 1) -> None:
    row = {"store_id": 1, "run_id": run_id, "code_id": code_id, "order_id": f"O{code_id}", "at": NOW + DAY}
    amounts = {"order_total": Decimal(50), "discount": Decimal(discount), "payment_status": "PAID"}
    with writing(engine) as connection:
        connection.execute(sa.insert(redemptions).values({**row, **amounts}))


def groups(engine: Engine, now: datetime = NOW + DAY) -> Groups:
    with reading(engine) as connection:
        return campaign_groups(connection, load_store(connection, 1), "winback", now=now)


def oracle(engine: Engine, run_id: int, largest: Decimal, now: datetime) -> dict[str, Decimal]:
    """Add up by arm what the till takes off the largest basket for each code that works and is not used."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    run = run_row(engine, run_id)
    used = sa.exists().where(redemptions.c.code_id == codes.c.id)
    with reading(engine) as connection:
        pattern = load_pattern(connection, run)
        rows = connection.execute(sa.select(codes).where(codes.c.state == CodeState.LIVE, ~used)).all()
    for row in rows:
        until = row.valid_until or run.extended_until or run.valid_until
        if until <= now:
            continue
        coupon = pattern.request(row)
        basket = max(largest, coupon.minimum_subtotal or Decimal(0))
        kind = coupon.discount_type  # like PERCENT_SHIPPING
        off = basket * coupon.discount / 100 if "PERCENT" in kind else min(coupon.discount, basket)
        found[row.arm] += off + (SHIPPING if "SHIPPING" in kind else Decimal(0))
    return found


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_CEILING)


def check(engine: Engine, largest: Decimal) -> None:
    """Compare before any code is used, and after some were used, paused, revoked and have expired."""
    with reading(engine) as connection:
        run_id = connection.scalars(sa.select(runs.c.id)).one()
        plan = load_plan(connection, run_id)
        every = connection.execute(sa.select(codes.c.id, codes.c.arm).order_by(codes.c.id)).all()
    assert plan is not None
    arms = groups(engine)[GroupBy.ARM]
    assert sum(arm.codes.exposure or 0 for arm in arms) == plan.proposal.exposure.worst_case
    chance = random.Random(7)
    for code in every:
        fate = chance.choice(["", "", "", "used", "paused", "revoked", "expired"])
        if fate == "used":
            use(engine, code.id, run_id)
            continue
        changed = {
            "paused": {"state": CodeState.PAUSED},
            "revoked": {"state": CodeState.REVOKED},
            "expired": {"valid_from": NOW, "valid_until": NOW + DAY},
        }
        if fate:
            with writing(engine) as connection:
                connection.execute(sa.update(codes).where(codes.c.id == code.id).values(changed[fate]))
    wanted = oracle(engine, run_id, largest, NOW + DAY)
    found = groups(engine)
    assert {arm.name: arm.codes.exposure for arm in found[GroupBy.ARM]} == {
        arm: cents(amount) for arm, amount in wanted.items()
    }
    assert len(set(wanted.values())) == len({code.arm for code in every})
    for by in (GroupBy.WEEK, GroupBy.SEGMENT):
        (whole,) = found[by]
        assert whole.codes.exposure == cents(sum(wanted.values(), Decimal(0)))
    (over,) = groups(engine, END + DAY)[GroupBy.SEGMENT]
    assert (over.codes.live, over.codes.exposure) == (0, 0)


def averages(count: int = 120) -> list[Decimal]:
    chance = random.Random(3)
    return [Decimal(chance.randrange(800, 14_000)) / 100 for _ in range(count)]


def test_each_arm_costs_what_its_own_codes_take_off(ledger: Engine) -> None:
    reserved(ledger, campaign_text("winback").replace("approval:", ARMS), averages())
    check(ledger, LARGEST)


def test_a_recipient_with_larger_orders_raises_what_percentages_may_cost(ledger: Engine) -> None:
    reserved(
        ledger, campaign_text("winback").replace("approval:", ARMS), [*averages(), *[Decimal("1234.57")] * 5]
    )
    check(ledger, Decimal("1234.57"))


def test_codes_that_may_be_used_again_cost_what_is_left_of_the_budget(ledger: Engine) -> None:
    text = campaign_text("winback").replace("uses: single", "uses: unlimited")
    text = text.replace("budget: {worst_case: 400000}", "budget: {discount: 500}")
    reserved(ledger, text, averages(20))
    (before,) = groups(ledger)[GroupBy.SEGMENT]
    assert before.codes.exposure == 500
    sums = {"orders": 3, "revenue": Decimal(900), "discount": Decimal("120.40")}
    with writing(ledger) as connection:
        row = {"store_id": 1, "day": "2026-11-24", "campaign": "winback", **sums}
        connection.execute(sa.insert(day_sums).values(row))
    (after,) = groups(ledger)[GroupBy.SEGMENT]
    assert after.codes.exposure == Decimal("379.60")


def test_codes_that_may_be_used_again_cost_without_limit_if_there_is_no_budget(ledger: Engine) -> None:
    text = campaign_text("winback").replace("uses: single", "uses: unlimited")
    reserved(ledger, text.replace("budget: {worst_case: 400000}\n", ""), averages(20))
    (whole,) = groups(ledger)[GroupBy.SEGMENT]
    assert whole.codes.exposure is None
