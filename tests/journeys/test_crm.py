"""A CRM is told of a campaign's codes and of the order that uses one: by real turns, from minting to the redemption."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from tests.journeys.path import agree, finish, go_on, outbox, start
from tests.journeys.steps import see_orders
from tests.shop import run_row
from tests.store import buy
from tillroll.campaign.language.crm import CrmKind, CrmRules
from tillroll.campaign.states import CodeState
from tillroll.ledger.tables import audit, codes
from tillroll.loop.advance import StoreWorker
from tillroll.sandbox.serve import Sandbox
from tillroll.wiring import Services


def dropped(services: Services) -> list[dict[str, Any]]:
    files = sorted((services.settings.home / "crm").glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]


def test_codes_and_the_order_that_uses_one_are_told(
    worker: StoreWorker, services: Services, sandbox: Sandbox
) -> None:
    worker.crm, worker.crm_known = CrmRules(folder="crm", what=tuple(CrmKind)), True
    agree(services, start(worker))
    progress = finish(worker)
    line = outbox(services)[0]
    sold = buy(sandbox, email=line["to"], coupon=line["code"])
    see_orders(worker, sold["orderId"])
    go_on(worker, until=lambda: any(event["type"] == "redemption.recorded" for event in dropped(services)))
    events = dropped(services)
    assert len({event["id"] for event in events}) == len(events)
    assert [event["sequence"] for event in events] == sorted(event["sequence"] for event in events)
    issued = [event["data"]["code"] for event in events if event["type"] == "code.issued"]
    with services.engine.connect() as connection:
        live = list(connection.scalars(sa.select(codes.c.code).where(codes.c.state == CodeState.LIVE)))
    assert sorted(issued) == sorted(live)
    assert len(issued) == progress.planned
    assert run_row(services.engine, 1).revealed_at is not None, "so none is given to somebody else"
    with services.engine.connect() as connection:
        shown = sa.select(audit.c.body).where(audit.c.action == "codes.revealed")
        assert list(connection.scalars(shown)) == ['{"to":"crm"}']
    (used,) = [event for event in events if event["type"] == "code.used"]
    person = used["customer"]["id"]
    theirs = [
        event["type"]
        for event in events
        if (event["customer"] or {}).get("id") == person
        and (event["data"].get("order") == sold["orderId"] or event["type"] == "code.issued")
    ]
    assert theirs == ["code.issued", "order.changed", "redemption.recorded", "code.used"]
    (redeemed,) = [event["data"] for event in events if event["type"] == "redemption.recorded"]
    assert (redeemed["code"], redeemed["campaign"]) == (line["code"], "winback")
