"""A small random store with a history: as plain values for the oracle, and as rows of a ledger."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tests.shop import NOW, add_store
from tillroll.campaign.segments.lists import CustomerList, read_list
from tillroll.campaign.states import CodeState, MessageState, RunState
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import (
    categories,
    codes,
    customer_fields,
    customer_tiers,
    customers,
    favourites,
    messages,
    order_items,
    orders,
    plans,
    product_categories,
    products,
    recipients,
    redemptions,
    reviews,
    revisions,
    runs,
    stores,
    variations,
)
from tillroll.plan.record.lists import record_list
from tillroll.track.decide import is_sale
from tillroll.track.mirror.scores import compute_boundaries

PRODUCTS = {1: "TEA-1", 2: "TEA-2", 3: "POT-1"}
VARIATIONS = {"TEA-1-S": 1, "TEA-1-L": 1}
CATEGORIES = {10: (None, "Tea"), 11: (10, "Green"), 12: (11, "Sencha"), 20: (None, "Ware")}
SHELVES = {1: (12,), 2: (10,), 3: (20,)}
CAMPAIGNS = ("winback", "welcome")
STATUSES = ("PAID", "PAID", "AWAITING_PAYMENT", "CANCELLED", "REFUNDED")
MESSAGE_STATES = (
    MessageState.SENT,
    MessageState.SENT,
    MessageState.UNKNOWN,
    MessageState.READY,
    MessageState.HELD,
)
RUNS_OVER = NOW - timedelta(days=1)


@dataclass(kw_only=True)
class Bought:
    """A line of an order."""

    product_id: int | None
    sku: str
    quantity: int


@dataclass(kw_only=True)
class Ordered:
    """An order."""

    number: str
    customer: int | None
    at: datetime
    status: str
    total: Decimal
    lines: list[Bought]


@dataclass(kw_only=True)
class Mail:
    """An e-mail with or without a code."""

    customer: int
    campaign: str
    at: datetime | None
    state: str
    code: int | None  # the code's number; negative if all recipients share it
    until: datetime | None


@dataclass(kw_only=True)
class Person:
    """A customer of the store."""

    id: int
    row: dict[str, Any]
    fields: dict[str, str]
    favourites: list[tuple[int, datetime | None]]
    reviews: list[tuple[int, datetime]]

    @property
    def tier(self) -> str:
        """The customer's loyalty tier."""
        return ("", "silver", "gold")[self.id % 3]


@dataclass(kw_only=True)
class World:
    """All data that segments can query."""

    people: list[Person] = field(default_factory=list)
    orders: list[Ordered] = field(default_factory=list)
    mails: list[Mail] = field(default_factory=list)
    used: list[tuple[int, str]] = field(default_factory=list)  # code, order
    lists: dict[str, CustomerList] = field(default_factory=dict)


def ago(days: float) -> datetime:
    """Return a moment some days before now, an hour off whole days so that it never equals a bound of a condition."""
    return NOW - timedelta(days=days, hours=1)


def draw(seed: int, *, people: int = 30) -> World:
    """Return the random world of a seed."""
    chance = Random(seed)
    world = World()
    for number in range(1, people + 1):
        world.people.append(_person(chance, number))
    for number in range(people * 2):
        world.orders.append(_order(chance, number, people))
    for number in range(1, people + 1):
        world.mails.append(_mail(chance, number, people))
    given = [mail.code for mail in world.mails if mail.code is not None]
    for order in world.orders:
        if given and is_sale(order.status) and chance.random() < 0.3:
            world.used.append((chance.choice(given), order.number))
    world.lists = {
        "press": _list(
            "email", [person.row["email"].upper() for person in world.people if chance.random() < 0.3]
        ),
        "vips": _list("customer_id", [str(person.id) for person in world.people if chance.random() < 0.3]),
    }
    return world


def _list(column: str, members: list[str]) -> CustomerList:
    text = "\n".join([column, *(members or ["9999@example.com" if column == "email" else "9999"])])
    customer_list, findings = read_list("rules/lists/x.csv", text.encode())
    assert customer_list is not None, findings
    return customer_list


def _person(chance: Random, number: int) -> Person:
    count = chance.choice((0, 0, 1, 1, 2, 3))
    last = ago(chance.randrange(0, 200)) if count and chance.random() < 0.9 else None
    first = last - timedelta(days=chance.randrange(0, 100)) if last else None
    row = {
        "email": f"Person{number}@example.com",
        "orders": count,
        "spent": Decimal(count * chance.randrange(0, 20_000)) / 100,
        "first_order_at": first,
        "last_order_at": last,
        "registered_at": chance.choice((None, ago(chance.randrange(0, 400)))),
        "accepts_marketing": chance.choice((True, False, None)),
        "country": chance.choice(("SI", "AT", "")),
        "region": chance.choice(("CA", "ny ", "")),
        "city": chance.choice(("Ljubljana", "GRAZ", " graz", "Šmarje", "")),
        "language": chance.choice(("sl", "de", "")),
        "group_name": chance.choice(("Staff", "General", "")),
    }
    fields = {title: chance.choice(("Gold", "vip, press", "gold,vip", " ", "")) for title in ("Club", "Tags")}
    return Person(
        id=number,
        row=row,
        fields={title: value for title, value in fields.items() if chance.random() < 0.6},
        favourites=[
            (product, chance.choice((None, ago(chance.randrange(0, 60)))))
            for product in PRODUCTS
            if chance.random() < 0.2
        ],
        reviews=[
            (chance.randrange(1, 6), ago(chance.randrange(0, 60)))
            for _ in range(chance.choice((0, 0, 0, 1, 2)))
        ],
    )


def _order(chance: Random, number: int, people: int) -> Ordered:
    lines = []
    for _ in range(chance.choice((1, 1, 2))):
        product = chance.choice((1, 2, 3, None))
        sku = (
            chance.choice(("TEA-1", "TEA-1-S", "TEA-1-L"))
            if product == 1
            else PRODUCTS.get(product or 0, "GONE")
        )
        lines.append(Bought(product_id=product, sku=sku, quantity=chance.choice((1, 1, 2))))
    return Ordered(
        number=f"O{number}",
        customer=chance.choice((None, *[chance.randrange(1, people + 1)] * 7)),
        at=ago(chance.randrange(0, 120)),
        status=chance.choice(STATUSES),
        total=Decimal(chance.randrange(0, 20_000)) / 100,
        lines=lines,
    )


def _mail(chance: Random, number: int, people: int) -> Mail:
    state = chance.choice(MESSAGE_STATES)
    left = state in {MessageState.SENT, MessageState.UNKNOWN}
    campaign = chance.choice(CAMPAIGNS)
    code = chance.choice((None, number, -1 - CAMPAIGNS.index(campaign)))
    own_until = NOW + timedelta(days=chance.choice((-5, 5)))
    return Mail(
        customer=chance.randrange(1, people + 1),
        campaign=campaign,
        at=ago(chance.randrange(0, 60)) if left else None,
        state=state,
        code=code,
        until=None if code is None else own_until if code > 0 else RUNS_OVER,
    )


# -- the ledger


def write(engine: Engine, world: World) -> int:
    """Write a world to the ledger as a new store and return its id."""
    store_id = add_store(engine, ecwid_id=_next(engine))
    with writing(engine) as connection:
        _write_shelf(connection, store_id)
        _write_people(connection, store_id, world)
        _write_orders(connection, store_id, world)
        _write_mails(connection, store_id, world)
        marks = compute_boundaries(connection, store_id).to_json()
        connection.execute(sa.update(stores).where(stores.c.id == store_id).values(score_marks=marks))
    for customer_list in world.lists.values():
        record_list(engine, store_id=store_id, customer_list=customer_list)
    return store_id


def _next(engine: Engine) -> int:
    with engine.connect() as connection:
        return 2_000 + int(connection.scalar(sa.select(sa.func.count()).select_from(stores)) or 0)


def _write_shelf(connection: Connection, store_id: int) -> None:
    plain = {"store_id": store_id, "seen_at": NOW}
    sold = {"in_stock": True, "enabled": True, "discounts_allowed": True, "category_ids": []}
    connection.execute(
        sa.insert(products),
        [{**plain, **sold, "product_id": product_id, "sku": sku} for product_id, sku in PRODUCTS.items()],
    )
    rows = [
        {**plain, "product_id": product, "variation_id": number, "sku": sku, "in_stock": True, "options": []}
        for number, (sku, product) in enumerate(VARIATIONS.items())
    ]
    connection.execute(sa.insert(variations), rows)
    shelves = [
        {**plain, "category_id": category_id, "parent_id": parent, "name": name, "enabled": True}
        for category_id, (parent, name) in CATEGORIES.items()
    ]
    connection.execute(sa.insert(categories), shelves)
    on = [
        {"store_id": store_id, "product_id": product, "category_id": category_id}
        for product, ids in SHELVES.items()
        for category_id in ids
    ]
    connection.execute(sa.insert(product_categories), on)


def _write_people(connection: Connection, store_id: int, world: World) -> None:
    keys = [{"store_id": store_id, "customer_id": person.id} for person in world.people]
    rows = [{**key, **person.row, "seen_at": NOW} for key, person in zip(keys, world.people, strict=True)]
    connection.execute(sa.insert(customers), rows)
    field_rows = [
        {**key, "title": title, "value": value}
        for key, person in zip(keys, world.people, strict=True)
        for title, value in person.fields.items()
    ]
    favourite_rows = [
        {**key, "product_id": product, "added_at": at}
        for key, person in zip(keys, world.people, strict=True)
        for product, at in person.favourites
    ]
    review_rows = [
        {**key, "review_id": key["customer_id"] * 10 + index, "rating": stars, "created_at": at}
        for key, person in zip(keys, world.people, strict=True)
        for index, (stars, at) in enumerate(person.reviews)
    ]
    for table, rows_of_table in ((customer_fields, field_rows), (favourites, favourite_rows)):
        if rows_of_table:
            connection.execute(sa.insert(table), rows_of_table)
    tier_rows = [{**key, "tier": person.tier} for key, person in zip(keys, world.people, strict=True)]
    connection.execute(sa.insert(customer_tiers), tier_rows)
    if review_rows:
        connection.execute(
            sa.insert(reviews), [{**row, "published": True, "seen_at": NOW} for row in review_rows]
        )


def _write_orders(connection: Connection, store_id: int, world: World) -> None:
    for order in world.orders:
        key = {"store_id": store_id, "order_id": order.number}
        row = {"customer_id": order.customer, "total": order.total, "payment_status": order.status}
        connection.execute(sa.insert(orders).values({**key, **row, "created_at": order.at, "seen_at": NOW}))
        buyer = order.customer if is_sale(order.status) else None
        lines = [
            {
                **key,
                "line": number,
                "product_id": line.product_id,
                "sku": line.sku,
                "quantity": line.quantity,
                "customer_id": buyer,
                "bought_at": order.at,
            }
            for number, line in enumerate(order.lines)
        ]
        connection.execute(sa.insert(order_items), lines)


def _write_mails(connection: Connection, store_id: int, world: World) -> None:
    run_of, revision_of = {}, {}
    for name in CAMPAIGNS:
        campaign_key = {"store_id": store_id, "campaign": name}
        text = {"digest": name, "title": name, "status": "active", "files": {}, "read_at": NOW}
        revision_of[name] = _insert(connection, revisions, campaign_key | text)
        run = campaign_key | {
            "slot_key": "one",
            "slot_at": NOW,
            "state": RunState.TRACKING,
            "valid_until": RUNS_OVER,
        }
        run_of[name] = _insert(connection, runs, run | {"created_at": NOW, "changed_at": NOW})
    made: dict[int, int] = {}
    for mail in world.mails:
        run = {"store_id": store_id, "run_id": run_of[mail.campaign]}
        # each e-mail has its own plan, so that a customer can get several
        plan = {"run_id": run["run_id"], "revision_id": revision_of[mail.campaign], "digest": "", "body": {}}
        plan |= {"currency": "EUR", "made_at": NOW, "expires_at": NOW}
        recipient = {
            "plan_id": _insert(connection, plans, plan),
            "customer_id": mail.customer,
            "email": "a@b",
        }
        recipient_id = _insert(connection, recipients, recipient)
        if mail.code is not None and mail.code not in made:
            is_own = mail.code > 0
            code = run | {
                "code": f"C{mail.code}",
                "state": CodeState.LIVE,
                "reserved_at": NOW,
                "changed_at": NOW,
            }
            code |= {
                "recipient_id": recipient_id if is_own else None,
                "valid_until": mail.until if is_own else None,
            }
            made[mail.code] = _insert(connection, codes, code)
        code_id = None if mail.code is None else made[mail.code]
        sent = {"recipient_id": recipient_id, "code_id": code_id, "state": mail.state, "sending_at": mail.at}
        _insert(connection, messages, run | sent | {"changed_at": NOW})
    by_number = {order.number: order for order in world.orders}
    for number, order in world.used:
        row = {"store_id": store_id, "run_id": run_of[campaign_of(world, number)], "code_id": made[number]}
        money = {"order_total": Decimal(1), "discount": Decimal(1), "payment_status": "PAID"}
        _insert(connection, redemptions, row | money | {"order_id": order, "at": by_number[order].at})


def campaign_of(world: World, code: int) -> str:
    """Return the campaign that a code belongs to."""
    return next(mail.campaign for mail in world.mails if mail.code == code)


def _insert(connection: Connection, table: sa.Table, row: dict[str, Any]) -> int:
    return int(connection.execute(sa.insert(table).values(row).returning(table.c.id)).scalar_one())
