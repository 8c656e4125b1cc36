"""The pages of one code and one customer: what they show, to whom, and what the audit keeps of who asked."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from tests.shop import NOW, SHOP
from tests.track.tiers_room import BY_SPEND, DAY, order, rules, write
from tests.web.site import put_under_way, token_on
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import reading, upsert, writing
from tillroll.ledger.mirror import reach
from tillroll.ledger.tables import audit, codes, looks, orders, recipients, redemptions
from tillroll.track.tiers.follow import follow_tiers, record_tiers


@pytest.fixture
def used(ledger: Engine, run_id: int) -> tuple[int, str, int, str]:
    """Return a code that its recipient used, with them; the order is one of thirty that they placed."""
    put_under_way(ledger, run_id, RunState.TRACKING, live=100, message_states=[("sent", "")] * 20, orders=3)
    query = (
        sa.select(codes.c.id, codes.c.code, recipients.c.customer_id, recipients.c.email)
        .join(recipients, recipients.c.id == codes.c.recipient_id)
        .order_by(codes.c.id)
    )
    with writing(ledger) as connection:
        row = connection.execute(query).first()
        assert row is not None
        for number in range(30):
            order = {
                "store_id": 1, "order_id": f"R{run_id}-0" if number == 29 else f"A{number:02}", "customer_id": row[2],
                "total": Decimal(10 + number), "payment_status": "CANCELLED" if number == 7 else "PAID",
                "created_at": NOW, "seen_at": NOW,
            }  # fmt: skip
            connection.execute(sa.insert(orders), order)
    return row[0], row[1], row[2], row[3]


def asked(engine: Engine) -> list[tuple[str, str]]:
    query = sa.select(audit.c.action, audit.c.body).where(audit.c.action.like("%looked_up"))
    with reading(engine) as connection:
        return [(row.action, row.body) for row in connection.execute(query.order_by(audit.c.id))]


def post(client: FlaskClient, page: str, path: str, **fields: str) -> str:
    token = token_on(client.get(f"{SHOP}/{page}"))
    answer = client.post(f"{SHOP}/{path}", data={"csrf_token": token, **fields}, follow_redirects=True)
    return answer.text


def test_a_viewer_finds_a_code_masked_and_an_approver_may_see_it(
    ledger: Engine, ana: FlaskClient, eve: FlaskClient, used: tuple[int, str, int, str]
) -> None:
    code_id, code, customer_id, email = used
    typed = f" {code[:6].lower()} {code[6:]}"
    page = post(eve, "codes", "codes", code=typed)
    assert "used: order R1-0, Mon 23 Nov 2026, 10:00 CET" in page
    assert code not in page
    assert email not in page
    assert f"{SHOP}/customers/{customer_id}" in page
    assert "15% off" in page
    assert "Show the whole code" not in page
    token = {"csrf_token": token_on(eve.get(f"{SHOP}/codes"))}
    assert eve.post(f"{SHOP}/codes/{code_id}/show", data=token).status_code == 403
    assert code not in ana.get(f"{SHOP}/codes/{code_id}").text
    assert code in post(ana, f"codes/{code_id}", f"codes/{code_id}/show")
    bodies = [body for _, body in asked(ledger)]
    assert [json.loads(body)["in_clear"] for body in bodies] == [False, True]
    assert not any(code in body for body in bodies)
    assert "The ledger has no such code." in post(eve, "codes", "codes", code="BACK0000000000")


def test_a_customers_page_lists_what_they_got_used_and_ordered_in_pages(
    ledger: Engine, eve: FlaskClient, used: tuple[int, str, int, str]
) -> None:
    code_id, code, customer_id, email = used
    page = post(eve, "codes", "customers", email=email.upper())
    assert f"{SHOP}/codes/{code_id}" in page
    assert "used: order R1-0" in page
    assert "Yes: they agreed to e-mails" in page
    assert code not in page
    assert email not in page
    address, seen = f"{SHOP}/customers/{customer_id}", set[str]()
    page = eve.get(address).text
    assert page.count('data-label="Order"') == 25
    assert "order=" in page
    seen = {word for word in page.replace("<", ">").split(">") if word.startswith(("A", "R1-"))}
    last = page.split("order=")[1].split('"')[0]
    older = eve.get(f"{address}?order={last}").text
    assert older.count('data-label="Order"') == 5
    seen |= {word for word in older.replace("<", ">").split(">") if word.startswith("A")}
    assert {f"A{number:02}" for number in range(29)} <= seen
    assert (page + older).count("doesn't count") == 1
    assert asked(ledger)[-1][0] == "customer.looked_up"
    assert "No customer has this address." in post(eve, "codes", "customers", email="nobody@mail.example")


def test_a_code_for_everybody_lists_its_orders_in_pages(
    ledger: Engine, eve: FlaskClient, used: tuple[int, str, int, str]
) -> None:
    code_id = used[0]
    with writing(ledger) as connection:
        for number in range(60):
            use = {
                "store_id": 1, "run_id": 1, "code_id": code_id, "order_id": f"S{number:02}",
                "order_total": Decimal(40), "discount": Decimal(6), "payment_status": "PAID", "at": NOW,
            }  # fmt: skip
            connection.execute(sa.insert(redemptions), use)
    address, found = f"{SHOP}/codes/{code_id}", 0
    while address:
        page = eve.get(address).text
        found += page.count('data-label="Order"')
        older = page.split("before=")[1].split('"')[0] if "before=" in page else ""
        address = f"{SHOP}/codes/{code_id}?before={older}" if older else ""
    assert found == 61


def test_a_customers_page_says_their_tier_and_what_is_missing_to_the_next(
    ledger: Engine, eve: FlaskClient, run_id: int
) -> None:
    page = eve.get(f"{SHOP}/customers/1").text
    assert run_id
    assert "Loyalty tier" not in page, "the store has none"
    record_tiers(ledger, store_id=1, rules=rules({**BY_SPEND, "within": "365d"}))
    assert "once all orders are read" in eve.get(f"{SHOP}/customers/1").text
    with writing(ledger) as connection:
        read = {"store_id": 1, "looked_at": NOW, "whole_at": NOW}
        upsert(connection, looks, [{**read, "area": area} for area in (reach.ORDERS, reach.OLD_ORDERS)])
    for total in ("150", "120"):
        write(ledger, 1, order("A", 1, total, created_at=NOW - 30 * DAY))
        follow_tiers(ledger, store_id=1, now=NOW)
    page = " ".join(eve.get(f"{SHOP}/customers/1").text.split())
    assert (
        "<strong>Silver</strong> since before tiers were first counted, with €120 within the last 365 days."
        in page
    )
    assert "€130 more to gold, which begins at €250." in page
    assert "stops counting on" in page
    write(ledger, 1, order("B", 1, "400", created_at=NOW))
    follow_tiers(ledger, store_id=1, now=NOW)
    page = eve.get(f"{SHOP}/customers/1").text
    assert "23 Nov 2026, 10:00 CET" in page
    assert "There is no higher tier." in page


@pytest.mark.parametrize("path", ["codes/999", "customers/999", "codes/1?before=99999999999999999999"])
def test_what_is_not_there_is_not_found(eve: FlaskClient, run_id: int, path: str) -> None:
    assert eve.get(f"{SHOP}/{path}").status_code == 404
