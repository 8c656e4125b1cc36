"""Changes of orders, codes, redemptions and consent are recorded as events in the transaction that makes them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tests.shop import NOW, planned_run
from tillroll.campaign.language.crm import CrmKind
from tillroll.campaign.states import CodeState, StoreUse
from tillroll.ledger.crm.events import tell_erasure
from tillroll.ledger.crm.expiry import add_expired_piece
from tillroll.ledger.crm.feeds import close_feeds, list_feeds, open_feeds, remove_orphans
from tillroll.ledger.crm.history import add_history_piece
from tillroll.ledger.engine import reading, upsert, writing
from tillroll.ledger.tables import (
    codes,
    consents,
    crm_events,
    customer_tiers,
    orders,
    recipients,
    redemptions,
    runs,
)

ALL = frozenset(CrmKind)


@pytest.fixture
def run(ledger: Engine) -> tuple[int, int]:
    return planned_run(ledger, customers=12)


def open_all(ledger: Engine, store_id: int, *, history: bool = False) -> None:
    with writing(ledger) as connection:
        open_feeds(connection, store_id, ALL, with_history=history, now=NOW)


def order_row(store_id: int, order_id: str, **values: Any) -> dict[str, Any]:
    return {
        "store_id": store_id, "order_id": order_id, "customer_id": 1, "email": "customer1@example.com", "total": Decimal("40.50"),
        "payment_status": "PAID", "created_at": NOW, "updated_at": NOW, "seen_at": NOW, **values,
    }  # fmt: skip


def add_code(connection: Connection, run: tuple[int, int], text: str, **values: Any) -> int:
    row = {
        "store_id": run[0], "run_id": run[1], "code": text, "state": CodeState.RESERVED, "reserved_at": NOW,
        "changed_at": NOW, **values,
    }  # fmt: skip
    return int(connection.execute(sa.insert(codes).values(row).returning(codes.c.id)).scalar_one())


def recipients_of(connection: Connection) -> list[tuple[int, int]]:
    query = sa.select(recipients.c.id, recipients.c.customer_id).order_by(recipients.c.customer_id)
    return [tuple(row) for row in connection.execute(query)]


def change_code(ledger: Engine, code_id: int, **values: Any) -> None:
    with writing(ledger) as connection:
        connection.execute(sa.update(codes).where(codes.c.id == code_id).values(values))


def use(connection: Connection, run: tuple[int, int], code_id: int, order_id: str) -> None:
    row = {
        "store_id": run[0], "run_id": run[1], "code_id": code_id, "order_id": order_id, "order_total": Decimal(40),
        "discount": Decimal(5), "payment_status": "PAID", "at": NOW,
    }  # fmt: skip
    connection.execute(sa.insert(redemptions).values(row))


def read_history(ledger: Engine, store_id: int, *, pieces: int) -> bool:
    """Read so many pieces of the history at most. Returns whether it is done."""
    for _ in range(pieces):
        with writing(ledger) as connection:
            open_ones = [feed for feed in list_feeds(connection, store_id) if not feed.history_done]
            if not open_ones:
                return True
            add_history_piece(connection, open_ones[0])
    return False


def told(ledger: Engine, *columns: sa.Column[Any]) -> list[tuple[Any, ...]]:
    with reading(ledger) as connection:
        query = sa.select(*(columns or (crm_events.c.change, crm_events.c.subject, crm_events.c.person)))
        return [tuple(row) for row in connection.execute(query.order_by(crm_events.c.id))]


def test_nothing_is_recorded_without_a_feed(ledger: Engine, run: tuple[int, int]) -> None:
    with writing(ledger) as connection:
        upsert(connection, orders, [order_row(run[0], "A1")])
        open_feeds(connection, run[0], [CrmKind.CODES], with_history=False, now=NOW)
        upsert(connection, orders, [order_row(run[0], "A1", total=Decimal(7))])
    assert told(ledger) == []


def test_each_version_of_an_order_is_one_event(ledger: Engine, run: tuple[int, int]) -> None:
    store_id, _ = run
    open_all(ledger, store_id)
    with writing(ledger) as connection:
        upsert(connection, orders, [order_row(store_id, "A1"), order_row(store_id, "A2", customer_id=None)])
    with writing(ledger) as connection:  # read again, unchanged
        upsert(connection, orders, [order_row(store_id, "A1", seen_at=NOW + timedelta(hours=1))])
    with writing(ledger) as connection:
        upsert(connection, orders, [order_row(store_id, "A1", payment_status="CANCELLED")])
        connection.execute(sa.delete(orders).where(orders.c.order_id == "A2"))
    assert told(ledger) == [
        ("order.changed", "A1", "1"),
        ("order.changed", "A2", "order A2"),
        ("order.changed", "A1", "1"),
        ("order.deleted", "A2", "order A2"),
    ]
    facts = [row[0] for row in told(ledger, crm_events.c.facts)]
    assert [each["payment_status"] for each in facts] == ["PAID", "PAID", "CANCELLED", "PAID"]
    assert facts[0]["total"] == 405_000


def test_the_life_of_a_code(ledger: Engine, run: tuple[int, int]) -> None:
    store_id, _ = run
    open_all(ledger, store_id)
    with writing(ledger) as connection:
        (one, first), (two, second), (three, third) = recipients_of(connection)[:3]
        code = add_code(connection, run, "AAA", recipient_id=one)
        pooled = add_code(connection, run, "BBB")
        connection.execute(sa.insert(orders).values(order_row(store_id, "A1", customer_id=77)))
    for values in (
        {"state": CodeState.POSTING},
        {"state": CodeState.LIVE, "coupon_id": 5},
        {"state": CodeState.PAUSED},
        {"state": CodeState.LIVE},
        {"valid_until": NOW + timedelta(days=9)},
        {"changed_at": NOW},
    ):
        change_code(ledger, code, **values)
    with writing(ledger) as connection:
        use(connection, run, code, "A1")
    with writing(ledger) as connection:
        connection.execute(sa.delete(redemptions))
    change_code(ledger, code, store_use=StoreUse.UNCLEAR)
    change_code(ledger, code, store_use=StoreUse.RETURNED)
    change_code(ledger, pooled, state=CodeState.LIVE)
    change_code(ledger, pooled, recipient_id=two)
    change_code(ledger, pooled, recipient_id=three)
    change_code(ledger, code, state=CodeState.REVOKED)
    events = [event for event in told(ledger) if event[0] != "order.changed"]
    mine = [(change, person) for change, subject, person in events if subject == str(code)]
    assert [change for change, _ in mine] == [
        "code.issued", "code.paused", "code.resumed", "code.extended", "code.used", "code.use_undone", "code.returned",
        "code.revoked",
    ]  # fmt: skip
    assert {person for _, person in mine} == {str(first)}, "its recipient's, although somebody else bought"
    assert [event[::2] for event in events if event[1] == str(pooled)] == [
        ("code.issued", str(second)),
        ("code.withdrawn", str(second)),
        ("code.issued", str(third)),
    ]
    assert [event for event in events if event[0].startswith("redemption")] == [
        ("redemption.recorded", "A1", "77"),
        ("redemption.reversed", "A1", "77"),
    ]


def test_consent_is_told_of_the_customer_with_that_mailbox(ledger: Engine, run: tuple[int, int]) -> None:
    open_all(ledger, run[0])
    said = {"store_id": run[0], "agreed": False, "source": "link", "at": NOW, "noted_at": NOW}
    with writing(ledger) as connection:
        for address in ("customer2@example.com", "stranger@example.com"):
            row = {**said, "address": address, "mailbox": address}
            connection.execute(sa.insert(consents).values(row))
    assert [row[::2] for row in told(ledger)] == [
        ("consent.changed", "2"),
        ("consent.changed", "mailbox stranger@example.com"),
    ]
    assert told(ledger, crm_events.c.facts)[0][0]["agreed"] == 0


def test_a_tier_is_told_when_it_changes_whatever_changed_it(ledger: Engine, run: tuple[int, int]) -> None:
    open_all(ledger, run[0])
    for tier in ("silver", "silver", "gold", ""):
        with writing(ledger) as connection:
            row = {"store_id": run[0], "customer_id": 2, "tier": tier, "figure": Decimal(210), "since": NOW}
            upsert(connection, customer_tiers, [row])
    with writing(ledger) as connection:
        upsert(connection, customer_tiers, [{**row, "tier": "gold"}])
    with writing(ledger) as connection:
        connection.execute(sa.delete(customer_tiers))
    facts = [row[0] for row in told(ledger, crm_events.c.facts)]
    moves = [(each["was"], each["tier"]) for each in facts]
    assert moves == [("", "silver"), ("silver", "gold"), ("gold", ""), ("", "gold"), ("gold", "")]
    assert told(ledger)[0] == ("tier.changed", "2", "2")
    assert told(ledger, crm_events.c.email)[0] == ("customer2@example.com",)


def test_the_history_is_told_once_beside_what_has_changed_since(ledger: Engine, run: tuple[int, int]) -> None:
    store_id, _ = run
    with writing(ledger) as connection:
        people = [person for person, _ in recipients_of(connection)]
        ids = [
            add_code(connection, run, f"C{number}", recipient_id=person, state=CodeState.LIVE)
            for number, person in enumerate(people)
        ]
        for number in range(1_203):
            connection.execute(sa.insert(orders).values(order_row(store_id, f"A{number:05}")))
        use(connection, run, ids[0], "A00007")
        for number in (3, 9, 10):
            tier = {"store_id": store_id, "customer_id": number, "tier": "gold" if number != 9 else ""}
            connection.execute(sa.insert(customer_tiers).values(tier))
    open_all(ledger, store_id, history=True)
    with writing(ledger) as connection:
        upsert(connection, orders, [order_row(store_id, "A00007", total=Decimal(3))])
        use(connection, run, ids[1], "A00008")
    assert read_history(ledger, store_id, pieces=100)
    found = told(ledger)
    assert len(found) == len(set(found)), "each once"
    by_change = [sum(event[0] == change for event in found) for change in ("order.changed", "code.issued")]
    assert by_change == [1_203, len(ids)]
    assert [event[1] for event in found if event[0] == "tier.changed"] == ["3", "10"]
    assert {event[:2] for event in found if event[0].startswith(("code.used", "redemption"))} == {
        ("code.used", str(ids[0])), ("code.used", str(ids[1])),
        ("redemption.recorded", "A00007"), ("redemption.recorded", "A00008"),
    }  # fmt: skip


def test_the_history_waits_for_whoever_was_writing_as_the_feed_began(
    ledger: Engine, run: tuple[int, int]
) -> None:
    """On PostgreSQL such a change has no event, so the history must find it."""
    if ledger.dialect.name == "sqlite":
        return  # one writer at a time
    store_id, _ = run
    with writing(ledger) as earlier:
        earlier.execute(sa.insert(orders).values(order_row(store_id, "A1")))
        open_all(ledger, store_id, history=True)
        read_history(ledger, store_id, pieces=5)
        assert told(ledger) == []
    read_history(ledger, store_id, pieces=20)
    assert told(ledger) == [("order.changed", "A1", "1")]


def test_codes_that_expire_are_found_once(ledger: Engine, run: tuple[int, int]) -> None:
    store_id, _ = run
    open_all(ledger, store_id)
    ends = NOW + timedelta(days=1)
    with writing(ledger) as connection:
        people = [person for person, _ in recipients_of(connection)]
        connection.execute(sa.update(runs).values(valid_until=ends))
        live = {"state": CodeState.LIVE}
        ids = [
            add_code(connection, run, "OF-RUN", recipient_id=people[0], **live),
            add_code(connection, run, "LATER", recipient_id=people[1], valid_until=ends + timedelta(days=2), **live),
            add_code(connection, run, "EARLIER", recipient_id=people[2], valid_until=ends - timedelta(hours=2), **live),
            add_code(connection, run, "REVOKED", recipient_id=people[3], state=CodeState.REVOKED),
            add_code(connection, run, "USED", recipient_id=people[4], **live),
            add_code(connection, run, "POOLED", **live),
        ]  # fmt: skip
        use(connection, run, ids[4], "A1")
    found: list[list[str]] = []
    for days in (0.5, 1.5, 1.6, 4, 5):
        with writing(ledger) as connection:
            connection.execute(sa.delete(crm_events))
            while True:
                (feed,) = [feed for feed in list_feeds(connection, store_id) if feed.kind is CrmKind.CODES]
                if not add_expired_piece(connection, feed, now=NOW + timedelta(days=days)):
                    break
        found.append([event[1] for event in told(ledger)])
    assert found == [[], [str(ids[2]), str(ids[0])], [], [str(ids[1])], []]


def test_events_of_a_closed_feed_go_and_erasures_go_with_the_last(
    ledger: Engine, run: tuple[int, int]
) -> None:
    store_id, _ = run
    open_all(ledger, store_id)
    with writing(ledger) as connection:
        connection.execute(sa.insert(orders).values(order_row(store_id, "A1")))
        tell_erasure(connection, store_id, [9], ["nine@example.com"])
        close_feeds(connection, store_id, [CrmKind.ORDERS])
        assert remove_orphans(connection, store_id, ALL - {CrmKind.ORDERS}, most=10) == 1
        assert remove_orphans(connection, store_id, ALL - {CrmKind.ORDERS}, most=10) == 0
        close_feeds(connection, store_id, ALL)
        assert remove_orphans(connection, store_id, [], most=10) == 1
        tell_erasure(connection, store_id, [9], ["nine@example.com"])
    assert told(ledger) == []
