"""A push that doesn't go on is said: once by a notice, and by `tillroll status` for as long as it lasts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.crm.receiver import SECRET, Mood, crm_server
from tests.crm.test_push import Shop
from tests.loop.test_notices import Desk
from tests.send.room import nowhere
from tests.shop import ANA, NOW
from tillroll.campaign.language.crm import CrmKind, CrmRules
from tillroll.crm.receivers.choose import open_receiver
from tillroll.errors import Misconfigured
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import stores
from tillroll.loop.crm import crm_access, push_changes
from tillroll.loop.stages.store_worker import StoreWorker
from tillroll.settings import LIVE, SANDBOX, Settings
from tillroll.track.connect import FENCED


@pytest.fixture
def shop(ledger: Engine, tmp_path: Path) -> Shop:
    return Shop(ledger, tmp_path)


def test_a_trouble_that_lasts_is_told_once_and_refusals_once(shop: Shop, tmp_path: Path) -> None:
    desk = Desk(shop.ledger, tmp_path)
    desk.clock = shop.clock
    desk.services = replace(desk.services, clock=shop.clock)
    with crm_server() as crm:
        rules = CrmRules(webhook=crm.url, what=(CrmKind.ORDERS,))
        shop.turn(rules)
        shop.order("A1")
        crm.mood = lambda _: Mood(status=503, takes=False)
        shop.turn(rules)
        desk.tell()
        assert desk.told == [], "it may be over soon"
        for _ in range(3):
            desk.tell(minutes=11)
        assert desk.told == [(ANA.email, "the CRM takes no changes")]
        text = desk.text()
        assert "503" in text
        assert "Waiting: 1 change" in text.replace("=\n", "")
        crm.mood = lambda _: Mood(status=422, takes=False)
        for _ in range(6):
            shop.clock.pass_by(4_000)
            shop.turn(rules)
        for _ in range(2):
            desk.tell(minutes=1)
        assert desk.told[1:] == [(ANA.email, "the CRM refused changes")]


def test_a_copied_ledger_pushes_nothing(shop: Shop, tmp_path: Path) -> None:
    desk = Desk(shop.ledger, tmp_path)
    worker = StoreWorker(services=desk.services, store_id=shop.store_id, client=nowhere(desk.clock))
    worker.crm = CrmRules(folder="crm", what=(CrmKind.ORDERS,))

    def push() -> list[Path]:
        desk.clock.pass_by(60)
        push_changes(worker, NOW + timedelta(days=1))
        return sorted(tmp_path.glob("crm/*.jsonl"))

    worker.crm_known = True
    push()
    shop.order("A1")
    assert push() == [], "nobody has said yet that this ledger is the one that works for the store"
    worker.fence_checked = True
    with writing(shop.ledger) as connection:
        connection.execute(sa.update(stores).values(state=FENCED))
    assert push() == []
    with writing(shop.ledger) as connection:
        connection.execute(sa.update(stores).values(state="disconnected"))
    push()
    shop.order("A2")
    assert push(), "the CRM can be told while the store's API is away"


def test_a_sandbox_pushes_to_no_real_crm() -> None:
    rules = CrmRules(webhook="https://crm.shop.example/tillroll")
    settings = Settings(environment=SANDBOX, crm_secret=SECRET)
    with pytest.raises(Misconfigured, match="not one of the hosts"):
        open_receiver(rules, crm_access(settings))
    for allowed in (replace(settings, hosts=("crm.shop.example",)), replace(settings, environment=LIVE)):
        open_receiver(rules, crm_access(allowed)).close()
    at_home = CrmRules(webhook="http://127.0.0.1:9/tillroll")
    open_receiver(at_home, crm_access(settings)).close()
    with pytest.raises(Misconfigured, match="not encrypted"):
        open_receiver(at_home, crm_access(replace(settings, environment=LIVE)))
