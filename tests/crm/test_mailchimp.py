"""What is Mailchimp's own: nobody is added to the audience, and its fields must exist."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from tests.crm.coded import CodedShop
from tests.crm.services import AUDIENCE, FakeMailchimp, serving
from tillroll.campaign.language.crm import CrmRules, MailchimpRules
from tillroll.campaign.states import CodeState
from tillroll.ledger.crm.replay import tell_set_aside
from tillroll.ledger.engine import writing


@pytest.fixture
def shop(ledger: Engine, tmp_path: Path) -> CodedShop:
    return CodedShop(ledger, tmp_path, customers=24)


@pytest.fixture
def mailchimp() -> Iterator[FakeMailchimp]:
    made = FakeMailchimp()
    with serving(made):
        yield made


def test_who_is_not_in_the_audience_is_not_added_and_holds_up_nobody(
    shop: CodedShop, mailchimp: FakeMailchimp
) -> None:
    shop.turn(mailchimp)
    *strangers, member = shop.people()
    assert len(strangers) > 8, "more than a receiver may refuse one after another"
    mailchimp.members = {shop.email(member): {}}
    given = {customer: shop.give(customer, f"C{customer}") for customer in shop.people()}
    shop.turn(mailchimp)
    assert mailchimp.shown(shop.email(member))["code"] == f"C{member}"
    assert list(mailchimp.members) == [shop.email(member)]
    assert shop.aside() == [(each, "they are not in the audience") for each in strangers], "at once"
    assert shop.push.trouble == ""
    shop.change(given[strangers[0]], state=CodeState.REVOKED)
    shop.turn(mailchimp)
    assert len(shop.aside()) == len(strangers), "there is nothing to take away from them"
    mailchimp.members |= {shop.email(each): {} for each in strangers}
    with writing(shop.ledger) as connection:
        tell_set_aside(connection, shop.store_id)
    shop.settle(mailchimp)
    assert mailchimp.shown(shop.email(strangers[0])) == {}, "it was revoked meanwhile"
    assert mailchimp.shown(shop.email(strangers[1]))["code"] == f"C{strangers[1]}"


@pytest.mark.parametrize(
    ("fields", "audience", "said"),
    [
        ({"TILLCODE": "text", "TILLCAMP": "text"}, AUDIENCE, "no field TILLUNTIL: add it in Mailchimp"),
        (
            {"TILLCODE": "number", "TILLUNTIL": "date", "TILLCAMP": "text"},
            AUDIENCE,
            "make one of the type text",
        ),
        ({}, "ffffff", "the account has no audience ffffff"),
    ],
)
def test_an_audience_that_lacks_something_holds_the_push(
    shop: CodedShop, mailchimp: FakeMailchimp, fields: dict[str, str], audience: str, said: str
) -> None:
    right, mailchimp.fields = mailchimp.fields, fields
    rules = mailchimp.rules
    mailchimp.rules = CrmRules(
        mailchimp=MailchimpRules(audience=audience, until="TILLUNTIL", campaign="TILLCAMP")
    )
    shop.turn(mailchimp)
    mailchimp.members = {shop.email(customer): {} for customer in shop.people()}
    shop.give(1, "AAA")
    shop.turn(mailchimp)
    assert said in shop.push.trouble
    assert shop.aside() == []
    mailchimp.fields, mailchimp.rules = right, rules
    shop.settle(mailchimp)
    assert mailchimp.shown(shop.email(1))["code"] == "AAA"
