"""Guardrails that depend on more than the plan: other runs, customers, the catalogue, the calendar and approvers."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.plan.shelf import POT, TEA, add_catalogue
from tests.send.room import context_of, lines_of, minted
from tests.shop import ANA, BEN, NOW, add_customers, add_store, lapsed, run_row, sample_files
from tillroll.approve.act import approve, settle_waiting_runs
from tillroll.campaign import Book, parse_book
from tillroll.campaign.frozen.proposal import Goods, StoredPlan, Verdict, VerdictLevel
from tillroll.campaign.language.models import Offer
from tillroll.campaign.states import RunState
from tillroll.errors import Refused
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.tables import messages, products, recipients
from tillroll.mint.issue.begin import begin
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.freeze import PIECE
from tillroll.plan.goods.margin import below_margin
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book
from tillroll.send.slices.deliver import send_slice

CAMPAIGN = """title: Hello
owner: ana@shop.example
status: active
when: {manual: true}
who: {segment: lapsed-90}
offer: {kind: percent, value: 10, valid: {for: 14d}}
message: {template: winback, subject: Hello}
"""
DAY = timedelta(days=1)


def book_of(text: str = CAMPAIGN, *, rails: str = "", calendar: str = "") -> Book:
    """Return a book with one campaign, `hello`, under the given guardrails."""
    files = {path: text for path, text in sample_files().items() if not path.startswith("campaigns/")}
    files |= {"campaigns/hello.yaml": text.encode(), "rules/guardrails.yaml": rails.encode()}
    files["rules/calendar.yaml"] = calendar.encode()
    book = parse_book({path: text for path, text in files.items() if text})
    assert not book.findings
    return book


def open_shop(engine: Engine, book: Book, people: int = 8) -> int:
    store_id = add_store(engine)
    add_customers(engine, store_id, *(lapsed(number) for number in range(1, people + 1)))
    record_book(engine, store_id=store_id, book=book, now=NOW)
    return store_id


def plan_of(engine: Engine, store_id: int, clock: FakeClock) -> StoredPlan:
    clock.at += timedelta(seconds=1)  # runs by hand are distinguished by their start
    run_id = start_by_hand(engine, store_id=store_id, name="hello", person=ANA.email, now=clock.now())
    make_plan(engine, run_id=run_id, now=clock.now(), per_minute=600)
    with engine.connect() as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    return plan


def verdict(plan: StoredPlan, rule: str) -> Verdict:
    return next(candidate for candidate in plan.proposal.verdicts if candidate.rule == rule)


def agree(engine: Engine, plan: StoredPlan, clock: FakeClock, person: object = ANA) -> RunState:
    return approve(
        engine,
        run_id=plan.run_id,
        digest=plan.digest,
        person=person,
        note="",
        now=clock.now(),  # type: ignore[arg-type]
    )


def test_the_worst_case_per_month_limits_approvals_until_the_next_month(ledger: Engine) -> None:
    clock = FakeClock()  # 10% of a basket of 500 for 8 people: 400 a run
    store_id = open_shop(ledger, book_of(rails="worst_case_per_month: EUR 1000"))
    for _ in range(2):
        assert agree(ledger, plan_of(ledger, store_id, clock), clock) is RunState.APPROVED
    third = plan_of(ledger, store_id, clock)
    month = verdict(third, "worst_case_per_month")
    assert (month.level, month.measured) == (VerdictLevel.WARN, "1200.00")
    with pytest.raises(Refused, match=r"this month's runs may cost 800[.]00 already"):
        agree(ledger, third, clock)
    clock.at += timedelta(days=8)  # December
    later = plan_of(ledger, store_id, clock)
    assert verdict(later, "worst_case_per_month").level is VerdictLevel.PASS
    assert agree(ledger, later, clock) is RunState.APPROVED


def test_a_run_above_the_monthly_worst_case_is_refused_at_once(ledger: Engine) -> None:
    store_id = open_shop(ledger, book_of(rails="worst_case_per_month: 399"))
    plan = plan_of(ledger, store_id, FakeClock())
    assert verdict(plan, "worst_case_per_month").level is VerdictLevel.REFUSE
    assert run_row(ledger, plan.run_id).state == RunState.REFUSED


def test_the_codes_per_day_are_limited_by_the_stores_local_date(ledger: Engine) -> None:
    clock = FakeClock()
    store_id = open_shop(ledger, book_of(rails="codes_per_day: 12"))
    clock.at = NOW.replace(hour=22, minute=30)  # 23:30 in Ljubljana
    assert agree(ledger, plan_of(ledger, store_id, clock), clock) is RunState.APPROVED
    second = plan_of(ledger, store_id, clock)
    assert verdict(second, "codes_per_day").level is VerdictLevel.WARN
    with pytest.raises(Refused, match="8 codes approved today already; 8 more exceeds the limit of 12 a day"):
        agree(ledger, second, clock)
    clock.at += timedelta(minutes=31)  # the same day in UTC
    assert agree(ledger, second, clock) is RunState.APPROVED


def test_automatic_approval_waits_for_the_next_day(ledger: Engine) -> None:
    clock = FakeClock()
    text = CAMPAIGN + "approval: {by: 1, expires: 5d, auto_when: {codes: 100, worst_case: 1000}}\n"
    store_id = open_shop(ledger, book_of(text, rails="codes_per_day: 12"))
    runs = [plan_of(ledger, store_id, clock).run_id for _ in range(2)]
    settle_waiting_runs(ledger, store_id=store_id, now=clock.now())
    assert [run_row(ledger, run_id).state for run_id in runs] == [RunState.APPROVED, RunState.WAITING]
    settle_waiting_runs(ledger, store_id=store_id, now=clock.now() + DAY)
    assert [run_row(ledger, run_id).state for run_id in runs] == [RunState.APPROVED, RunState.APPROVED]


def test_a_large_run_needs_more_approvers_than_its_campaign_requires(ledger: Engine) -> None:
    clock = FakeClock()
    text = CAMPAIGN + "approval: {by: 1, auto_when: {codes: 100, worst_case: 1000}}\n"
    store_id = open_shop(ledger, book_of(text, rails="approvers: [{worst_case: EUR 400, by: 2}]"))
    plan = plan_of(ledger, store_id, clock)
    assert verdict(plan, "approvers").level is VerdictLevel.APPROVERS
    assert plan.proposal.approvers == 2
    settle_waiting_runs(ledger, store_id=store_id, now=clock.now())
    assert run_row(ledger, plan.run_id).state == RunState.WAITING, (
        "automatic approval must not replace two approvers"
    )
    assert agree(ledger, plan, clock) is RunState.WAITING
    assert agree(ledger, plan, clock, BEN) is RunState.APPROVED


def test_customers_at_the_weekly_limit_of_e_mails_are_excluded(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    store_id = open_shop(ledger, book_of(rails="messages_per_person_per_week: 1"))
    first = plan_of(ledger, store_id, clock)
    agree(ledger, first, clock)
    begin(ledger, run_id=first.run_id, now=clock.now())
    minted(ledger, first.run_id, clock)
    send_slice(context_of(ledger, tmp_path, clock), run_id=first.run_id, until=clock.now() + DAY)
    assert len(lines_of(tmp_path)) == 8
    clock.at += 6 * DAY
    run_id = start_by_hand(ledger, store_id=store_id, name="hello", person=ANA.email, now=clock.now())
    make_plan(ledger, run_id=run_id, now=clock.now(), per_minute=600)
    row = run_row(ledger, run_id)
    assert (row.state, row.reason) == (RunState.DONE, "nobody is in the audience")
    clock.at += DAY
    assert plan_of(ledger, store_id, clock).proposal.audience.count == 8


def test_an_e_mail_above_the_weekly_limit_waits_until_the_limit_allows_it(
    ledger: Engine, tmp_path: Path
) -> None:
    clock = FakeClock()
    store_id = open_shop(ledger, book_of(rails="messages_per_person_per_week: 1"))
    plans = [plan_of(ledger, store_id, clock) for _ in range(2)]  # neither plan counts the other's e-mails
    for plan in plans:
        agree(ledger, plan, clock)
        begin(ledger, run_id=plan.run_id, now=clock.now())
        minted(ledger, plan.run_id, clock)
    context = context_of(ledger, tmp_path, clock)
    assert send_slice(context, run_id=plans[0].run_id, until=clock.now() + DAY) is None
    next_at = send_slice(context, run_id=plans[1].run_id, until=clock.now() + DAY)
    assert next_at is not None
    assert next_at == clock.now() + 7 * DAY
    assert len(lines_of(tmp_path)) == 8
    with ledger.connect() as connection:
        reasons = set(connection.scalars(sa.select(messages.c.reason).where(messages.c.state == "ready")))
    assert reasons == {"the customer has reached the limit of e-mails per week"}
    clock.at = next_at
    assert send_slice(context, run_id=plans[1].run_id, until=clock.now() + DAY) is None
    assert len(lines_of(tmp_path)) == 16


@pytest.mark.parametrize(
    ("calendar", "refused"),
    [("blackout: [11-20..11-25]", True), ("blackout: [2026-11-24]", False)],
)
def test_no_run_begins_on_a_blackout_day(ledger: Engine, calendar: str, refused: bool) -> None:
    store_id = open_shop(ledger, book_of(calendar=calendar))
    plan = plan_of(ledger, store_id, FakeClock())
    assert (verdict(plan, "blackout").level is VerdictLevel.REFUSE) is refused
    assert (run_row(ledger, plan.run_id).state == RunState.REFUSED) is refused


def test_an_audience_of_several_batches_is_frozen_completely(ledger: Engine) -> None:
    store_id = open_shop(ledger, book_of(), people=PIECE + 3)
    plan = plan_of(ledger, store_id, FakeClock())
    with ledger.connect() as connection:
        frozen = connection.scalar(sa.select(sa.func.count()).select_from(recipients))
    assert frozen == plan.proposal.audience.count == PIECE + 3


def test_a_blackout_day_follows_the_campaigns_own_time_zone(ledger: Engine) -> None:
    """In Auckland it is already the next day, whatever the store's date."""
    in_auckland = CAMPAIGN.replace("{manual: true}", "{manual: true, timezone: Pacific/Auckland}")
    clock = FakeClock(at=NOW.replace(hour=12))
    store_id = open_shop(
        ledger, book_of(in_auckland, calendar=f"blackout: [{clock.at + timedelta(days=1):%Y-%m-%d}]")
    )
    assert verdict(plan_of(ledger, store_id, clock), "blackout").level is VerdictLevel.REFUSE


def test_a_plan_names_the_products_that_would_be_sold_below_cost(ledger: Engine) -> None:
    clock = FakeClock()
    store_id = open_shop(ledger, book_of(rails="least_margin: 0"))
    assert verdict(plan_of(ledger, store_id, clock), "least_margin").level is VerdictLevel.WARN, (
        "no cost is known"
    )
    add_catalogue(ledger, store_id)
    priced(ledger, TEA, price="10", cost="9.01")
    priced(ledger, POT, price="30", cost="27")
    margin = verdict(plan_of(ledger, store_id, clock), "least_margin")
    assert (margin.level, margin.measured) == (VerdictLevel.REFUSE, "1 of 2 products below")
    assert margin.text == "it would sell below cost: Sencha"
    priced(ledger, TEA, price="10", cost="9")
    assert verdict(plan_of(ledger, store_id, clock), "least_margin").level is VerdictLevel.PASS


def priced(engine: Engine, product_id: int, *, price: str, cost: str) -> None:
    with writing(engine) as connection:
        connection.execute(
            sa.update(products)
            .where(products.c.product_id == product_id)
            .values(price=Decimal(price), cost_price=Decimal(cost))
        )


_CENTS = st.integers(1, 100_000).map(lambda cents: Decimal(cents) / 100)


def left_of(offer: Offer, price: Decimal) -> Decimal:
    """Return the price of a product after the discount, by plain arithmetic."""
    if offer.kind == "percent":
        return price * (100 - offer.largest_value) / 100
    if offer.kind == "amount":
        basket = max(price, offer.minimum_subtotal or Decimal(0))
        return price - price * offer.largest_value / basket
    return price


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    price=_CENTS,
    cost=_CENTS,
    margin=st.integers(0, 99),
    kind=st.sampled_from(["percent", "amount", "free_shipping"]),
    value=st.integers(1, 99),
    least=st.one_of(st.none(), st.integers(100, 2000)),
)
def test_the_margin_matches_plain_arithmetic(
    one_product: Engine, price: Decimal, cost: Decimal, margin: int, kind: str, value: int, least: int | None
) -> None:
    fields = {"kind": kind, "value": value, "minimum_subtotal": least, "valid": {"for": "1d"}}
    if kind == "free_shipping":
        del fields["value"]
    offer = Offer.model_validate({key: field for key, field in fields.items() if field is not None})
    priced(one_product, TEA, price=str(price), cost=str(cost))
    with one_product.connect() as connection:
        result = below_margin(connection, store_id=1, offer=offer, goods=None, margin=Decimal(margin))
    assert result.with_cost == 1
    assert bool(result.count) is (left_of(offer, price) * (100 - margin) / 100 < cost)


@pytest.fixture
def one_product(ledger: Engine) -> Engine:
    add_catalogue(ledger, add_store(ledger))
    return ledger


def test_only_the_products_of_the_offer_are_counted(one_product: Engine) -> None:
    priced(one_product, TEA, price="10", cost="9.99")
    offer = Offer.model_validate({"kind": "percent", "value": 10, "valid": {"for": "1d"}})
    with one_product.connect() as connection:
        result = below_margin(connection, store_id=1, offer=offer, goods=Goods(), margin=Decimal(0))
    assert (result.with_cost, result.count) == (0, 0)
