"""What customers read in their e-mails is what the till gives them: drawn campaigns, shops and people."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.clocks import Days, days_from
from tests.flows.events import all_runs
from tests.fuzz.draws import (
    LANGUAGES,
    POT,
    POTS,
    TEA,
    TEAS,
    TODAY,
    DrawnCampaign,
    DrawnShop,
    campaigns,
    shops,
)
from tests.fuzz.oracle import Mail, misread, tries
from tests.fuzz.written import files_of
from tests.journeys.path import agree, outbox
from tests.journeys.steps import write_down
from tests.store import running, working_for
from tillroll.campaign import Book, parse_book
from tillroll.campaign.states import RUN_FINAL, RunState
from tillroll.loop.advance import StoreWorker, advance
from tillroll.loop.worker import SLICE
from tillroll.plan.due.slots import start_by_hand
from tillroll.sandbox.serve import Sandbox

EACH, SHOPS = 25, 14
"""Campaigns of a shop, and shops of a language: 2,100 campaigns in all."""

START = datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC)
_SETTLED = RUN_FINAL | {RunState.TRACKING}


@st.composite
def shops_with_campaigns(draw: st.DrawFn, language: str) -> tuple[DrawnShop, list[DrawnCampaign]]:
    shop = draw(shops(language))
    return shop, [draw(campaigns(shop)) for _ in range(EACH)]


def furnish(sandbox: Sandbox, shop: DrawnShop, worker: StoreWorker) -> None:
    """Make the sandbox the drawn shop: its profile, its goods and its people."""
    profile = {
        "formatsAndUnits": {"currency": shop.currency, "timezone": shop.zone},
        "languages": {
            "enabledLanguages": sorted({*LANGUAGES, "de-AT", "ja"}),
            "defaultLanguage": shop.language,
        },
    }
    kept = json.loads(sandbox.store.state.fact("profile") or "{}")
    with sandbox.store.state.transaction() as state:
        state.keep_fact("profile", json.dumps({**kept, **profile}))
    connection = worker.client.connection
    for sku, name, category in (("TEA-1", TEA, TEAS), ("POT-1", POT, POTS)):
        shelf = connection.write("POST", "/categories", body={"name": category})["id"]
        body = {
            "sku": sku,
            "name": name,
            "price": float(shop.unit),
            "unlimited": True,
            "categoryIds": [shelf],
        }
        connection.write("POST", "/products", body=body)
    for person in shop.people:
        body = {"email": person.email, "acceptMarketing": True, "lang": person.language or None}
        if person.name:
            body["billingPerson"] = {"name": person.name}
        connection.write(
            "POST", "/customers", body={key: value for key, value in body.items() if value is not None}
        )
        if person.spent:
            order = {
                "email": person.email,
                "total": person.spent,
                "subtotal": person.spent,
                "createDate": "2026-06-01 10:00:00 +0000",
            }
            connection.write("POST", "/orders", body={**order, "paymentStatus": "PAID", "items": []})


@contextmanager
def opened(shop: DrawnShop, template: Path) -> Iterator[tuple[Sandbox, StoreWorker, Days]]:
    """Open the drawn shop, and an installation that works for it."""
    with (
        TemporaryDirectory(prefix="drawn-") as folder,
        days_from(START) as days,
        running(Path(folder) / "store", customers=0, unknown_language="accept") as sandbox,
    ):
        home = Path(folder)
        shutil.copyfile(template, home / "ledger.sqlite3")
        (home / "marketing" / "campaigns").mkdir(parents=True)
        url = f"sqlite:///{folder}/ledger.sqlite3"
        with working_for(sandbox, database_url=url, home=home, folder=home / "marketing") as worker:
            furnish(sandbox, shop, worker)
            yield sandbox, worker, days


def sound_book(shop: DrawnShop, drawn: dict[str, DrawnCampaign]) -> Book:
    """Return the book of the campaigns that `check` has nothing against; the others are left out of `drawn`."""
    book = parse_book(files_of(shop, drawn))
    for finding in book.findings:
        drawn.pop(Path(finding.file).stem, None)
    return parse_book(files_of(shop, drawn)) if book.findings else book


def settle(worker: StoreWorker) -> None:
    """Approve what may be approved, and go on until every run is over."""
    services = worker.services
    for _ in range(400):
        advance(worker, until=services.clock.now() + SLICE)
        runs = all_runs(services.engine)
        for run in runs:
            if run.state == RunState.WAITING:
                agree(services, run.id)
        if all(RunState(run.state) in _SETTLED for run in runs):
            return
    raise AssertionError([(run.campaign, run.state, run.reason) for run in all_runs(services.engine)])


def mails(
    worker: StoreWorker, shop: DrawnShop, drawn: dict[str, DrawnCampaign], sent_at: datetime
) -> list[Mail]:
    people = {person.email: person for person in shop.people}
    folder = worker.services.settings.outbox
    return [
        Mail.of(
            (folder / line["file"]).read_bytes(),
            name=line["campaign"],
            campaign=drawn[line["campaign"]],
            reader=people[line["to"]],
            code=line["code"],
            sent_at=sent_at,
        )
        for line in outbox(worker.services)
    ]


def complaints(shop: DrawnShop, drawn: dict[str, DrawnCampaign], template: Path) -> tuple[list[str], int]:
    """Run drawn campaigns to the outbox and the till. Return what customers would complain of, and how many e-mails left."""
    with opened(shop, template) as (sandbox, worker, days):
        book = sound_book(shop, drawn)
        write_down(worker, book)
        for name in drawn:
            start_by_hand(
                worker.services.engine, store_id=1, name=name, person="ana", now=worker.services.clock.now()
            )
        settle(worker)
        sent = mails(worker, shop, drawn, worker.services.clock.now())
        found = [f"{mail.name} to {mail.reader}: {fault}" for mail in sent for fault in misread(shop, mail)]
        planned = []
        for mail in sent:
            opens = mail.sent_at
            if mail.campaign.announced and mail.campaign.until is not None:
                opens = datetime.fromisoformat(mail.campaign.valid[7:17]).replace(tzinfo=ZoneInfo(shop.zone))
            planned += tries(shop, mail, opens)
        ended = worker.services.clock.now()
        for one in sorted(planned, key=lambda each: each.at):
            if one.at > ended:  # each at its own moment, however long the earlier tries took
                days.move_to(one.at.astimezone(UTC))
            found += [f"{one.mail.name} to {one.mail.reader}: {fault}" for fault in one.faults(sandbox)]
    return found, len(sent)


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_customers_get_what_they_read(sqlite_template: Path, language: str) -> None:
    counts = []

    @seed(LANGUAGES.index(language))
    @settings(
        max_examples=SHOPS,
        phases=[Phase.generate],
        derandomize=False,  # each language would draw the same
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(drawn=shops_with_campaigns(language))
    def check(drawn: tuple[DrawnShop, list[DrawnCampaign]]) -> None:
        shop, several = drawn
        named = {f"c{number}": campaign for number, campaign in enumerate(several)}
        found, emails = complaints(shop, named, sqlite_template)
        about = sorted({line.partition(" ")[0] for line in found})[:5]
        shown = [*found[:20], *(f"{name}: {named[name]}" for name in about)]
        assert not found, "\n".join([f"{len(found)} complaints in {shop}", *shown])
        counts.append((len(named), emails))

    check()
    sound, emails = (sum(each) for each in zip(*counts, strict=True))
    assert sound > 0.9 * EACH * SHOPS, "too many of the drawn campaigns were refused"
    assert emails > 3 * sound * 0.95, "too few of the plans went through"
