"""Broken campaigns, by the hundred: each is refused with a place and a reason, or really can be planned, and its coupons made."""

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
from tillroll.campaign.frozen.proposal import Level
from tillroll.campaign.language.models import PERCENT_KINDS
from tillroll.campaign.states import RunState
from tillroll.campaign.timing.schedule import describe, slots
from tillroll.cli.calendar_show import say_run
from tillroll.ecwid.coupons import coupon_body
from tillroll.errors import Refused
from tillroll.ledger.engine import open_engine, reading, writing
from tillroll.ledger.plans import load_plan
from tillroll.ledger.tables import approvals, plans, recipients, runs, stores
from tillroll.mint.begin import begin
from tillroll.mint.coupon import pattern
from tillroll.plan.calendar.coming import Window
from tillroll.plan.calendar.forecast import forecast
from tillroll.plan.calendar.upcoming import upcoming
from tillroll.plan.make import make_plan
from tillroll.plan.record import record_book
from tillroll.plan.slots import start_by_hand

ZONE = ZoneInfo("Europe/Ljubljana")
PEOPLE = [ANA, BEN, *(Person(email=f"{n}@shop.example", roles=ANA.roles) for n in range(8))]


@pytest.fixture
def shop(sqlite_url: str) -> Iterator[Engine]:
    """A store with customers and goods, for all examples of a test."""
    engine = open_engine(sqlite_url)
    store_id = add_store(engine)
    add_customers(engine, store_id, *(lapsed(number) for number in range(1, 9)))
    add_catalogue(engine, store_id)
    yield engine
    engine.dispose()


@settings(max_examples=120, suppress_health_check=list(HealthCheck))
@given(files=broken_folders())
def test_a_broken_campaign_is_refused_at_a_place_or_makes_sense(
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
        _makes_sense(revision)
        _can_be_foretold(shop, book)
        _can_be_run(shop, book, revision)


def _makes_sense(revision: Revision) -> None:
    """Its moments, its words and its figures."""
    when = revision.campaign.when
    found = list(
        islice(
            slots(when, zone=when.zone(ZONE.key), first_seen=NOW, after=NOW, until=NOW + timedelta(366)), 20
        )
    )
    assert [one.at for one in found] == sorted({one.at for one in found})
    assert describe(when, ZONE)
    for step in range(1, max(1, len(revision.campaign.steps)) + 1):
        for arm in revision.arms:
            offer = revision.as_run(step=step, arm=arm).offer
            if offer is not None and offer.kind in PERCENT_KINDS:
                assert 0 < offer.largest_value <= 100
    who = revision.campaign.who
    assert 0 <= who.holdout < 1
    assert who.limit is None or who.limit > 0


def _can_be_foretold(shop: Engine, book: Book) -> None:
    with reading(shop) as connection:
        store = connection.execute(sa.select(stores)).one()
    known = upcoming(shop, store=store, book=book, now=NOW)
    window = Window(zone=ZONE, now=NOW, start=NOW, until=NOW + timedelta(days=9))
    found = forecast(known.scheduled, known.awaited, known.overlaps, window)
    assert all(say_run(run, "EUR", ZONE) for run in found.runs[:3])
    for one in (*known.scheduled, *known.awaited):
        assert one.money.worst is None or one.money.worst >= 0
        assert one.people >= 0


def _can_be_run(shop: Engine, book: Book, revision: Revision) -> None:
    """From the file to the coupons' bodies, by the stages themselves."""
    with writing(shop) as connection:
        for table in (approvals, recipients, plans, runs):  # what earlier examples hold of money and people
            connection.execute(sa.delete(table))
    record_book(shop, store_id=1, book=book, now=NOW)
    try:
        run_id = start_by_hand(
            shop, store_id=1, name=revision.name, person="ana", now=NOW, key=revision.digest
        )
    except Refused:  # a draft, or one that waits for events
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
        assert any(one.level is Level.WARN for one in plan.proposal.verdicts)
        return
    if begin(shop, run_id=run_id, now=NOW) is not RunState.MINTING or not plan.proposal.offer:
        return
    run = run_row(shop, run_id)
    assert run.valid_until > NOW
    with reading(shop) as connection:
        requests = pattern(connection, run).arms
    for request in requests.values():
        body = json.loads(json.dumps(coupon_body(request), allow_nan=False))
        assert len(body["name"]) <= 130
        if "PERCENT" in body["discountType"] and request.discount:
            assert 0 < Decimal(str(body["discount"])) <= 100
        assert body.get("totalLimit", 1) >= 0
