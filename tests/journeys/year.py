"""People of a shop with a known behaviour, and the books that a test keeps of what they did.

Everybody orders by themselves with the same chance; an e-mail adds a chance of its own. Some who got a code pass it on to
somebody else, and of those who use it, some let somebody of their home order. Orders are cancelled, refunded and deleted. The
books know what the store answered, and nothing of the ledger.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from tests.journeys.shop import DAY, Shop

BASE = 0.10  # the chance to order by oneself within the weeks of a campaign
TAKES_CODE = 0.7  # of those whom the e-mail made order, who use its code
PASSES_ON = (
    0.02  # of those who got a code, and of whom the store knows an address: nobody else can be compared
)
AT_HOME = 0.1  # of those who use their code, for whom somebody else of their home orders
PRICES = {"cheap": Decimal("24.90"), "dear": Decimal("89.50")}


@dataclass(frozen=True, kw_only=True)
class Purchase:
    """Something that somebody is going to buy."""

    at: datetime
    email: str
    sku: str
    code: str = ""
    campaign: str = ""
    passed_on_by: str = ""  # whose code it was, if it was a stranger's
    home: Mapping[str, str] | None = None  # name and address, where the order has any


@dataclass(kw_only=True)
class Sum:
    """What orders with codes add up to."""

    orders: int = 0
    revenue: Decimal = Decimal(0)
    discount: Decimal = Decimal(0)

    def add(self, order: Mapping[str, Any], sign: int = 1) -> None:
        self.orders += sign
        self.revenue += sign * order["total"]
        self.discount += sign * order["discount"]

    @property
    def figures(self) -> tuple[int, Decimal, Decimal]:
        return self.orders, self.revenue, self.discount


@dataclass(kw_only=True)
class Books:
    """What the people bought with codes, by the store's answers."""

    zone: ZoneInfo
    days: dict[tuple[date, str], Sum] = field(default_factory=lambda: defaultdict(Sum))
    campaigns: dict[str, Sum] = field(default_factory=lambda: defaultdict(Sum))
    orders: list[dict[str, Any]] = field(default_factory=list)  # that still count

    def bought(self, purchase: Purchase, answer: Mapping[str, Any], at: datetime) -> None:
        order = {
            "id": answer["orderId"],
            "campaign": purchase.campaign,
            "day": at.astimezone(self.zone).date(),
            "total": Decimal(str(answer["total"])),
            "discount": Decimal(str(answer["couponDiscount"])),
            "passed_on_by": purchase.passed_on_by,
        }
        self._move(order, 1)
        self.orders.append(order)

    @property
    def sharers(self) -> set[tuple[str, str]]:
        """The campaigns and addresses of those whose code somebody else used for an order that still counts."""
        return {(one["campaign"], one["passed_on_by"]) for one in self.orders if one["passed_on_by"]}

    def undone(self, order: dict[str, Any]) -> None:
        self._move(order, -1)
        self.orders.remove(order)

    def refunded(self, order: dict[str, Any], amount: Decimal) -> None:
        self._move(order, -1)
        order["total"] -= amount
        self._move(order, 1)

    def _move(self, order: Mapping[str, Any], sign: int) -> None:
        if order["campaign"]:
            self.days[order["day"], order["campaign"]].add(order, sign)
            self.campaigns[order["campaign"]].add(order, sign)


@dataclass(kw_only=True)
class People:
    """The customers of a shop, whose behaviour is drawn with a seed."""

    homes: Mapping[str, Mapping[str, str]]  # name and street of each customer, by e-mail address
    chance: random.Random

    def purchases(
        self, got: Mapping[str, str], campaign: str, effect: float, begin: datetime, length: timedelta
    ) -> list[Purchase]:
        """Return what people are going to buy in the weeks of a campaign, by time. `got`: the code of each who got an e-mail."""
        found = list(self._purchases(got, campaign, effect, begin, length))
        return sorted(found, key=lambda each: (each.at, each.email))

    def _purchases(
        self, got: Mapping[str, str], campaign: str, effect: float, begin: datetime, length: timedelta
    ) -> Iterator[Purchase]:
        for number, (address, home) in enumerate(self.homes.items()):
            if self.chance.random() < BASE:
                yield Purchase(at=self._moment(begin, length), email=address, sku=self._sku())
            code = got.get(address)
            if code is None:
                continue
            if home.get("street") and self.chance.random() < PASSES_ON:
                friend = {
                    "name": f"Xaver Quist{number}",
                    "street": f"Elsewhere {number}",
                    "postalCode": "9999",
                }
                yield Purchase(
                    at=self._moment(begin, length), email=f"friend.of.{number}@elsewhere.example", sku="dear", code=code,
                    campaign=campaign, passed_on_by=address, home={**friend, "countryCode": "NO"},
                )  # fmt: skip
            elif self.chance.random() < effect:
                yield self._own(number, address, home, code, campaign, self._moment(begin, length))

    def _own(
        self, number: int, address: str, home: Mapping[str, str], code: str, campaign: str, at: datetime
    ) -> Purchase:
        """Return what an e-mail made its reader buy."""
        if self.chance.random() >= TAKES_CODE:
            return Purchase(at=at, email=address, sku=self._sku())
        if home.get("street") and self.chance.random() < AT_HOME:
            partner = {**home, "name": f"Yva Partner{number}"}
            other = f"partner.of.{number}@else.example"
            return Purchase(at=at, email=other, sku="dear", code=code, campaign=campaign, home=partner)
        return Purchase(at=at, email=address, sku="dear", code=code, campaign=campaign)

    def _moment(self, begin: datetime, length: timedelta) -> datetime:
        return begin + length * self.chance.random()

    def _sku(self) -> str:
        return self.chance.choice(sorted(PRICES))


def live_through(
    shop: Shop, books: Books, purchases: list[Purchase], chance: random.Random, work: Any
) -> None:
    """Let the people buy, and some change their minds; the worker looks once a week, or when its webhooks tell it."""
    seen = shop.services.clock.now()
    for purchase in purchases:
        if purchase.at > shop.services.clock.now():
            shop.days.move_to(purchase.at)
        answer = shop.buys(purchase.email, purchase.sku, coupon=purchase.code, home=purchase.home)
        books.bought(purchase, answer, shop.services.clock.now())
        if chance.random() < 0.08:
            change_one(shop, books, chance)
        if shop.services.clock.now() - seen > 7 * DAY:
            work(shop)
            seen = shop.services.clock.now()


def change_one(shop: Shop, books: Books, chance: random.Random) -> None:
    """Cancel, refund or delete some earlier order, whole or in part."""
    order = chance.choice(books.orders[-50:])
    path, write = f"/orders/{order['id']}", shop.client.connection.write
    match chance.randrange(4):
        case 0:
            write("PUT", path, body={"paymentStatus": "CANCELLED"})
            books.undone(order)
        case 1:
            write("PUT", path, body={"paymentStatus": "REFUNDED"})
            books.undone(order)
        case 2:
            write("DELETE", path)
            books.undone(order)
        case 3:
            amount = Decimal(chance.randrange(100, 1_000)) / 100
            body = {"paymentStatus": "PARTIALLY_REFUNDED", "refundedAmount": float(amount)}
            if "refunded" not in order:
                write("PUT", path, body=body)
                books.refunded(order, amount)
                order["refunded"] = True
