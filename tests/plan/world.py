"""A small store with a past, drawn by chance: as plain values, for the oracle, and as rows of a ledger."""

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
from tillroll.plan.record_lists import record_list
from tillroll.track.decide import counts
from tillroll.track.scores import draw_up

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
    code: int | None  # its number; negative: shared by all
    until: datetime | None


@dataclass(kw_only=True)
class Person:
    """A customer as the store has them."""

    id: int
    row: dict[str, Any]
    fields: dict[str, str]
    favourites: list[tuple[int, datetime | None]]
    reviews: list[tuple[int, datetime]]


@dataclass(kw_only=True)
class World:
    """Everything that segments can ask."""

    people: list[Person] = field(default_factory=list)
    orders: list[Ordered] = field(default_factory=list)
    mails: list[Mail] = field(default_factory=list)
    used: list[tuple[int, str]] = field(default_factory=list)  # code, order
    lists: dict[str, CustomerList] = field(default_factory=dict)


def ago(days: float) -> datetime:
    """A moment before now; never on the edge of a whole day, which is asked for."""
    return NOW - timedelta(days=days, hours=1)


def draw(seed: int, *, people: int = 30) -> World:
    """A world of its own for each seed."""
    chance = Random(seed)
    world = World()
    for number in range(1, people + 1):
        world.people.append(_person(chance, number))
    for number in range(people * 2):
        world.orders.append(_order(chance, number, people))
    for number in range(1, people + 1):
        world.mails.append(_mail(chance, number, people))
    given = [one.code for one in world.mails if one.code is not None]
    for order in world.orders:
        if given and counts(order.status) and chance.random() < 0.3:
            world.used.append((chance.choice(given), order.number))
    world.lists = {
        "press": _list("email", [one.row["email"].upper() for one in world.people if chance.random() < 0.3]),
        "vips": _list("customer_id", [str(one.id) for one in world.people if chance.random() < 0.3]),
    }
    return world


def _list(column: str, members: list[str]) -> CustomerList:
    text = "\n".join([column, *(members or ["9999@example.com" if column == "email" else "9999"])])
    found, findings = read_list("rules/lists/x.csv", text.encode())
    assert found is not None, findings
    return found


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
    """Put a world into the ledger, as a store of its own; returns the store's number there."""
    store_id = add_store(engine, ecwid_id=_next(engine))
    with writing(engine) as connection:
        _write_shelf(connection, store_id)
        _write_people(connection, store_id, world)
        _write_orders(connection, store_id, world)
        _write_mails(connection, store_id, world)
        marks = draw_up(connection, store_id).to_json()
        connection.execute(sa.update(stores).where(stores.c.id == store_id).values(score_marks=marks))
    for one in world.lists.values():
        record_list(engine, store_id=store_id, found=one)
    return store_id


def _next(engine: Engine) -> int:
    with engine.connect() as connection:
        return 2_000 + int(connection.scalar(sa.select(sa.func.count()).select_from(stores)) or 0)


def _write_shelf(connection: Connection, store_id: int) -> None:
    plain = {"store_id": store_id, "seen_at": NOW}
    sold = {"in_stock": True, "enabled": True, "discounts_allowed": True, "category_ids": []}
    connection.execute(
        sa.insert(products),
        [{**plain, **sold, "product_id": one, "sku": sku} for one, sku in PRODUCTS.items()],
    )
    rows = [
        {**plain, "product_id": product, "variation_id": number, "sku": sku, "in_stock": True, "options": []}
        for number, (sku, product) in enumerate(VARIATIONS.items())
    ]
    connection.execute(sa.insert(variations), rows)
    shelves = [
        {**plain, "category_id": one, "parent_id": parent, "name": name, "enabled": True}
        for one, (parent, name) in CATEGORIES.items()
    ]
    connection.execute(sa.insert(categories), shelves)
    on = [
        {"store_id": store_id, "product_id": product, "category_id": one}
        for product, ids in SHELVES.items()
        for one in ids
    ]
    connection.execute(sa.insert(product_categories), on)


def _write_people(connection: Connection, store_id: int, world: World) -> None:
    mine = [{"store_id": store_id, "customer_id": one.id} for one in world.people]
    rows = [{**own, **one.row, "seen_at": NOW} for own, one in zip(mine, world.people, strict=True)]
    connection.execute(sa.insert(customers), rows)
    said = [
        {**own, "title": title, "value": value}
        for own, one in zip(mine, world.people, strict=True)
        for title, value in one.fields.items()
    ]
    marked = [
        {**own, "product_id": product, "added_at": at}
        for own, one in zip(mine, world.people, strict=True)
        for product, at in one.favourites
    ]
    left = [
        {**own, "review_id": own["customer_id"] * 10 + index, "rating": stars, "created_at": at}
        for own, one in zip(mine, world.people, strict=True)
        for index, (stars, at) in enumerate(one.reviews)
    ]
    for table, found in ((customer_fields, said), (favourites, marked)):
        if found:
            connection.execute(sa.insert(table), found)
    if left:
        connection.execute(sa.insert(reviews), [{**one, "published": True, "seen_at": NOW} for one in left])


def _write_orders(connection: Connection, store_id: int, world: World) -> None:
    for one in world.orders:
        mine = {"store_id": store_id, "order_id": one.number}
        row = {"customer_id": one.customer, "total": one.total, "payment_status": one.status}
        connection.execute(sa.insert(orders).values({**mine, **row, "created_at": one.at, "seen_at": NOW}))
        whose = one.customer if counts(one.status) else None
        lines = [
            {
                **mine,
                "line": number,
                "product_id": line.product_id,
                "sku": line.sku,
                "quantity": line.quantity,
                "customer_id": whose,
                "bought_at": one.at,
            }
            for number, line in enumerate(one.lines)
        ]
        connection.execute(sa.insert(order_items), lines)


def _write_mails(connection: Connection, store_id: int, world: World) -> None:
    run_of, revision_of = {}, {}
    for name in CAMPAIGNS:
        said = {"store_id": store_id, "campaign": name}
        text = {"digest": name, "title": name, "status": "active", "files": {}, "read_at": NOW}
        revision_of[name] = _insert(connection, revisions, said | text)
        run = said | {"slot_key": "one", "slot_at": NOW, "state": RunState.TRACKING, "valid_until": RUNS_OVER}
        run_of[name] = _insert(connection, runs, run | {"created_at": NOW, "changed_at": NOW})
    made: dict[int, int] = {}
    for mail in world.mails:
        run = {"store_id": store_id, "run_id": run_of[mail.campaign]}
        # several e-mails to one person stand for several plans
        plan = {"run_id": run["run_id"], "revision_id": revision_of[mail.campaign], "digest": "", "body": {}}
        plan |= {"currency": "EUR", "made_at": NOW, "expires_at": NOW}
        recipient = {
            "plan_id": _insert(connection, plans, plan),
            "customer_id": mail.customer,
            "email": "a@b",
        }
        recipient_id = _insert(connection, recipients, recipient)
        if mail.code is not None and mail.code not in made:
            own = mail.code > 0
            code = run | {
                "code": f"C{mail.code}",
                "state": CodeState.LIVE,
                "reserved_at": NOW,
                "changed_at": NOW,
            }
            code |= {
                "recipient_id": recipient_id if own else None,
                "valid_until": mail.until if own else None,
            }
            made[mail.code] = _insert(connection, codes, code)
        code_id = None if mail.code is None else made[mail.code]
        sent = {"recipient_id": recipient_id, "code_id": code_id, "state": mail.state, "sending_at": mail.at}
        _insert(connection, messages, run | sent | {"changed_at": NOW})
    by_number = {one.number: one for one in world.orders}
    for number, order in world.used:
        row = {"store_id": store_id, "run_id": run_of[campaign_of(world, number)], "code_id": made[number]}
        money = {"order_total": Decimal(1), "discount": Decimal(1), "payment_status": "PAID"}
        _insert(connection, redemptions, row | money | {"order_id": order, "at": by_number[order].at})


def campaign_of(world: World, code: int) -> str:
    """Which campaign a code is of."""
    return next(one.campaign for one in world.mails if one.code == code)


def _insert(connection: Connection, table: sa.Table, row: dict[str, Any]) -> int:
    return int(connection.execute(sa.insert(table).values(row).returning(table.c.id)).scalar_one())
