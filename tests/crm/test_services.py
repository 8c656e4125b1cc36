"""Klaviyo and Mailchimp are told of codes: each once, and what they show is the code that works now. Both pass the same tests."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.crm.coded import LAST_DAY, UNTIL, CodedShop
from tests.crm.services import FakeKlaviyo, FakeMailchimp, Whim, serving
from tests.shop import NOW
from tillroll.campaign.language.crm import CrmKind, CrmRules
from tillroll.campaign.states import CodeState, StoreUse
from tillroll.crm.receivers.account import CrmAccount
from tillroll.crm.receivers.choose import open_receiver
from tillroll.crm.sentences import load_report
from tillroll.errors import Misconfigured
from tillroll.ledger.crm.events import tell_erasure
from tillroll.ledger.crm.replay import tell_again_since
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import crm_events, forgotten, recipients
from tillroll.loop.crm import crm_access
from tillroll.settings import LIVE, SANDBOX, Settings, from_mapping

Service = FakeKlaviyo | FakeMailchimp


@pytest.fixture
def shop(ledger: Engine, tmp_path: Path) -> CodedShop:
    return CodedShop(ledger, tmp_path)


@pytest.fixture(params=[FakeKlaviyo, FakeMailchimp])
def service(request: pytest.FixtureRequest, shop: CodedShop) -> Iterator[Service]:
    """The service, once the shop's feed is open; every customer is a member of the audience."""
    made: Service = request.param()
    with serving(made):
        if isinstance(made, FakeMailchimp):
            made.members = {shop.email(customer): {"FNAME": "Nina"} for customer in shop.people()}
        shop.turn(made)
        yield made


def test_a_code_is_shown_with_its_last_day_by_the_stores_clock(shop: CodedShop, service: Service) -> None:
    late = UNTIL.replace(hour=22, minute=30)  # by the store's clock it's half past eleven
    shop.give(1, "AAA", valid_until=late)
    shop.turn(service)
    assert service.shown(shop.email(1)) == {"code": "AAA", "campaign": "winback", "until": LAST_DAY}
    assert service.shown(shop.email(2)) == {}
    midnight = late + timedelta(minutes=30)
    shop.give(2, "BBB", valid_until=midnight)
    shop.turn(service)
    assert service.shown(shop.email(2))["until"] == LAST_DAY, (
        "a code that ends at midnight doesn't work on the next day"
    )
    third = shop.people()[-1]
    shop.give(third, "CCC", valid_until=midnight + timedelta(minutes=1))
    shop.turn(service)
    assert service.shown(shop.email(third))["until"] == "2026-12-24"


@pytest.mark.parametrize(
    "end",
    [
        {"state": CodeState.REVOKED},
        {"state": CodeState.PAUSED},
        {"store_use": StoreUse.USED_UP},
        {"recipient_id": None},
        {},
    ],
)
def test_a_code_that_ends_is_shown_no_more(shop: CodedShop, service: Service, end: dict[str, Any]) -> None:
    code = shop.give(1, "AAA")
    shop.turn(service)
    assert service.shown(shop.email(1))
    if end:
        shop.change(code, **end)
    else:
        shop.use(code, "A1")
    shop.turn(service)
    assert service.shown(shop.email(1)) == {}
    if isinstance(service, FakeMailchimp):
        assert service.members[shop.email(1)] == {
            "FNAME": "Nina",
            "TILLCODE": "",
            "TILLUNTIL": "",
            "TILLCAMP": "",
        }


def test_a_code_that_expires_is_shown_no_more(shop: CodedShop, service: Service) -> None:
    shop.give(1, "AAA", valid_until=NOW + timedelta(days=1))
    shop.turn(service)
    shop.clock.pass_by(timedelta(days=1, minutes=2).total_seconds())
    shop.turn(service)
    assert service.shown(shop.email(1)) == {}


def test_an_address_that_was_left_shows_no_later_code(shop: CodedShop, service: Service) -> None:
    old, moved_to = shop.give(1, "OLD"), "nina@elsewhere.example"
    if isinstance(service, FakeMailchimp):
        service.members[moved_to] = {}
    shop.turn(service)
    shop.plan_again()
    shop.move(1, moved_to)
    shop.give(1, "NEW")
    shop.turn(service)
    assert (service.shown(shop.email(1))["code"], service.shown(moved_to)["code"]) == ("OLD", "NEW")
    shop.change(old, state=CodeState.REVOKED)
    shop.turn(service)
    assert service.shown(shop.email(1)) == {}, "somebody else may read it now"
    assert service.shown(moved_to)["code"] == "NEW"


def test_the_code_of_one_customer_stays_when_that_of_another_with_their_address_ends(
    shop: CodedShop, service: Service
) -> None:
    shop.move(2, shop.email(1))
    first, second = shop.give(1, "AAA"), shop.give(2, "BBB")
    shop.turn(service)
    assert service.shown(shop.email(1))["code"] == "BBB"
    shop.change(second, state=CodeState.PAUSED)
    shop.turn(service)
    assert service.shown(shop.email(1))["code"] == "AAA"
    shop.change(first, state=CodeState.REVOKED)
    shop.change(second, state=CodeState.LIVE)
    shop.turn(service)
    assert service.shown(shop.email(1))["code"] == "BBB"


def test_a_newer_code_stays_when_the_older_one_ends(shop: CodedShop, service: Service) -> None:
    old = shop.give(1, "OLD")
    shop.turn(service)
    shop.plan_again()
    new = shop.give(1, "NEW")
    shop.turn(service)
    assert service.shown(shop.email(1))["code"] == "NEW"
    shop.change(old, state=CodeState.REVOKED)
    shop.turn(service)
    assert service.shown(shop.email(1))["code"] == "NEW"
    shop.change(old, state=CodeState.LIVE)
    shop.change(new, state=CodeState.REVOKED)
    shop.turn(service)
    assert service.shown(shop.email(1))["code"] == "OLD", "it works, and the newer one doesn't"


def test_a_code_that_was_over_before_it_was_told_is_never_shown(shop: CodedShop, service: Service) -> None:
    service.whim = lambda _email, _body: Whim(status=503)
    code = shop.give(1, "AAA")
    shop.turn(service)
    shop.change(code, state=CodeState.REVOKED)
    shown = []

    def look(email: str, _body: Any) -> Whim:
        shown.append(service.shown(email))
        return Whim()

    service.whim = look
    shop.settle(service)
    assert shown == [{}] * len(shown)
    assert service.shown(shop.email(1)) == {}


def test_whatever_the_service_does_each_customer_sees_the_right_code(
    shop: CodedShop, service: Service
) -> None:
    chance = random.Random(15)

    def whim(_email: str, _body: Any) -> Whim:
        match chance.randrange(10):
            case 0:
                return Whim(status=500, takes=chance.random() < 0.5)
            case 1:
                return Whim(status=429, wait=chance.randrange(90))
            case 2:
                return Whim(takes=chance.random() < 0.5, answers=False)
            case 3:
                return Whim(status=400, detail="not now") if chance.random() < 0.2 else Whim()
            case _:
                return Whim()

    service.whim = whim
    live: dict[int, list[int]] = {}
    for number in range(60):
        customer = chance.choice(shop.people())
        mine = live.setdefault(customer, [])
        if mine and chance.random() < 0.5:
            shop.change(mine.pop(chance.randrange(len(mine))), state=CodeState.REVOKED)
        elif len(mine) < 2:
            shop.plan_again()
            mine.append(shop.give(customer, f"C{number}"))
        if number % 7 == 0:
            shop.turn(service)
            shop.clock.pass_by(chance.randrange(100))
    shop.settle(service)
    assert set(shop.states()) == {"sent"}
    for customer, mine in live.items():
        newest = max(mine, default=None)
        with reading(shop.ledger) as connection:
            text = connection.scalar(sa.text("select code from codes where id = :id"), {"id": newest})
        assert service.shown(shop.email(customer)).get("code") == text
    if isinstance(service, FakeKlaviyo):
        ids = [event["unique_id"] for event in service.events]
        assert len(ids) == len(set(ids)) == len(shop.states()), "each once, and none is lost"
        assert service.repeats > 0
        for customer in shop.people():
            mine_told = [event for event in service.events if event["email"] == shop.email(customer)]
            sequences = [event["properties"]["sequence"] for event in mine_told]
            assert sequences == sorted(sequences)


def test_one_that_is_refused_costs_the_others_nothing(shop: CodedShop, service: Service) -> None:
    people = shop.people()
    bad = shop.email(people[2])
    service.whim = lambda email, _: (
        Whim(status=400, detail=f"{bad} is no address") if email == bad else Whim()
    )
    for customer in people:
        shop.give(customer, f"C{customer}")
    shop.turn(service)
    assert [each for each in people if not service.shown(shop.email(each))] == [people[2]]
    assert shop.push.trouble == ""
    for _ in range(5):
        shop.clock.pass_by(3_700)
        shop.turn(service)
    ((customer, reason),) = shop.aside()
    assert customer == people[2]
    assert "400" in reason
    assert bad not in reason, "what is said of it names nobody"


def test_a_refused_key_holds_the_push_and_says_what_to_do(shop: CodedShop, service: Service) -> None:
    service.key, right = "another", service.key
    for customer in shop.people():
        shop.give(customer, f"C{customer}")
    shop.turn(service)
    name = "KLAVIYO_KEY" if isinstance(service, FakeKlaviyo) else "MAILCHIMP_KEY"
    assert "401" in shop.push.trouble
    assert f"Set {name} to" in shop.push.trouble
    assert right not in shop.push.trouble
    assert len(service.calls) <= 6, "it isn't tried for everybody"
    assert shop.aside() == []
    service.key = right
    shop.settle(service)
    assert all(service.shown(shop.email(each)) for each in shop.people())


def test_a_limit_is_waited_for_and_what_was_taken_is_not_told_again(
    shop: CodedShop, service: Service
) -> None:
    left = iter([Whim()] * 4)
    service.whim = lambda email, _: next(left, Whim(status=429, wait=120)) if email else Whim()
    for customer in shop.people():
        shop.give(customer, f"C{customer}")
    shop.turn(service)
    told = [each for each in shop.people() if service.shown(shop.email(each))]
    assert len(told) == 4
    assert shop.push.trouble == "", "it goes on by itself"
    assert shop.push.not_before == NOW + timedelta(seconds=120)
    calls = len(service.calls)
    shop.clock.pass_by(119)
    shop.turn(service)
    assert len(service.calls) == calls
    again = []

    def look(email: str, _body: Any) -> Whim:
        again.append(email)
        return Whim()

    service.whim = look
    shop.clock.pass_by(2)
    shop.turn(service)
    assert sorted(filter(None, again)) == sorted(
        shop.email(each) for each in shop.people() if each not in told
    )
    assert set(shop.states()) == {"sent"}


def test_letters_of_any_language(shop: CodedShop, service: Service) -> None:
    email = "Jürgen.Žižek@bücher.example"
    shop.rename(1, email)
    if isinstance(service, FakeMailchimp):
        service.members[email.lower()] = {}
    shop.give(1, "AAA")
    shop.turn(service)
    assert service.shown(email)["code"] == "AAA"


def test_an_erased_customer_leaves_nothing_of_ours(shop: CodedShop, service: Service) -> None:
    shop.give(1, "AAA")
    shop.turn(service)
    emails = [shop.email(1), 'nobody "n"@example.com']
    with writing(shop.ledger) as connection:
        row = {"store_id": shop.store_id, "customer_id": 1, "at": NOW, "person": "ana"}
        connection.execute(sa.insert(forgotten).values(row))
        connection.execute(sa.update(recipients).where(recipients.c.customer_id == 1).values(email=""))
        connection.execute(sa.delete(crm_events))
        tell_erasure(connection, shop.store_id, [1], emails)
    shop.turn(service)
    assert shop.states() == []
    assert service.shown(shop.email(1)) == {}
    people = service.profiles if isinstance(service, FakeKlaviyo) else service.members
    assert emails[1] not in people, "nobody is made by it"


def test_a_sandbox_tells_this_machine_alone(service: Service) -> None:
    given = {"klaviyo": service.account, "mailchimp": service.account}
    sandbox = Settings(environment=SANDBOX, hosts=("a.klaviyo.com", "us21.api.mailchimp.com"), **given)
    open_receiver(service.rules, crm_access(sandbox)).close()
    real = {name: CrmAccount(key=account.key) for name, account in given.items()}
    with pytest.raises(Misconfigured, match="made up"):
        open_receiver(service.rules, crm_access(Settings(environment=SANDBOX, **real)))
    open_receiver(service.rules, crm_access(Settings(environment=LIVE, **real))).close()
    plain = {name: CrmAccount(key=account.key, url="http://proxy.example") for name, account in given.items()}
    with pytest.raises(Misconfigured, match="not encrypted"):
        open_receiver(service.rules, crm_access(Settings(environment=LIVE, **plain)))
    with pytest.raises(Misconfigured, match="_KEY is missing"):
        open_receiver(service.rules, crm_access(Settings(environment=LIVE)))


def test_a_receiver_without_a_key_is_named(shop: CodedShop, service: Service) -> None:
    shop.give(1, "AAA")
    elsewhere = CrmRules(folder="crm", what=(CrmKind.CODES,))
    right, service.rules = service.rules, elsewhere
    shop.turn(service)
    service.rules = right
    shop.turn(service, account=CrmAccount())
    with reading(shop.ledger) as connection:
        report = load_report(connection, shop.store_id)
    assert report is not None
    (said,) = report.sentences(str)
    assert said.startswith(f"CRM: {right.target} has taken nothing since")
    assert "_KEY is missing. Set it to" in said
    assert ".." not in said


def test_keys_are_checked_and_never_shown(service: Service) -> None:
    name = "KLAVIYO" if isinstance(service, FakeKlaviyo) else "MAILCHIMP"
    key = service.account.key
    settings = from_mapping({f"{name}_KEY": f" {key} ", f"{name}_URL": "https://proxy.example/"})
    account = settings.klaviyo if isinstance(service, FakeKlaviyo) else settings.mailchimp
    assert (account.key, account.url) == (key, "https://proxy.example")
    assert key not in repr(settings)
    with pytest.raises(Misconfigured) as refused:
        from_mapping({f"{name}_KEY": "abc-secret.evil.example/"})
    assert f"{name}_KEY is not" in refused.value.message
    assert "secret" not in refused.value.message


def test_what_is_told_again_is_known_again(shop: CodedShop, service: Service) -> None:
    code = shop.give(1, "AAA")
    shop.turn(service)
    shop.change(code, state=CodeState.REVOKED)
    shop.turn(service)
    before = len(service.events) if isinstance(service, FakeKlaviyo) else 0
    with writing(shop.ledger) as connection:
        assert tell_again_since(connection, shop.store_id, NOW) == 2
    shown = []

    def look(email: str, _body: Any) -> Whim:
        shown.append(service.shown(email))
        return Whim()

    service.whim = look
    shop.turn(service)
    assert shown == [{}] * len(shown), "a code that is over comes back for no moment"
    if isinstance(service, FakeKlaviyo):
        assert (len(service.events), service.repeats) == (before, 2)
