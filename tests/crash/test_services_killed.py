"""A process that tells Klaviyo or Mailchimp of codes is killed at every point between two commits: no code is lost,
and none is told twice."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.accounts import add_account
from tests.crash.points import Point
from tests.crash.test_crm_killed import Pusher
from tests.crm.coded import CodedShop
from tests.crm.services import AUDIENCE, KLAVIYO_KEY, MAILCHIMP_KEY, FakeKlaviyo, FakeMailchimp, serving
from tests.shop import ANA, NOW
from tests.web.site import PASSWORD
from tillroll.campaign.states import CodeState
from tillroll.ledger.engine import open_engine

POINTS = (
    Point(name="recorded, not committed", function="tillroll.crm.push:_record", when="left"),
    Point(name="recorded, the current codes read", function="tillroll.crm.push:_current", when="left"),
    Point(
        name="told of all, nothing recorded",
        function="tillroll.crm.receivers.service_calls:tell_each",
        when="left",
    ),
    Point(name="settled, not committed", function="tillroll.crm.settle:settle_batch", when="left"),
    Point(name="settled", function="tillroll.crm.push:_hand_over", when="left"),
)
RULES = {
    FakeKlaviyo: "klaviyo: true\n",
    FakeMailchimp: f"mailchimp: {{audience: {AUDIENCE}, until: TILLUNTIL, campaign: TILLCAMP}}\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", [FakeKlaviyo, FakeMailchimp])
def test_each_customer_has_the_right_code_though_the_pusher_dies(
    kind: type[FakeKlaviyo | FakeMailchimp], database_url: str, tmp_path: Path
) -> None:
    shop, service = CodedShop(open_engine(database_url), tmp_path), kind()
    add_account(shop.ledger, email=ANA.email, password=PASSWORD, role_names=("approver",), now=NOW)
    for name in ("campaigns", "rules"):
        (tmp_path / name).mkdir()
    (tmp_path / "rules" / "crm.yaml").write_text(RULES[kind])
    people = shop.people()
    with serving(service):
        if isinstance(service, FakeMailchimp):
            service.members = {shop.email(customer): {} for customer in people}
        pusher = Pusher(
            database_url,
            tmp_path,
            KLAVIYO_KEY=KLAVIYO_KEY,
            KLAVIYO_URL=service.url,
            MAILCHIMP_KEY=MAILCHIMP_KEY,
            MAILCHIMP_URL=service.url,
        )
        log = tmp_path / "push.log"
        assert pusher.push() == 0, log.read_text()
        earlier: dict[int, int] = {}
        for number, point in enumerate(POINTS):
            shop.plan_again()
            for customer in people:
                if customer in earlier:
                    shop.change(earlier[customer], state=CodeState.REVOKED)
                earlier[customer] = shop.give(customer, f"R{number}C{customer}", valid_until=None)
            assert pusher.push(point) == -signal.SIGKILL, log.read_text()
        assert pusher.push() == 0
        assert set(shop.states()) == {"sent"}, log.read_text()
        last = len(POINTS) - 1
        for customer in people:
            assert service.shown(shop.email(customer))["code"] == f"R{last}C{customer}"
        if isinstance(service, FakeKlaviyo):
            ids = [event["unique_id"] for event in service.events]
            assert len(ids) == len(set(ids)) == len(shop.states())
            assert service.repeats > 0
            issued = [
                event["properties"]["code"] for event in service.events if event["name"].endswith("issued")
            ]
            assert sorted(issued) == sorted(f"R{at}C{each}" for at in range(len(POINTS)) for each in people)
    shop.ledger.dispose()
