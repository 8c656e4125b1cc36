"""After an order was undone, the store's word decides what its code is: what a look-up says and whether anybody counts on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.contract.samples import coupon
from tests.shop import NOW, planned_run, run_row
from tests.store import turn
from tests.track.room import CLOCK, call, session_of
from tillroll.campaign.codes.standing import standing_of
from tillroll.campaign.states import RunState, StoreUse
from tillroll.ecwid.client import Client
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.mirror.store_use import record_store_use
from tillroll.ledger.tables import codes, entries, recipients, runs
from tillroll.mint.issue.reserve import reserve
from tillroll.sandbox.serve import Sandbox
from tillroll.send.slices.prepare import is_used
from tillroll.track.lookups.code_lookup import find_code
from tillroll.track.mirror.areas import ORDERS
from tillroll.track.mirror.sync import sync

UNDO = {
    "cancelled": lambda client, order: call(
        client, "PUT", f"/orders/{order}", {"paymentStatus": "CANCELLED"}
    ),
    "refunded": lambda client, order: call(client, "PUT", f"/orders/{order}", {"paymentStatus": "REFUNDED"}),
    "deleted": lambda client, order: call(client, "DELETE", f"/orders/{order}"),
}


@pytest.fixture
def live(ledger: Engine, client: Client) -> tuple[int, list[str]]:
    """Return a store that was read, and as many live codes of recipients as there are ways to undo."""
    store_id, run_id = planned_run(ledger, customers=6)
    reserve(ledger, run=run_row(ledger, run_id), now=NOW)
    request = coupon(uses_limit="SINGLE", application_limit="UNLIMITED")
    with writing(ledger) as connection:
        rows = connection.execute(sa.select(codes.c.id, codes.c.code)).all()
        for code_id, code in rows:
            values = {"state": "live", "coupon_id": client.coupons.create(replace(request, code=code))}
            connection.execute(sa.update(codes).where(codes.c.id == code_id).values(values))
    sync(session_of(ledger, client, store_id), ORDERS)
    return store_id, [str(code) for _, code in rows[: len(UNDO)]]


def told(engine: Engine, store_id: int, code: str) -> tuple[str, bool]:
    """What a look-up says of the code, and whether a reminder counts it as used."""
    used = sa.select(is_used()).select_from(codes).join(recipients, recipients.c.id == codes.c.recipient_id)
    with reading(engine) as connection:
        found = find_code(connection, store_id=store_id, typed=code, forms=())
        assert found is not None
        return standing_of(found.facts, NOW).value, bool(connection.scalar(used.where(codes.c.code == code)))


@pytest.mark.parametrize("gives_back", [True, False])
def test_the_stores_answer_decides_what_a_code_is_after_its_order_was_undone(
    ledger: Engine, sandbox: Sandbox, client: Client, live: tuple[int, list[str]], gives_back: bool
) -> None:
    store_id, codes_of_run = live
    turn(sandbox, undone_orders_return_coupons=gives_back)
    placed = {}
    for undo, code in zip(UNDO, codes_of_run, strict=True):
        assert told(ledger, store_id, code) == ("live", False)
        body = {
            "email": "ana@example.com",
            "total": 20,
            "paymentStatus": "PAID",
            "discountCoupon": {"code": code},
        }
        placed[undo] = (str(call(client, "POST", "/orders", body)["orderid"]), code)
    sync(session_of(ledger, client, store_id), ORDERS)
    for undo, (order, code) in placed.items():
        assert told(ledger, store_id, code) == ("used", True)
        UNDO[undo](client, order)
    sync(session_of(ledger, client, store_id), ORDERS)
    for undo, (_, code) in placed.items():
        in_store = client.coupons.find(code)
        assert in_store is not None
        works = in_store.status == "ACTIVE"
        assert works == (gives_back and undo != "refunded"), "the sandbox refunds without giving back"
        assert told(ledger, store_id, code) == (("returned", False) if works else ("used_up", True))


def test_nobody_counts_on_a_code_that_the_store_was_not_asked_about_yet(
    ledger: Engine, live: tuple[int, list[str]]
) -> None:
    store_id, (code, *_) = live
    with writing(ledger) as connection:
        connection.execute(sa.update(codes).values(store_use=StoreUse.UNCLEAR))
    assert told(ledger, store_id, code) == ("unclear", True)


@pytest.mark.parametrize("shown_by", ["its recipient's run", "another step of the flow", "all runs"])
def test_a_code_that_works_again_has_the_runs_that_show_it_look_for_due_reminders(
    ledger: Engine, live: tuple[int, list[str]], shown_by: str
) -> None:
    store_id, (code, *_) = live
    now, later = CLOCK.now(), CLOCK.now() + timedelta(days=300)
    with writing(ledger) as connection:
        code_row = connection.execute(sa.select(codes).where(codes.c.code == code)).one()
        moments = dict.fromkeys(("happened_at", "created_at", "changed_at"), now)
        entry = {
            "store_id": store_id,
            "campaign": "winback",
            "key": "order 1",
            "facts": {},
            "state": "waiting",
            **moments,
        }
        entry_id = connection.execute(sa.insert(entries).values(entry)).inserted_primary_key[0]
        values = {"store_id": store_id, "slot_at": now, "kind": "slot", "created_at": now, "changed_at": now}
        other = {**values, "campaign": "winback", "slot_key": "other", "state": RunState.TRACKING}
        stranger = {**other, "campaign": "other", "slot_key": "stranger"}
        other_id, stranger_id = (
            connection.execute(sa.insert(runs).values(row)).inserted_primary_key[0]
            for row in (other, stranger)
        )
        connection.execute(sa.update(runs).values(state=RunState.TRACKING, not_before=later))
        if shown_by == "another step of the flow":
            connection.execute(sa.update(runs).where(runs.c.id != stranger_id).values(entry_id=entry_id))
        if shown_by == "all runs":
            connection.execute(sa.update(codes).where(codes.c.id == code_row.id).values(recipient_id=None))
        record_store_use(connection, [code_row.id], StoreUse.USED_UP, now=now)
    assert run_row(ledger, code_row.run_id).not_before == later
    with writing(ledger) as connection:
        record_store_use(connection, [code_row.id], StoreUse.NONE, now=now)
    assert run_row(ledger, code_row.run_id).not_before == now
    assert run_row(ledger, other_id).not_before == (later if shown_by == "its recipient's run" else now)
    assert run_row(ledger, stranger_id).not_before == later
