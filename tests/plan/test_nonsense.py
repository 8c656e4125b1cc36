"""Many broken campaigns: each is refused with a position and a reason, or can be planned and minted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from sqlalchemy.engine import Engine

from tests.campaign.junk import broken_folders
from tests.plan.shelf import add_catalogue
from tests.shop import ANA, BEN, NOW, add_customers, add_store, lapsed, run_row
from tillroll.approve.act import approve
from tillroll.approve.decide import Person
from tillroll.campaign import Book, Revision, parse_book
from tillroll.campaign.frozen.proposal import VerdictLevel
from tillroll.campaign.language.models import PERCENT_KINDS
from tillroll.campaign.states import RunState
from tillroll.campaign.timing.schedule import describe, slots
from tillroll.cli.calendar.show import say_run
from tillroll.ecwid.endpoints.coupons import coupon_body
from tillroll.errors import Refused
from tillroll.ledger.engine import open_engine, reading, writing
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.tables import approvals, plans, recipients, runs, stores
from tillroll.mint.coupon import load_pattern
from tillroll.mint.issue.begin import begin
from tillroll.outlook.coming import ForecastWindow
from tillroll.outlook.forecast import forecast
from tillroll.outlook.upcoming import read_forecast_input
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book

ZONE = ZoneInfo("Europe/Ljubljana")
PEOPLE = [ANA, BEN, *(Person(email=f"{n}@shop.example", roles=ANA.roles) for n in range(8))]


@pytest.fixture
def shop(sqlite_url: str) -> Iterator[Engine]:
    """A store with customers and products, shared by all examples of a test."""
    engine = open_engine(sqlite_url)
    store_id = add_store(engine)
    add_customers(engine, store_id, *(lapsed(number) for number in range(1, 9)))
    add_catalogue(engine, store_id)
    yield engine
    engine.dispose()


@settings(max_examples=120, suppress_health_check=list(HealthCheck))
@given(files=broken_folders())
def test_a_broken_campaign_is_refused_with_a_position_or_can_be_planned(
    shop: Engine, files: dict[str, bytes]
) -> None:
    book = parse_book(files)
    for finding in book.findings:
        assert finding.file in files
        lines = files[finding.file].decode().splitlines()
        assert 1 <= finding.line <= len(lines) + 1
        assert 1 <= finding.column <= len(lines[finding.line - 1] if finding.line <= len(lines) else "") + 1
        assert finding.problem
        assert "pydantic" not in finding.render()
    for revision in book.revisions.values():
        _check_meaning(revision)
        _check_forecast(shop, book)
        _check_run(shop, book, revision)


def _check_meaning(revision: Revision) -> None:
    """Check the slots, sentences and figures of a campaign."""
    when = revision.campaign.when
    found_slots = list(
        islice(
            slots(when, zone=when.zone(ZONE.key), first_seen=NOW, after=NOW, until=NOW + timedelta(366)), 20
        )
    )
    assert [slot.at for slot in found_slots] == sorted({slot.at for slot in found_slots})
    assert describe(when, ZONE)
    for step in range(1, max(1, len(revision.campaign.steps)) + 1):
        for arm in revision.arms:
            offer = revision.as_run(step=step, arm=arm).offer
            if offer is not None and offer.kind in PERCENT_KINDS:
                assert 0 < offer.largest_value <= 100
    who = revision.campaign.who
    assert 0 <= who.holdout < 1
    assert who.limit is None or who.limit > 0


def _check_forecast(shop: Engine, book: Book) -> None:
    with reading(shop) as connection:
        store = connection.execute(sa.select(stores)).one()
    forecast_input = read_forecast_input(shop, store=store, book=book, now=NOW)
    window = ForecastWindow(zone=ZONE, now=NOW, start=NOW, until=NOW + timedelta(days=9))
    result = forecast(forecast_input.scheduled, forecast_input.awaited, forecast_input.overlaps, window)
    assert all(say_run(run, "EUR", ZONE) for run in result.runs[:3])
    for expected_run in (*forecast_input.scheduled, *forecast_input.awaited):
        assert expected_run.money.worst is None or expected_run.money.worst >= 0
        assert expected_run.people >= 0


def _check_run(shop: Engine, book: Book, revision: Revision) -> None:
    """Run a campaign from its file to the bodies of its coupons through the real stages."""
    with writing(shop) as connection:
        for table in (approvals, recipients, plans, runs):  # left by earlier examples
            connection.execute(sa.delete(table))
    record_book(shop, store_id=1, book=book, now=NOW)
    try:
        run_id = start_by_hand(
            shop, store_id=1, name=revision.name, person="ana", now=NOW, key=revision.digest
        )
    except Refused:  # a draft or a campaign that waits for events
        return
    if make_plan(shop, run_id=run_id, now=NOW, per_minute=600) is not RunState.WAITING:
        return
    with reading(shop) as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    try:
        for person in PEOPLE[: plan.proposal.approvers]:
            approve(shop, run_id=run_id, digest=plan.digest, person=person, note="", now=NOW)
    except Refused:  # as the plan's warnings say
        assert any(verdict.level is VerdictLevel.WARN for verdict in plan.proposal.verdicts)
        return
    if begin(shop, run_id=run_id, now=NOW) is not RunState.MINTING or not plan.proposal.offer:
        return
    run = run_row(shop, run_id)
    assert run.valid_until > NOW
    with reading(shop) as connection:
        requests = load_pattern(connection, run).arms
    for request in requests.values():
        body = json.loads(json.dumps(coupon_body(request), allow_nan=False))
        assert len(body["name"]) <= 130
        if "PERCENT" in body["discountType"] and request.discount:
            assert 0 < Decimal(str(body["discount"])) <= 100
        assert body.get("totalLimit", 1) >= 0
