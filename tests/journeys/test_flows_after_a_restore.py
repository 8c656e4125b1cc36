"""After a restore from a backup nobody is contacted twice by a flow, and later customers are contacted."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.clocks import Days, days_from
from tests.crash.backups import postgresql_backup, sqlite_backup
from tests.flows.events import NOTE, campaign
from tests.journeys.path import outbox
from tests.journeys.shop import HOUR, MINUTE, SECOND, Shop
from tests.shop import ANA, ROOT
from tests.store import INDEX_LAG, running, working_for
from tillroll.approve.halt import restart_campaign
from tillroll.campaign import read_book
from tillroll.campaign.language.models import Via
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.stores import load_store
from tillroll.recovery.lost_time import LostTime
from tillroll.recovery.rearm import rearm
from tillroll.sandbox.serve import Sandbox
from tillroll.track.connect import FENCED
from tillroll.track.webhooks.intake import WebhookDelivery, store_event

BEA, CLEO, DORA, FRAN = (f"{name}@example.org" for name in ("bea", "cleo", "dora", "fran"))
GREETS = """message: {template: note, subject: Hello}
offer: {kind: percent, value: 10, valid: {for: 14d}}
approval: {by: 1, auto_when: {codes: 1, worst_case: 1000}}
"""
FILES = {
    NOTE: "<p>{{ code.text }} {{ unsubscribe_link }}</p>",
    "campaigns/welcome.yaml": campaign("customer_created", GREETS),
    "campaigns/thanks.yaml": campaign("order_placed", GREETS),
    "campaigns/quiz.yaml": campaign("{custom: {event: quiz}}", GREETS),
}


@contextmanager
def working(store: Sandbox, url: str, home: Path, days: Days, *, smtp: str = "") -> Iterator[Shop]:
    """Start an installation as a new process would."""
    way = {"mail_via": Via.SMTP if smtp else Via.OUTBOX, "mail_url": smtp}
    with working_for(store, database_url=url, home=home, folder=home / "files", **way) as worker:
        yield Shop(worker=worker, sandbox=store, days=days)


def finishes_a_quiz(shop: Shop, email: str, number: int) -> None:
    now = shop.services.clock.now()
    event = WebhookDelivery(
        event_id=f"e{number}",
        ecwid_id=shop.sandbox.ready.store_id,
        kind="custom.quiz",
        entity=f"quiz-{number}",
        data={"email": email},
        happened_at=now,
    )
    assert store_event(shop.services.engine, event, now=now)


def greetings(shop: Shop) -> Counter[tuple[str, str]]:
    return Counter((line["campaign"], line["to"]) for line in outbox(shop.services) if line["code"])


def rearmed(shop: Shop) -> LostTime:
    with reading(shop.services.engine) as connection:
        row = load_store(connection, 1)
    assert row.state == FENCED
    settled = rearm(shop.services, shop.client, row, person=ANA.email)
    assert settled is not None
    return settled


@pytest.mark.parametrize("smtp", ["", "smtp://127.0.0.1:9"])
def test_nobody_is_contacted_twice_after_a_restore(database_url: str, tmp_path: Path, smtp: str) -> None:
    take_backup = (sqlite_backup if database_url.startswith("sqlite") else postgresql_backup)(database_url)
    for place in ("rules", "templates"):
        shutil.copytree(ROOT / place, tmp_path / "files" / place)
    for name, text in FILES.items():
        path = tmp_path / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert [one.render() for one in read_book(tmp_path / "files").findings] == []
    start = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
    with (
        days_from(start) as days,
        running(tmp_path / "store", customers=8, **INDEX_LAG) as store,
    ):
        with working(store, database_url, tmp_path, days) as shop:
            shop.later(MINUTE)
            days.tick(2 * SECOND)
            shop.comes(BEA, "Bea Kos")
            shop.buys(BEA, "POT-02")
            shop.later(HOUR)
            assert greetings(shop) == Counter([("welcome", BEA), ("thanks", BEA)])
        restore = take_backup(tmp_path)
        with working(store, database_url, tmp_path, days) as shop:
            shop.comes(CLEO, "Cleo Vrh")
            shop.buys(CLEO, "POT-02")
            finishes_a_quiz(shop, BEA, 1)
            shop.later(HOUR)
            before = greetings(shop)
            assert before[("welcome", CLEO)] == before[("thanks", CLEO)] == before[("quiz", BEA)] == 1
            shop.comes(FRAN, "Fran Hrast")  # nobody was at work: but this ledger can't know that
        restore()

        with working(store, database_url, tmp_path, days, smtp=smtp) as shop:
            shop.later(MINUTE)
            settled = rearmed(shop)
            assert settled.remembers is (not smtp)
            assert settled.held == (("quiz",) if smtp else ())
            assert settled.answered == 1
            assert settled.contacted >= 3
        days.tick(2 * SECOND)
        with working(store, database_url, tmp_path, days) as shop:
            shop.buys(CLEO, "POT-02")  # once more: she was thanked in the time that was lost
            shop.buys(BEA, "POT-02")
            finishes_a_quiz(shop, BEA, 2)
            shop.comes(DORA, "Dora Gaj")
            shop.buys(DORA, "POT-02")
            shop.later(HOUR)
            assert greetings(shop) == before + Counter([("welcome", DORA), ("thanks", DORA)])
            if smtp:  # a person must say that it may
                clock = shop.services.clock
                restart_campaign(
                    shop.services.engine, store_id=1, campaign="quiz", person=ANA, note="", now=clock.now()
                )
                days.tick(2 * SECOND)
            finishes_a_quiz(shop, DORA, 3)
            shop.later(HOUR)
            assert greetings(shop)[("quiz", DORA)] == 1
