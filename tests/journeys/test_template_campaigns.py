"""Each template campaign as a user meets it: written by `tillroll new`, switched on, and followed from what sets it off in the
store to the till. Everything is real but the date."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from freezegun import freeze_time
from freezegun.api import TickingDateTimeFactory

from tests.journeys.test_from_file_to_inbox import agree, compare, outbox
from tests.plan.events import all_runs
from tests.shop import ANA
from tests.store import QUICK, running, turn
from tillroll.campaign import read_book
from tillroll.campaign.folder.drafts import draft, kinds
from tillroll.campaign.states import RunState
from tillroll.cli.new import write_new
from tillroll.clock import SystemClock
from tillroll.ecwid.client import Client
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import codes, redemptions
from tillroll.loop.advance import Lane, advance
from tillroll.loop.worker import SLICE, register_store
from tillroll.mint.hand_out import take_by_hand
from tillroll.sandbox.serve import Sandbox
from tillroll.settings import Settings, StoreAccess
from tillroll.track.connect import load_store
from tillroll.wiring import Services, build

START = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NINA = "nina@example.org"


@dataclass(kw_only=True)
class Shop:
    """A store, an installation that works for it, and what people do."""

    lane: Lane
    sandbox: Sandbox
    days: TickingDateTimeFactory

    @property
    def services(self) -> Services:
        return self.lane.services

    @property
    def client(self) -> Client:
        return self.lane.client

    def later(self, length: timedelta) -> None:
        """So long passes and a little more (the store tells whole seconds), and the worker does what has become due."""
        self.days.tick(length + 2 * SECOND)
        quiet, clock = 0, self.services.clock
        while quiet < 3:
            next_at = advance(self.lane, until=clock.now() + SLICE)
            wait = (next_at or clock.now() + DAY) - clock.now()
            quiet = quiet + 1 if wait > MINUTE else 0
            if not quiet and wait > timedelta(0):  # the store's batches take their time
                clock.sleep(min(0.2, wait.total_seconds()))

    def comes(self, email: str, name: str, *, agrees: bool = True) -> int:
        """Somebody leaves their address."""
        body = {"email": email, "acceptMarketing": agrees, "billingPerson": {"name": name}}
        return int(self.client.connection.write("POST", "/customers", body=body)["id"])

    def does(self, deed: str, **body: Any) -> dict[str, Any]:
        """A buyer's deed at the storefront."""
        address = self.sandbox.ready.base_url.removesuffix("/api/v3")
        answer = requests.post(f"{address}/sandbox/{deed}", json=body, timeout=5)
        answer.raise_for_status()
        return dict(answer.json())

    def buys(self, email: str, sku: str, quantity: int = 1, coupon: str = "") -> dict[str, Any]:
        return self.does("checkout", email=email, items=[{"sku": sku, "quantity": quantity}], coupon=coupon)

    def has(self, sku: str, quantity: int) -> None:
        """The owner counts a product's pieces."""
        product = self.client.connection.read("/products", {"sku": sku})["items"][0]
        self.client.connection.write("PUT", f"/products/{product['id']}", body={"quantity": quantity})

    def agrees_to_what_waits(self) -> None:
        """An approver agrees to every plan that waits for one."""
        waiting = [run.id for run in all_runs(self.services.engine) if run.state == RunState.WAITING]
        assert waiting, [(run.state, run.reason) for run in all_runs(self.services.engine)]
        for run_id in waiting:
            agree(self.services, run_id)

    def mails(self, to: str = NINA) -> list[dict[str, Any]]:
        return [line for line in outbox(self.services) if line["to"] == to]


@contextmanager
def shop_with(kind: str, database_url: str, tmp_path: Path) -> Iterator[Shop]:
    """A shop whose only campaign was written by `tillroll new KIND` into an empty folder, and switched on."""
    folder = tmp_path / "marketing"
    with freeze_time(START, tick=True) as days, running(tmp_path / "store", customers=8) as sandbox:
        files = draft(kind, name=kind, today=SystemClock().now().date())
        assert all(written for _, written in write_new(folder, files))
        campaign = folder / "campaigns" / f"{kind}.yaml"
        text = campaign.read_text(encoding="utf-8")
        campaign.write_text(text.replace("status: draft", "status: active"), encoding="utf-8")
        assert [one.render() for one in read_book(folder).findings] == []
        ready = sandbox.ready
        settings = Settings(
            home=tmp_path,
            database_url=database_url,
            folder=folder,
            store=StoreAccess(ecwid_id=ready.store_id, token=ready.token, base_url=ready.base_url),
            requests_per_minute=QUICK,
        )
        with build(settings) as services:
            register_store(services)
            with reading(services.engine) as connection:
                store = load_store(connection, 1)
            lane = Lane(services=services, store_id=1, client=services.open_client(store))
            shop = Shop(lane=lane, sandbox=sandbox, days=days)
            try:
                shop.later(MINUTE)
                shop.days.tick(2 * SECOND)
                yield shop
            finally:
                lane.close()


@dataclass(frozen=True, kw_only=True)
class Given:
    """What came of it: somebody holds a code, and what they buy with it."""

    code: str
    sku: str = "POT-02"
    quantity: int = 1
    by: str = NINA


def welcome(shop: Shop) -> Given:
    shop.comes(NINA, "Nina Kos")
    shop.later(11 * MINUTE)
    (mail,) = shop.mails()
    assert mail["subject"] == "Nina, your first order is 10% off"
    shop.later(26 * DAY)  # five days before the last day ends, and not at night
    reminder = shop.mails()[1]
    assert reminder["code"] == mail["code"]
    return Given(code=mail["code"])


def abandoned_cart(shop: Shop) -> Given:
    shop.comes(NINA, "Nina Kos")
    shop.does("cart", email=NINA, items=[{"sku": "POT-01", "quantity": 1}])
    shop.later(10 * MINUTE)
    assert shop.mails() == []
    shop.later(2 * HOUR)
    assert [one["code"] for one in shop.mails()] == [""]
    shop.later(DAY)
    code = shop.mails()[1]["code"]
    shop.later(4 * DAY)
    assert [one["code"] for one in shop.mails()] == ["", code, code]
    return Given(code=code, sku="POT-01")


def winback(shop: Shop) -> Given:
    people = [NINA, "mojca@example.org"]  # one in ten is held back to compare with
    for email in people:
        shop.comes(email, "Nina Kos")
        shop.buys(email, "POT-02")
    shop.later(HOUR)
    shop.later(89 * DAY)
    assert [mail for email in people for mail in shop.mails(email)] == []
    shop.later(DAY)
    mail = next(mail for email in people for mail in shop.mails(email))
    return Given(code=mail["code"], by=mail["to"])


def birthday(shop: Shop) -> Given:
    turn(shop.sandbox, write_customer_extra_fields=True)
    field = {"title": "Birthday", "type": "DATETIME"}
    key = shop.client.connection.write("POST", "/store_extrafields/customers", body=field)["key"]
    number = shop.comes(NINA, "Nina Kos")
    born = [{"key": key, "value": "1990-12-03"}]
    shop.client.connection.write("PUT", f"/customers/{number}", body={"extrafields": born})
    shop.later(DAY)
    assert shop.mails() == []
    shop.later(DAY - HOUR)  # nine in the morning in Ljubljana
    (mail,) = shop.mails()
    assert mail["subject"] == "Happy birthday, Nina"
    return Given(code=mail["code"])


def second_order(shop: Shop) -> Given:
    shop.comes(NINA, "Nina Kos")
    shop.buys(NINA, "TEA-01")
    shop.later(13 * DAY)
    assert shop.mails() == []
    shop.later(DAY)
    (mail,) = shop.mails()
    return Given(code=mail["code"])


def vip_tier(shop: Shop) -> Given:
    shop.comes(NINA, "Nina Kos")
    shop.buys(NINA, "BOX-01", 5)
    shop.later(2 * HOUR)
    assert shop.mails() == []
    shop.buys(NINA, "BOX-01", 1)
    shop.later(5 * MINUTE)
    shop.later(HOUR)
    (mail,) = shop.mails()
    assert mail["subject"].startswith("€25 off"), "a tenth of what they usually spend, and no more than 25"
    return Given(code=mail["code"])


def post_purchase(shop: Shop) -> None:
    shop.comes(NINA, "Nina Kos")
    order = shop.buys(NINA, "TEA-01")["orderId"]
    shop.later(4 * DAY)
    assert shop.mails() == []
    shop.later(DAY + HOUR)
    (mail,) = shop.mails()
    assert (order in mail["subject"], mail["code"]) == (True, "")


def review_thanks(shop: Shop) -> Given:
    shop.comes(NINA, "Nina Kos")
    shop.buys(NINA, "TEA-01")
    number = shop.does("review", email=NINA, sku="TEA-01", rating=5, text="Lovely.")["reviewId"]
    shop.later(HOUR)
    assert shop.mails() == [], "nobody has published it yet"
    shop.client.connection.write("PUT", f"/reviews/{number}", body={"status": "PUBLISHED"})
    shop.later(20 * MINUTE)
    shop.later(HOUR)
    (mail,) = shop.mails()
    return Given(code=mail["code"])


def back_in_stock(shop: Shop) -> Given:
    shop.comes(NINA, "Nina Kos")
    shop.buys(NINA, "TEA-01")
    shop.has("TEA-02", 0)
    shop.later(10 * MINUTE)
    shop.has("TEA-02", 12)
    shop.later(10 * MINUTE)
    shop.later(30 * MINUTE)
    shop.agrees_to_what_waits()
    shop.later(MINUTE)
    (mail,) = shop.mails()
    assert mail["subject"] == "Gyokuro is back"
    return Given(code=mail["code"], sku="TEA-02")


def overstock(shop: Shop) -> Given:
    shop.comes(NINA, "Nina Kos")
    shop.has("TEA-02", 240)
    shop.later(10 * MINUTE)
    shop.later(HOUR)
    shop.agrees_to_what_waits()
    shop.later(MINUTE)
    (mail,) = shop.mails()
    assert "Gyokuro" in mail["subject"]
    return Given(code=mail["code"], sku="TEA-02")


def flash_sale(shop: Shop) -> Given:
    shop.comes(NINA, "Nina Kos")
    shop.later(22 * HOUR)
    assert all_runs(shop.services.engine) == []
    shop.later(HOUR)  # nine in the morning of the next day, in Ljubljana
    shop.agrees_to_what_waits()
    shop.later(MINUTE)
    (mail,) = shop.mails()
    assert {one["code"] for one in outbox(shop.services)} == {mail["code"]}
    return Given(code=mail["code"])


def referral_pool(shop: Shop) -> Given:
    shop.agrees_to_what_waits()
    shop.later(MINUTE)
    (taken,) = take_by_hand(
        shop.services.engine,
        store_id=1,
        campaign="referral-pool",
        count=1,
        person=ANA.email,
        whom="partner@shop.example",
        now=shop.services.clock.now(),
    )
    assert outbox(shop.services) == []
    return Given(code=taken["code"], by="friend@example.org")


STORIES: dict[str, Callable[[Shop], Given | None]] = {
    "welcome": welcome,
    "abandoned-cart": abandoned_cart,
    "winback": winback,
    "birthday": birthday,
    "second-order": second_order,
    "vip-tier": vip_tier,
    "post-purchase": post_purchase,
    "review-thanks": review_thanks,
    "back-in-stock": back_in_stock,
    "overstock": overstock,
    "flash-sale": flash_sale,
    "referral-pool": referral_pool,
}


def to_the_till(kind: str, database_url: str, tmp_path: Path) -> None:
    """The campaign's whole story, and what must hold in the end."""
    with shop_with(kind, database_url, tmp_path) as shop:
        given = STORIES[kind](shop)
        if given is not None:
            shop.later(MINUTE)
            sold = shop.buys(given.by, given.sku, given.quantity, coupon=given.code)
            assert sold["couponDiscount"] > 0
            shop.later(5 * MINUTE)
            engine = shop.services.engine
            with engine.connect() as connection:
                query = sa.select(redemptions.c.order_id, codes.c.code).join(codes)
                used = [tuple(one) for one in connection.execute(query)]
            assert used == [(sold["orderId"], given.code)]
        lines = outbox(shop.services)
        assert len({line["key"] for line in lines}) == len(lines)
        ends = {RunState.TRACKING, RunState.DONE}
        if kind == "winback":
            ends.add(RunState.SKIPPED)  # other people's moments, in the weeks that were slept through
        assert {run.state for run in all_runs(shop.services.engine)} <= ends
        assert compare(shop.lane).agrees
        with shop.services.engine.connect() as connection:
            assert first_broken_row(connection) is None


def test_every_template_campaign_has_its_story() -> None:
    assert STORIES.keys() == kinds().keys()


@pytest.mark.parametrize("kind", sorted(STORIES))
def test_a_template_campaign_goes_from_its_trigger_to_the_till(
    kind: str, sqlite_url: str, tmp_path: Path
) -> None:
    to_the_till(kind, sqlite_url, tmp_path)


@pytest.mark.postgres
@pytest.mark.parametrize("kind", ["abandoned-cart", "back-in-stock"])
def test_and_on_postgresql(kind: str, postgresql_url: str, tmp_path: Path) -> None:
    to_the_till(kind, postgresql_url, tmp_path)
