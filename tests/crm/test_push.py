"""A CRM is told each change once and in order for each customer, whatever its receiver does."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.crm.receiver import SECRET, Crm, Mood, crm_server
from tests.shop import NOW, add_customers, add_store, lapsed
from tillroll.campaign.language.crm import CrmEventState, CrmKind, CrmRules
from tillroll.crm.receivers.choose import CrmAccess
from tillroll.crm.turn import tell_crm
from tillroll.ecwid.http.hosts import AllowedHosts
from tillroll.ledger.crm.events import count_events, set_aside_events, tell_erasure
from tillroll.ledger.crm.feeds import PushState, load_push
from tillroll.ledger.engine import open_engine, reading, upsert, writing
from tillroll.ledger.faults.rows import list_faults
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import crm_events, forgotten, order_items, orders


class Shop:
    """A store with a CRM, and the clock of its worker."""

    def __init__(self, ledger: Engine, home: Path, *, customers: int = 6) -> None:
        self.ledger, self.home, self.clock = ledger, home, FakeClock()
        self.store_id = add_store(ledger)
        add_customers(ledger, self.store_id, *(lapsed(number) for number in range(1, customers + 1)))

    def order(self, order_id: str, customer: int | None = 1, **values: Any) -> None:
        row = {
            "store_id": self.store_id, "order_id": order_id, "number": 7, "customer_id": customer, "total": Decimal("40.50"),
            "email": f"customer{customer}@example.com", "payment_status": "PAID", "created_at": NOW, "updated_at": NOW,
            "seen_at": NOW, **values,
        }  # fmt: skip
        with writing(self.ledger) as connection:
            upsert(connection, orders, [row])

    def turn(
        self,
        rules: CrmRules | None,
        *,
        secret: str = SECRET,
        hosts: AllowedHosts | None = None,
        batches: int = 99,
    ) -> None:
        """Push for one slice, of so many batches at most."""
        with reading(self.ledger) as connection:
            store = load_store(connection, self.store_id)
        left = iter(range(batches - 1))
        access = CrmAccess(home=self.home, secret=secret, hosts=hosts or AllowedHosts(private=True))
        finished = lambda: next(left, None) is None  # noqa: E731
        tell_crm(self.ledger, store, rules, access, clock=self.clock, finished=finished)

    @property
    def push(self) -> PushState:
        with reading(self.ledger) as connection:
            return load_push(connection, self.store_id)

    def states(self) -> list[str]:
        with reading(self.ledger) as connection:
            return list(connection.scalars(sa.select(crm_events.c.state).order_by(crm_events.c.id)))


@pytest.fixture
def shop(ledger: Engine, tmp_path: Path) -> Shop:
    return Shop(ledger, tmp_path)


@pytest.fixture
def on_sqlite(sqlite_url: str, tmp_path: Path) -> Iterator[Shop]:
    """The shop, for what has nothing to do with the database."""
    engine = open_engine(sqlite_url)
    yield Shop(engine, tmp_path)
    engine.dispose()


@pytest.fixture
def crm() -> Iterator[Crm]:
    with crm_server() as made:
        yield made


def by_hook(crm: Crm, **values: Any) -> CrmRules:
    return CrmRules(webhook=crm.url, what=(CrmKind.ORDERS,), **values)


def test_an_event_says_all_about_the_order(on_sqlite: Shop, crm: Crm) -> None:
    on_sqlite.turn(by_hook(crm))
    with writing(on_sqlite.ledger) as connection:
        item = {
            "store_id": on_sqlite.store_id,
            "order_id": "A1",
            "line": 0,
            "sku": "POT",
            "quantity": 2,
            "price": Decimal("20.25"),
        }
        connection.execute(sa.insert(order_items).values(item))
    on_sqlite.order("A1", coupon_code="ABC", coupon_discount=Decimal(4))
    on_sqlite.turn(by_hook(crm))
    (event,) = crm.taken
    assert event["id"].startswith("1003-")
    assert (event["store"], event["type"]) == (1003, "order.changed")
    assert event["customer"] == {"id": 1, "email": "customer1@example.com"}
    assert event["data"] == {
        "order": "A1", "number": 7, "placed_at": "2026-11-23T09:00:00Z", "changed_at": "2026-11-23T09:00:00Z",
        "payment_status": "PAID", "fulfillment_status": "", "counts": True, "currency": "EUR", "total": "40.50",
        "subtotal": "0.00", "discount": "4.00", "code": "ABC",
        "items": [{"product": None, "sku": "POT", "quantity": 2, "price": "20.25"}],
    }  # fmt: skip
    assert on_sqlite.states() == [CrmEventState.SENT]
    assert len(crm.posts) == 1


def test_whatever_the_receiver_does_each_change_arrives_once_and_in_order(shop: Shop, crm: Crm) -> None:
    """A hundred changes and more while it fails, hangs up, asks to wait, refuses some, and answers after it hung up before."""
    chance = random.Random(11)
    refusals: dict[str, int] = {}

    def mood(events: list[dict[str, Any]]) -> Mood:
        match chance.randrange(8):
            case 0:
                return Mood(status=500, takes=chance.random() < 0.5)
            case 1:
                return Mood(status=429, takes=False, wait=chance.randrange(90))
            case 2:
                return Mood(takes=chance.random() < 0.5, answers=False)
            case 3 | 4 | 5:
                results = [{"id": event["id"], "outcome": "taken"} for event in events]
                some = chance.choice(results)
                refusals[some["id"]] = refusals.get(some["id"], 0) + 1
                some["outcome"] = "refused" if refusals[some["id"]] < 3 else "later"
                return Mood(results=results)
            case 6:
                return Mood(status=422, takes=False) if len(events) > 1 else Mood()
            case _:
                return Mood()

    crm.mood = mood
    rules = by_hook(crm, batch=20)
    shop.turn(rules)
    made: dict[int, list[tuple[str, str]]] = {}
    for number in range(120):
        customer, total = chance.randrange(1, 7), Decimal(number) / 100 + 1
        order_id = f"C{customer}-{chance.randrange(4)}"
        shop.order(order_id, customer, total=total)
        made.setdefault(customer, []).append((order_id, f"{total:.2f}"))
        if number % 10 == 0:
            shop.turn(rules, batches=3)
            shop.clock.pass_by(chance.randrange(100))
    for _ in range(300):
        shop.turn(rules)
        shop.clock.pass_by(600)
        if set(shop.states()) == {CrmEventState.SENT}:
            break
    told: dict[int, list[tuple[str, str]]] = {}
    for event in crm.taken:
        data = event["data"]
        told.setdefault(event["customer"]["id"], []).append((data["order"], data["total"]))
    assert told == made
    assert crm.repeats > 0
    bodies: dict[str, set[tuple[str, ...]]] = {}
    for key, body in crm.posts:
        bodies.setdefault(key, set()).add(tuple(json.dumps(event) for event in json.loads(body)["events"]))
    assert all(len(same) == 1 for same in bodies.values()), "a repeated batch is the same"
    assert len(bodies) < len(crm.posts)
    for customer in made:
        sequences = [event["sequence"] for event in crm.taken if event["customer"]["id"] == customer]
        assert sequences == sorted(set(sequences))


def test_nothing_that_others_write_meanwhile_is_passed_over(shop: Shop) -> None:
    """On PostgreSQL transactions commit in another order than their rows are numbered."""
    rules = CrmRules(folder="crm", what=(CrmKind.ORDERS,), batch=7)
    shop.turn(rules)

    def write(customer: int) -> None:
        for number in range(25):
            shop.order(f"C{customer}-{number % 3}", customer, total=Decimal(number + 1))

    with ThreadPoolExecutor(4) as writers:
        writing_on = [writers.submit(write, customer) for customer in (1, 2, 3, 4)]
        while not all(each.done() for each in writing_on):
            shop.turn(rules)
    shop.turn(rules)
    told: dict[int, list[str]] = {}
    for file in sorted((shop.home / "crm").glob("*.jsonl")):
        for line in file.read_text("utf-8").splitlines():
            event = json.loads(line)
            told.setdefault(event["customer"]["id"], []).append(event["data"]["total"])
    assert told == {customer: [f"{number + 1}.00" for number in range(25)] for customer in (1, 2, 3, 4)}


def test_what_was_taken_is_never_posted_again(on_sqlite: Shop, crm: Crm) -> None:
    on_sqlite.turn(by_hook(crm))
    on_sqlite.order("A1")
    for _ in range(3):
        on_sqlite.turn(by_hook(crm))
        on_sqlite.clock.pass_by(4_000)
    assert len(crm.posts) == 1


def test_a_receiver_that_fails_is_asked_less_and_less_often(on_sqlite: Shop, crm: Crm) -> None:
    crm.mood = lambda _: Mood(status=503, takes=False)
    on_sqlite.turn(by_hook(crm))
    on_sqlite.order("A1")
    for _ in range(60):
        on_sqlite.turn(by_hook(crm))
        on_sqlite.clock.pass_by(10)
    assert len(crm.posts) == 6, "after 10, 20, 40, 80, 160 seconds"
    assert "503" in on_sqlite.push.trouble
    assert on_sqlite.push.trouble_since == NOW
    crm.mood = lambda _: Mood()
    on_sqlite.clock.pass_by(1_000)
    on_sqlite.turn(by_hook(crm))
    assert (on_sqlite.push.trouble, on_sqlite.push.attempts, on_sqlite.states()) == ("", 0, ["sent"])


def test_a_refused_event_is_set_aside_and_holds_up_its_own_customer_alone(shop: Shop, crm: Crm) -> None:
    def mood(events: list[dict[str, Any]]) -> Mood:
        bad = any(event["data"]["order"] == "BAD" for event in events)
        return Mood(status=400, takes=False) if bad else Mood()

    crm.mood = mood
    shop.turn(by_hook(crm))
    shop.order("GOOD", 2)
    shop.order("BAD", 1)
    shop.order("NEXT", 1)
    for number in range(20):
        shop.order(f"MORE{number}", 3 + number % 4)
    shop.turn(by_hook(crm))
    orders_taken = [event["data"]["order"] for event in crm.taken]
    assert len(orders_taken) == 21
    assert "NEXT" not in orders_taken
    for _ in range(5):
        shop.clock.pass_by(3_700)
        shop.turn(by_hook(crm))
    assert [event["data"]["order"] for event in crm.taken][-1] == "NEXT"
    with reading(shop.ledger) as connection:
        counts = count_events(connection, shop.store_id)
    assert (counts.waiting, counts.set_aside) == (0, 1)
    tries = sum(b'"BAD"' in body and len(json.loads(body)["events"]) == 1 for _, body in crm.posts)
    assert tries == 5


def test_an_event_that_cant_be_written_costs_its_neighbours_nothing(shop: Shop, crm: Crm) -> None:
    shop.turn(by_hook(crm))
    for number in (1, 2, 3):
        shop.order(f"A{number}", number)
    with writing(shop.ledger) as connection:
        broken = crm_events.c.subject == "A2"
        connection.execute(sa.update(crm_events).where(broken).values(facts={"total": "much"}))
    shop.turn(by_hook(crm))
    assert [event["data"]["order"] for event in crm.taken] == ["A1", "A3"]
    assert shop.states() == ["sent", "set_aside", "sent"]
    with reading(shop.ledger) as connection:
        (fault,) = list_faults(connection, shop.store_id, now=shop.clock.now())
        (aside,) = set_aside_events(connection, shop.store_id, most=9)
    assert fault.reference in aside.reason


def test_a_receiver_that_refuses_everything_is_held(on_sqlite: Shop, crm: Crm) -> None:
    crm.mood = lambda _: Mood(status=400, takes=False)
    on_sqlite.turn(by_hook(crm, batch=1))
    for number in range(6):
        on_sqlite.order(f"A{number}", number + 1)
    on_sqlite.turn(by_hook(crm, batch=1))
    assert len(crm.posts) == 5
    assert "every event is refused" in on_sqlite.push.trouble
    assert set(on_sqlite.states()) == {"waiting"}, "none was set aside so soon"


@pytest.mark.parametrize(
    ("to", "hosts", "secret", "trouble"),
    [
        ("", AllowedHosts(), SECRET, "not encrypted"),
        ("https://127.0.0.1:9", AllowedHosts(), SECRET, "private network"),
        ("", None, "short", "CRM_SECRET"),
    ],
)
def test_what_may_not_be_called_is_not(
    on_sqlite: Shop, crm: Crm, to: str, hosts: AllowedHosts | None, secret: str, trouble: str
) -> None:
    rules = CrmRules(webhook=to or crm.url, what=(CrmKind.ORDERS,))
    on_sqlite.turn(rules, hosts=hosts, secret=secret)
    on_sqlite.order("A1")
    on_sqlite.clock.pass_by(60)
    on_sqlite.turn(rules, hosts=hosts, secret=secret)
    assert crm.posts == []
    assert trouble in on_sqlite.push.trouble


def test_no_redirect_is_followed(on_sqlite: Shop, crm: Crm) -> None:
    with crm_server() as other:
        crm.mood = lambda _: Mood(status=308, takes=False, to=other.url)
        on_sqlite.turn(by_hook(crm))
        on_sqlite.order("A1")
        on_sqlite.turn(by_hook(crm))
        assert (len(crm.posts), other.posts) == (1, [])
        assert "308" in on_sqlite.push.trouble
        on_sqlite.turn(by_hook(other))  # another address is tried at once
        assert other.types() == ["order.changed"]


def test_files_appear_whole_and_are_numbered_and_never_rewritten(on_sqlite: Shop) -> None:
    rules = CrmRules(folder="exports/crm", what=(CrmKind.ORDERS,), batch=2)
    on_sqlite.turn(rules)
    for number in range(5):
        on_sqlite.order(f"A{number}")
    on_sqlite.turn(rules)
    folder = on_sqlite.home / "exports" / "crm"
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == [f"crm-1003-{number:012}.jsonl" for number in (1, 2, 3)]
    told = [json.loads(line)["data"]["order"] for file in files for line in file.read_text().splitlines()]
    assert told == [f"A{number}" for number in range(5)]
    before = [(file.read_bytes(), file.stat().st_mtime_ns) for file in files]
    with writing(on_sqlite.ledger) as connection:  # as after a kill between the file and its record
        connection.execute(sa.update(crm_events).where(crm_events.c.batch == 3).values(state="leaving"))
    on_sqlite.turn(rules)
    assert [(file.read_bytes(), file.stat().st_mtime_ns) for file in sorted(folder.iterdir())] == before
    with writing(on_sqlite.ledger) as connection:  # as in a ledger that was restored from before those files
        connection.execute(sa.text("update crm_pushes set last_batch = 0"))
    on_sqlite.order("A5")
    on_sqlite.turn(rules)
    assert sorted(folder.iterdir())[-1].name == "crm-1003-000000000004.jsonl"
    assert on_sqlite.states() == ["sent"] * 6


def test_an_erased_customer_is_told_of_once_and_of_nothing_else(shop: Shop, crm: Crm) -> None:
    shop.turn(by_hook(crm))
    shop.order("A1", 1)
    with writing(shop.ledger) as connection:
        connection.execute(
            sa.insert(forgotten).values(store_id=shop.store_id, customer_id=1, at=NOW, person="ana")
        )
        connection.execute(sa.delete(crm_events))
        tell_erasure(connection, shop.store_id, [1], ["customer1@example.com"])
    shop.order("A1", 1, total=Decimal(1))
    shop.turn(by_hook(crm))
    assert crm.types() == ["customer.erased"]
    assert crm.taken[0]["data"] == {"customer_id": 1, "emails": ["customer1@example.com"]}
    assert shop.states() == [], "nothing about them is kept"


def test_what_is_old_is_removed_and_what_is_no_longer_pushed_too(shop: Shop, crm: Crm) -> None:
    shop.turn(by_hook(crm))
    shop.order("A1")
    shop.turn(by_hook(crm))
    shop.clock.pass_by(timedelta(days=31).total_seconds())
    shop.turn(by_hook(crm))
    assert shop.states() == []
    shop.order("A2")
    shop.turn(None)
    shop.clock.pass_by(3_000)
    shop.turn(None)
    assert shop.states() == ["waiting"], "the file may only be on its way"
    shop.clock.pass_by(1_000)
    shop.turn(None)
    shop.order("A3")
    assert shop.states() == []
    shop.turn(by_hook(crm))
    shop.clock.pass_by(60)
    shop.turn(by_hook(crm))
    assert sorted(event["data"]["order"] for event in crm.taken) == ["A1", "A1", "A2", "A3"], "all anew"
