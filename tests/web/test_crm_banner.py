"""The home page says when the CRM doesn't take what it is sent, and nothing where there is no CRM or no trouble."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.crm.receiver import SECRET, Crm, Mood, crm_server
from tests.shop import SHOP
from tillroll.campaign.language.crm import CrmKind, CrmRules
from tillroll.crm.receivers.choose import CrmAccess
from tillroll.crm.turn import tell_crm
from tillroll.ecwid.http.hosts import AllowedHosts
from tillroll.ledger.crm.events import tell_erasure
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.stores import load_store

TITLE = "The CRM doesn't take everything"


@pytest.fixture
def crm() -> Iterator[Crm]:
    with crm_server() as made:
        yield made


def turn(engine: Engine, store_id: int, crm: Crm, home: Path, clock: FakeClock) -> None:
    rules = CrmRules(webhook=f"{crm.url}/a-secret", what=(CrmKind.ORDERS,))
    access = CrmAccess(home=home, secret=SECRET, hosts=AllowedHosts(private=True))
    with reading(engine) as connection:
        store = load_store(connection, store_id)
    tell_crm(engine, store, rules, access, clock=clock, finished=lambda: False)


def erase(engine: Engine, store_id: int) -> None:
    """Something that the CRM must be told."""
    with writing(engine) as connection:
        tell_erasure(connection, store_id, [1], ["nina@mail.example"])


def home_page(client: FlaskClient) -> str:
    return client.get(f"{SHOP}/").text.replace("&#39;", "'")


def test_a_receiver_that_fails_is_told_of_until_it_takes_again(
    ledger: Engine, ana: FlaskClient, store_id: int, crm: Crm, tmp_path: Path, clock: FakeClock
) -> None:
    assert TITLE not in home_page(ana)
    turn(ledger, store_id, crm, tmp_path, clock)
    assert TITLE not in home_page(ana)
    erase(ledger, store_id)
    crm.mood = lambda _: Mood(status=503, takes=False)
    turn(ledger, store_id, crm, tmp_path, clock)
    page = home_page(ana)
    assert TITLE in page
    assert "127.0.0.1 has taken nothing since Mon 23 Nov 2026, 10:00 CET" in page
    assert "503" in page
    assert "Waiting: 1 change; nothing is lost." in page
    assert "a-secret" not in page, "a webhook's address may hold its key"
    crm.mood = lambda _: Mood()
    clock.pass_by(60)
    turn(ledger, store_id, crm, tmp_path, clock)
    assert TITLE not in home_page(ana)


def test_what_was_refused_for_good_is_told_of(
    ledger: Engine, ana: FlaskClient, store_id: int, crm: Crm, tmp_path: Path, clock: FakeClock
) -> None:
    turn(ledger, store_id, crm, tmp_path, clock)
    erase(ledger, store_id)
    crm.mood = lambda _: Mood(status=400, takes=False)
    for _ in range(6):
        turn(ledger, store_id, crm, tmp_path, clock)
        clock.pass_by(3_700)
    page = home_page(ana)
    assert TITLE in page
    assert "127.0.0.1 has refused 1 change for good." in page
    assert "has taken nothing" not in page
