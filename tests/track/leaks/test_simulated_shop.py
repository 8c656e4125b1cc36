"""Who used a code, in a made-up shop with known sharers and clean people of every kind, on both databases."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import NOW, planned_run, run_row
from tillroll.campaign.digest import Blinder
from tillroll.campaign.figures.likeness import household_of, surnames_of
from tillroll.campaign.states import LeakKind, UsedBy
from tillroll.campaign.text.addresses import mailbox_of
from tillroll.ledger.engine import reading, upsert, writing
from tillroll.ledger.tables import codes, customers, leak_checks, leaks, orders, recipients, redemptions
from tillroll.mint.issue.reserve import reserve
from tillroll.track.mirror.areas import ORDERS
from tillroll.track.results.leaks.found import LeakShare, every_leak, leak_share, list_leaks
from tillroll.track.results.leaks.judge import judge_uses
from tillroll.track.results.redeem import mark_redemptions

PEOPLE = 250
SURNAMES = [
    f"{a}{b}{c}"
    for a in ("Nov", "Hor", "Kov", "Zup", "Pot", "Mlak")
    for b in "aeio"
    for c in ("k", "č", "r", "n", "vec")
]
STREETS = ("Dunajska cesta", "Main Street", "Lindenstraße", "Via Roma", "Trubarjeva ulica")
BLINDER = Blinder("the key of a test")


@dataclass(frozen=True, kw_only=True)
class Buyer:
    """Somebody as an order shows them."""

    email: str
    name: str
    street: str
    customer_id: int | None = None
    post: str = "1000"


def person(number: int) -> Buyer:
    surname = SURNAMES[number % len(SURNAMES)] + ("ova" if number // len(SURNAMES) % 2 else "")
    return Buyer(
        email=f"person.{number}.{surname.lower()}@example.com",
        name=f"Ana {surname}",
        street=f"{STREETS[number % len(STREETS)]} {number}",
        customer_id=number,
    )


CLEAN = (
    "themself",
    "plus",
    "case",
    "typo",
    "provider",
    "couple",
    "family",
    "colleague",
    "guest",
    "moved",
    "written",
)


def clean(kind: str, who: Buyer, other: Buyer) -> Buyer:
    """Return how somebody with a right to a code shows in the order."""
    name, _, domain = who.email.partition("@")
    match kind:
        case "plus":
            return replace(who, email=f"{name}+shop@{domain}", customer_id=None)
        case "case":
            return replace(who, email=who.email.upper(), customer_id=None)
        case "typo":
            return replace(who, email=f"{name[:-2]}{name[-1]}{name[-2]}@{domain}", customer_id=None)
        case "provider":
            return replace(who, email=f"{name}@mail.example", customer_id=None, street=other.street)
        case "couple":  # another surname, at the same address
            return replace(other, street=who.street, customer_id=None)
        case "family":  # the same surname, elsewhere
            return replace(other, name=f"Peter {who.name.split()[-1]}", customer_id=None)
        case "colleague":  # the firm's address
            return replace(other, street=who.street.upper().replace("CESTA", "c."))
        case "guest":
            return replace(who, email=f"x{name[::-1]}@else.example", customer_id=None)
        case "moved":
            return replace(who, street="Somewhere 99", post="9000")
        case "written":  # the same address, written otherwise
            words = who.street.replace("straße", "str.").replace("Street", "St").split()
            return replace(other, street=f"{words[-1]} {' '.join(words[:-1])}, apt. 4", customer_id=None)
        case _:
            return who


@pytest.fixture
def shop(ledger: Engine) -> tuple[int, int, list[tuple[int, str, int]]]:
    """Return a store, a run, and the codes of its recipients with these; everybody's address is known."""
    store_id, run_id = planned_run(ledger, customers=PEOPLE)
    reserve(ledger, run=run_row(ledger, run_id), now=NOW)
    with writing(ledger) as connection:
        connection.execute(sa.update(codes).values(state="live"))
        given = sa.select(recipients.c.customer_id, codes.c.code, recipients.c.id)
        rows = connection.execute(
            given.join(codes, codes.c.recipient_id == recipients.c.id).order_by(codes.c.id)
        ).all()
        for number in range(1, PEOPLE + 1):
            who = person(number)
            known = {"mailbox": mailbox_of(who.email), "email": who.email, **digests(who)}
            here = customers.c.customer_id == number
            connection.execute(sa.update(customers).where(here).values(known))
            connection.execute(
                sa.update(recipients).where(recipients.c.customer_id == number).values(email=who.email)
            )
    return store_id, run_id, [tuple(row) for row in rows]


def digests(who: Buyer) -> dict[str, str]:
    return {
        "households": BLINDER.blind_all("household", [household_of(who.street, who.post, "SI")]),
        "surnames": BLINDER.blind_all("surname", surnames_of(who.name)),
    }


def order(store_id: int, number: int, who: Buyer, code: str, **also: Any) -> dict[str, Any]:
    return {
        "store_id": store_id,
        "order_id": f"A{number}",
        "customer_id": who.customer_id,
        "email": who.email,
        "buyer": BLINDER.blind("mailbox", mailbox_of(who.email)),
        **digests(who),
        "total": Decimal("45.00"),
        "coupon_discount": Decimal("5.01"),
        "coupon_code": code,
        "payment_status": "PAID",
        "created_at": NOW + timedelta(minutes=37 * number),
        "seen_at": NOW,
        **also,
    }


def sell(engine: Engine, store_id: int, rows: list[dict[str, Any]]) -> None:
    with writing(engine) as connection:
        upsert(connection, orders, rows)
    mark_redemptions(engine, store_id=store_id, seen_since=NOW)
    while judge_uses(engine, store_id=store_id, now=NOW) is not None:
        continue


def found(engine: Engine, kind: LeakKind) -> set[str]:
    query = sa.select(redemptions.c.order_id).join(leaks, leaks.c.redemption_id == redemptions.c.id)
    with reading(engine) as connection:
        return set(connection.scalars(query.where(leaks.c.kind == kind)))


def passed_on(who: Buyer, number: int) -> Buyer:
    """Return a stranger who got the code of somebody."""
    return Buyer(
        email=f"friend{number}@other.example",
        name=f"Bo Stranger{number}",
        street=f"Far Road {number}",
        post="8000",
    )


def scenes(seed: int, given: list[tuple[int, str, int]]) -> Iterator[tuple[str, Buyer, str]]:
    """Yield for each recipient who uses their code: one of twenty is a stranger, the others have a right to it."""
    chance = random.Random(seed)
    for customer_id, code, _ in given:
        who, other = person(customer_id), person(chance.randrange(1, PEOPLE + 1))
        if chance.random() < 0.05:
            yield "shared", passed_on(who, customer_id), code
        elif (
            chance.random() < 0.004
        ):  # a relative with another surname, address and mailbox: nothing tells them from a stranger
            yield "relative", passed_on(who, customer_id), code
        else:
            kind = chance.choice(CLEAN)
            yield kind, clean(kind, who, other), code


@pytest.mark.parametrize("seed", range(2))
def test_all_who_shared_are_found_and_under_one_percent_of_clean_people_are_accused(
    ledger: Engine, shop: tuple[int, int, list[tuple[int, str, int]]], seed: int
) -> None:
    store_id, _, given = shop
    drawn = list(scenes(seed, given))
    sell(ledger, store_id, [order(store_id, n, who, code) for n, (_, who, code) in enumerate(drawn)])
    shared = {f"A{n}" for n, (kind, _, _) in enumerate(drawn) if kind == "shared"}
    accused = found(ledger, LeakKind.OTHER_BUYER)
    assert len(shared) > 5
    assert shared <= accused
    wrong = {drawn[int(one[1:])][0] for one in accused - shared}
    assert len(accused - shared) < 0.01 * (len(drawn) - len(shared)), wrong
    with reading(ledger) as connection:
        said = leak_share(connection, store_id, "winback")
        pages = list(every_leak(connection, store_id))
    assert said.leaked == len(accused)
    assert sum(one.cost for one in pages if one.kind is LeakKind.OTHER_BUYER) == Decimal("5.01") * len(
        accused
    )
    assert LeakShare(leaked=1, orders=3).share == Decimal("0.3333")


def test_one_buyer_with_codes_of_several_and_an_undone_order(
    ledger: Engine, shop: tuple[int, int, list[tuple[int, str, int]]]
) -> None:
    store_id, _, given = shop
    hunter = passed_on(person(1), 7)
    mine = [order(store_id, n, hunter, code) for n, (_, code, _) in enumerate(given[:4])]
    sell(ledger, store_id, mine)
    assert found(ledger, LeakKind.MANY_CODES) == {"A0"}
    with reading(ledger) as connection:
        (leak,) = [one for one in list_leaks(connection, store_id) if one.kind is LeakKind.MANY_CODES]
    assert (leak.uses, leak.cost) == (4, Decimal("20.04"))
    sell(ledger, store_id, [{**mine[3], "payment_status": "CANCELLED"}])
    with reading(ledger) as connection:
        (leak,) = [one for one in list_leaks(connection, store_id) if one.kind is LeakKind.MANY_CODES]
        assert (leak.uses, leak.cost) == (3, Decimal("15.03"))
        assert len(list_leaks(connection, store_id, limit=2)) == 2
        assert connection.scalar(sa.select(sa.func.count()).select_from(leak_checks)) == 3
    with writing(ledger) as connection:
        ORDERS.remove(connection, store_id, ["A2"])
    assert found(ledger, LeakKind.MANY_CODES) == set(), "two are no collection"


def test_one_code_with_many_buyers_is_one_finding_as_long_as_there_are_many(
    ledger: Engine, shop: tuple[int, int, list[tuple[int, str, int]]]
) -> None:
    store_id, _, given = shop
    code = given[0][1]
    sold = [order(store_id, n, passed_on(person(1), n), code) for n in range(6)]
    sell(ledger, store_id, sold)
    assert found(ledger, LeakKind.MANY_BUYERS) == {"A0"}
    assert found(ledger, LeakKind.MANY_CODES) == set()
    with writing(ledger) as connection:
        ORDERS.remove(connection, store_id, ["A0", "A1"])
    assert found(ledger, LeakKind.MANY_BUYERS) == {"A2"}, "it goes on with those that are left"
    sell(ledger, store_id, [{**sold[2], "payment_status": "REFUNDED"}])
    assert found(ledger, LeakKind.MANY_BUYERS) == {"A3"}
    sell(ledger, store_id, [{**sold[5], "payment_status": "CANCELLED"}])
    assert found(ledger, LeakKind.MANY_BUYERS) == set()


def test_a_code_for_everybody_leaks_only_in_a_burst(
    ledger: Engine, shop: tuple[int, int, list[tuple[int, str, int]]]
) -> None:
    store_id, _, given = shop
    code = given[0][1]
    with writing(ledger) as connection:
        connection.execute(sa.update(codes).where(codes.c.code == code).values(recipient_id=None))
    slowly = [order(store_id, n, passed_on(person(1), n), code) for n in range(20)]  # one in 37 minutes
    sell(ledger, store_id, slowly)
    assert set(kinds(ledger)) == set()
    at = NOW + timedelta(days=20)
    sell(
        ledger,
        store_id,
        [order(store_id, n, passed_on(person(1), n), code, created_at=at) for n in range(20, 32)],
    )
    assert kinds(ledger) == [LeakKind.BURST]
    with reading(ledger) as connection:
        (leak,) = list_leaks(connection, store_id)
        public = sa.select(sa.func.count()).where(leak_checks.c.used_by == UsedBy.PUBLIC)
        assert (leak.uses, connection.scalar(public)) == (12, 32)
    with writing(ledger) as connection:
        ORDERS.remove(connection, store_id, ["A20", "A21"])
    assert found(ledger, LeakKind.BURST) == {"A22"}
    with writing(ledger) as connection:
        ORDERS.remove(connection, store_id, ["A30"])
    assert kinds(ledger) == []


def kinds(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        return list(connection.scalars(sa.select(leaks.c.kind)))


def test_nobody_is_accused_where_too_little_is_known(
    ledger: Engine, shop: tuple[int, int, list[tuple[int, str, int]]]
) -> None:
    """No address of the recipient; digests of another key; somebody who was forgotten."""
    store_id, _, given = shop
    with writing(ledger) as connection:
        connection.execute(
            sa.update(customers).where(customers.c.customer_id == given[0][0]).values(households="")
        )
        other_key = {"households": Blinder("another").blind("household", "far 1 8000 si")}
        connection.execute(
            sa.update(customers).where(customers.c.customer_id == given[1][0]).values(other_key)
        )
        gone = {"households": "", "surnames": "", "mailbox": "", "email": ""}
        connection.execute(sa.update(customers).where(customers.c.customer_id == given[2][0]).values(gone))
        connection.execute(sa.update(recipients).where(recipients.c.id == given[2][2]).values(email=""))
    sell(ledger, store_id, [order(store_id, n, passed_on(person(1), n), given[n][1]) for n in range(3)])
    assert kinds(ledger) == []


@pytest.mark.parametrize("seed", range(3))
def test_findings_are_the_same_whatever_order_news_of_orders_and_their_undoing_comes_in(
    ledger: Engine, shop: tuple[int, int, list[tuple[int, str, int]]], seed: int
) -> None:
    store_id, _, given = shop
    chance = random.Random(seed)
    hunters = [passed_on(person(1), number) for number in range(4)]
    rows = [order(store_id, n, chance.choice(hunters), given[chance.randrange(6)][1]) for n in range(24)]
    stays = {row["order_id"]: chance.choice(("PAID", "PAID", "PAID", "CANCELLED", "deleted")) for row in rows}
    chance.shuffle(rows)
    waiting: list[dict[str, Any]] = []
    for row in rows:
        sell(ledger, store_id, [row])
        waiting.append(row)
        while waiting and chance.random() < 0.5:
            undo(ledger, store_id, waiting.pop(chance.randrange(len(waiting))), stays)
    for row in waiting:
        undo(ledger, store_id, row, stays)
    with reading(ledger) as connection:
        piecemeal = {(one.kind, one.uses, one.cost) for one in every_leak(connection, store_id)}
    with writing(ledger) as connection:
        ORDERS.remove(connection, store_id, list(stays))
        assert connection.scalar(sa.select(sa.func.count()).select_from(leaks)) == 0
    sell(ledger, store_id, [row for row in rows if stays[row["order_id"]] == "PAID"])
    with reading(ledger) as connection:
        at_once = {(one.kind, one.uses, one.cost) for one in every_leak(connection, store_id)}
    assert piecemeal == at_once
    assert len({kind for kind, _, _ in at_once}) > 1, "some findings are of several uses"


def undo(engine: Engine, store_id: int, row: dict[str, Any], stays: dict[str, str]) -> None:
    """Let an order be what it ends as."""
    if stays[row["order_id"]] == "deleted":
        with writing(engine) as connection:
            ORDERS.remove(connection, store_id, [row["order_id"]])
    else:
        sell(engine, store_id, [{**row, "payment_status": stays[row["order_id"]]}])
