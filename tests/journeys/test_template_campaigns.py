"""Each template campaign as a user tries it: written by `tillroll new`, activated, and followed from its trigger to the checkout.

Only the date is simulated.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.clocks import days_from
from tests.flows.events import all_runs
from tests.journeys.path import compare, outbox
from tests.journeys.shop import DAY, HOUR, MINUTE, NINA, SECOND, Shop
from tests.shop import ANA, ROOT
from tests.store import running, turn, working_for
from tillroll.campaign import read_book
from tillroll.campaign.folder.drafts import draft, kinds
from tillroll.campaign.frozen.proposal import VerdictLevel
from tillroll.campaign.states import RunState
from tillroll.cli.files.new import write_new
from tillroll.clock import SystemClock
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.tables import codes, redemptions
from tillroll.mint.pools.hand_out import take_by_hand

START = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)


@contextmanager
def shop_with(kind: str, database_url: str, tmp_path: Path) -> Iterator[Shop]:
    """Open a shop whose only campaign was written by `tillroll new KIND` beside the sample guardrails, and activated."""
    folder = tmp_path / "marketing"
    with days_from(START) as days, running(tmp_path / "store", customers=8) as sandbox:
        files = draft(kind, name=kind, today=SystemClock().now().date())
        assert all(written for _, written in write_new(folder, files))
        shutil.copy(ROOT / "rules" / "guardrails.yaml", folder / "rules")
        campaign = folder / "campaigns" / f"{kind}.yaml"
        text = campaign.read_text(encoding="utf-8")
        campaign.write_text(text.replace("status: draft", "status: active"), encoding="utf-8")
        assert [one.render() for one in read_book(folder).findings] == []
        with working_for(sandbox, database_url=database_url, home=tmp_path, folder=folder) as worker:
            shop = Shop(worker=worker, sandbox=sandbox, days=days)
            shop.later(MINUTE)
            shop.days.tick(2 * SECOND)
            yield shop


@dataclass(frozen=True, kw_only=True)
class Given:
    """Who got a code, and what they buy with it."""

    code: str
    sku: str = "POT-02"
    quantity: int = 1
    by: str = NINA


def html_of(shop: Shop, line: dict[str, Any]) -> str:
    """Return what an e-mail of the outbox shows."""
    content = (shop.services.settings.outbox / line["file"]).read_bytes()
    message = message_from_bytes(content, policy=policy.default)
    body = message.get_body(("html",))
    assert body is not None
    return str(body.get_content())


def welcome(shop: Shop) -> Given:
    shop.comes(NINA, "Nina Kos")
    shop.later(11 * MINUTE)
    (mail,) = shop.mails()
    assert mail["subject"] == "Nina, your first order: 10% off"
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
    shown = html_of(shop, shop.mails()[0])
    assert "Cast-iron pot" in shown
    assert "/images/" in shown
    assert "#!/~/cart/create=%7B%22products%22%3A%5B%7B%22id%22%3A" in shown
    shop.later(DAY)
    code = shop.mails()[1]["code"]
    shop.later(4 * DAY)
    assert [one["code"] for one in shop.mails()] == ["", code, code]
    return Given(code=code, sku="POT-01")


def winback(shop: Shop) -> Given:
    people = [NINA, "mojca@example.org"]  # one in ten is in the control group
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
    shown = html_of(shop, mail)
    assert "/products/" in shown
    assert "/images/" in shown
    assert "Applies to: Gyokuro. Can be used once." in shown
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
    codes_sent = [one["code"] for one in outbox(shop.services)]
    assert len(set(codes_sent)) == len(codes_sent) > 1, "each customer has a code of their own"
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
    """Play the campaign through, and assert what must hold in the end."""
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
        assert warnings_of(shop) == set()
        assert compare(shop.worker).agrees
        with shop.services.engine.connect() as connection:
            assert first_broken_row(connection) is None


OF_THE_SHOP = frozenset({"promotions", "reduced", "prior_price", "store_emails"})
"""Verdicts on what the sandbox's shop does besides: its promotion, reduced goods, its own e-mails. No campaign is at fault."""


def warnings_of(shop: Shop) -> set[tuple[str, str]]:
    """Return what the plans of all runs warn of, of what a campaign says."""
    engine = shop.services.engine
    with reading(engine) as connection:
        plans = [load_plan(connection, run.id) for run in all_runs(engine)]
    return {
        (verdict.rule, verdict.text)
        for plan in plans
        if plan is not None
        for verdict in plan.proposal.verdicts
        if verdict.level is not VerdictLevel.PASS and verdict.rule not in OF_THE_SHOP
    }


def test_every_template_campaign_is_tried() -> None:
    assert STORIES.keys() == kinds().keys()


@pytest.mark.parametrize("kind", sorted(STORIES))
def test_a_template_campaign_goes_from_its_trigger_to_the_checkout(
    kind: str, sqlite_url: str, tmp_path: Path
) -> None:
    to_the_till(kind, sqlite_url, tmp_path)


@pytest.mark.postgres
@pytest.mark.parametrize("kind", ["abandoned-cart", "back-in-stock"])
def test_a_template_campaign_works_on_postgresql(kind: str, postgresql_url: str, tmp_path: Path) -> None:
    to_the_till(kind, postgresql_url, tmp_path)
