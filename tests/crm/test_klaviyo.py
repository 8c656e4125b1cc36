"""What is Klaviyo's own: which events it gets, and when a code counts as issued there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.crm.coded import LAST_DAY, CodedShop
from tests.crm.services import FakeKlaviyo, serving
from tests.shop import NOW
from tillroll.campaign.states import CodeState
from tillroll.ledger.crm.replay import begin_anew
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import codes, crm_events


@pytest.fixture
def shop(ledger: Engine, tmp_path: Path) -> CodedShop:
    return CodedShop(ledger, tmp_path)


@pytest.fixture
def klaviyo() -> Iterator[FakeKlaviyo]:
    made = FakeKlaviyo()
    with serving(made):
        yield made


def test_an_event_says_all_that_a_flow_shows(shop: CodedShop, klaviyo: FakeKlaviyo) -> None:
    shop.turn(klaviyo)
    shop.give(1, "AAA")
    shop.turn(klaviyo)
    (event,) = klaviyo.events
    assert event["unique_id"].startswith("1003-")
    properties = event["properties"]
    assert (event["name"], event["backfill"]) == ("Tillroll code issued", False)
    assert (properties["code"], properties["campaign"], properties["store"]) == ("AAA", "winback", 1003)
    assert (properties["valid_until"], properties["last_day"]) == (f"{LAST_DAY}T10:00:00+01:00", LAST_DAY)


def test_a_flow_can_stop_when_the_code_ends(shop: CodedShop, klaviyo: FakeKlaviyo) -> None:
    shop.turn(klaviyo)
    used, revoked = shop.give(1, "AAA"), shop.give(2, "BBB")
    shop.turn(klaviyo)
    shop.use(used, "A1")
    shop.change(revoked, state=CodeState.REVOKED)
    shop.turn(klaviyo)
    assert klaviyo.metrics(shop.email(1)) == ["Tillroll code issued", "Tillroll code used"]
    assert klaviyo.metrics(shop.email(2)) == ["Tillroll code issued", "Tillroll code revoked"]


def test_what_is_older_than_the_feed_starts_no_flow(shop: CodedShop, klaviyo: FakeKlaviyo) -> None:
    shop.give(1, "OLD")
    shop.turn(klaviyo)
    shop.settle(klaviyo)
    shop.give(2, "NEW")
    shop.turn(klaviyo)
    assert [(event["properties"]["code"], event["backfill"]) for event in klaviyo.events] == [
        ("OLD", True),
        ("NEW", False),
    ]
    assert klaviyo.shown(shop.email(1))["code"] == "OLD", "a campaign of Klaviyo can show it"


def test_a_restored_ledger_starts_no_flow_a_second_time(shop: CodedShop, klaviyo: FakeKlaviyo) -> None:
    shop.turn(klaviyo)
    shop.give(1, "AAA")
    shop.turn(klaviyo)
    with writing(shop.ledger) as connection:  # an older backup knows neither the code nor what was told
        connection.execute(sa.delete(crm_events))
        connection.execute(sa.delete(codes))
    shop.give(1, "AAA")
    shop.turn(klaviyo)
    assert set(shop.states()) == {"sent"}
    assert klaviyo.metrics(shop.email(1)) == ["Tillroll code issued"]
    assert klaviyo.repeats == 1
    with writing(shop.ledger) as connection:
        begin_anew(connection, shop.store_id, NOW)
    shop.settle(klaviyo)
    assert [event["backfill"] for event in klaviyo.events] == [False, True], "told anew, as history"


def test_a_code_made_ahead_is_issued_once_it_works(shop: CodedShop, klaviyo: FakeKlaviyo) -> None:
    shop.turn(klaviyo)
    code = shop.give(1, "AAA", state=CodeState.PAUSED)
    shop.turn(klaviyo)
    assert klaviyo.metrics(shop.email(1)) == ["Tillroll code made ahead"]
    assert klaviyo.shown(shop.email(1)) == {}
    for state in (CodeState.LIVE, CodeState.PAUSED, CodeState.LIVE):
        shop.change(code, state=state)
        shop.turn(klaviyo)
    assert klaviyo.metrics(shop.email(1))[1:] == [
        "Tillroll code issued",
        "Tillroll code paused",
        "Tillroll code resumed",
    ]
    assert klaviyo.shown(shop.email(1))["code"] == "AAA"
