"""Stores that have mail accounts of their own: their e-mails leave by those alone, and trouble of one is no other's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet
from sqlalchemy.engine import Engine

from tests.accounts import LEAST_COST, add_account
from tests.clocks import FakeClock
from tests.security.outages import mail_server
from tests.send.room import LINKS, ready_to_send
from tests.send.test_trouble import Moody, send
from tests.shop import ANA, NOW
from tests.track.mail.hooks import Sendgrid
from tests.web.site import PASSWORD, sign_in
from tillroll.campaign.language.models import Via
from tillroll.campaign.states import MailEventKind, MessageState
from tillroll.errors import Misconfigured
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import messages
from tillroll.loop.registration import note_transport
from tillroll.loop.stages.sending import send_context
from tillroll.send.context import SendContext
from tillroll.send.hold import hold, list_holds, resume
from tillroll.send.trouble import Trouble
from tillroll.settings import from_mapping
from tillroll.track.mail.intake import hook_path
from tillroll.web.app import create_app
from tillroll.wiring import Services, build

PEOPLE = 5
USUAL, OWN = "smtp", "smtp (MAIL_URL_1004)"


@contextmanager
def installation(ledger: Engine, folder: Path, clock: FakeClock, **names: str) -> Iterator[Services]:
    """The services of an installation with these variables."""
    mapping = {
        "TILLROLL_HOME": str(folder),
        "DATABASE_URL": ledger.url.render_as_string(hide_password=False),
        "TILLROLL_SECRET_KEYS": Fernet.generate_key().decode(),
        **names,
    }
    with build(from_mapping(mapping), clock=clock) as services:
        yield services


def context_of_store(services: Services, ecwid_id: int) -> SendContext:
    return replace(send_context(services, ecwid_id), links=LINKS)


def in_ledger(ledger: Engine, run_id: int) -> set[tuple[MessageState, str]]:
    with reading(ledger) as connection:
        query = sa.select(messages.c.state, messages.c.transport).where(messages.c.run_id == run_id)
        return {(MessageState(row.state), row.transport) for row in connection.execute(query)}


def held(ledger: Engine) -> list[str]:
    with reading(ledger) as connection:
        return [one.transport for one in list_holds(connection)]


def test_a_store_sends_by_its_own_server_and_the_others_by_the_usual_one(
    ledger: Engine, tmp_path: Path
) -> None:
    clock, own, usual = FakeClock(), Moody(), Moody()
    ours, theirs = (ready_to_send(ledger, people=PEOPLE, clock=clock, ecwid_id=each) for each in (1003, 1004))
    with mail_server(usual) as address, mail_server(own) as own_address:
        names = {
            "MAIL_URL": address,
            "MAIL_URL_1004": own_address,
            "TILLROLL_MAIL_FROM": "Us <hello@us.example>",
            "TILLROLL_MAIL_FROM_1004": "Them <hello@them.example>",
        }
        with installation(ledger, tmp_path, clock, **names) as services:
            assert send(context_of_store(services, 1003), ours) is None
            assert (usual.taken.total(), own.taken.total()) == (PEOPLE, 0)
            assert send(context_of_store(services, 1004), theirs) is None
    assert (usual.taken.total(), own.taken.total()) == (PEOPLE, PEOPLE)
    assert (usual.senders, own.senders) == ({"hello@us.example"}, {"hello@them.example"})
    assert in_ledger(ledger, ours) == {(MessageState.SENT, USUAL)}
    assert in_ledger(ledger, theirs) == {(MessageState.SENT, OWN)}


def test_trouble_of_one_store_s_server_holds_that_store_alone(ledger: Engine, tmp_path: Path) -> None:
    clock, own, usual = FakeClock(), Moody(sender="553 5.7.1 not allowed"), Moody()
    add_account(ledger, email=ANA.email, password=PASSWORD, role_names=("approver",), now=NOW)
    ours, theirs = (ready_to_send(ledger, people=PEOPLE, clock=clock, ecwid_id=each) for each in (1003, 1004))
    with mail_server(usual) as address, mail_server(own) as own_address:
        with installation(
            ledger,
            tmp_path,
            clock,
            MAIL_URL=address,
            MAIL_URL_1004=own_address,
            TILLROLL_URL="https://t.example",
        ) as services:
            assert send(context_of_store(services, 1004), theirs, turns=2) is not None
            assert send(context_of_store(services, 1003), ours) is None
            note_transport(services)
            assert held(ledger) == [OWN], "a start doesn't end the hold of a transport that is in use"
            assert not resume(ledger, {USUAL}, person=ANA.email, now=clock.now())
            assert banners(services) == (0, 1)
            assert banners(replace(services, transports={})) == (1, 1), "these pages don't know whose it is"
            own.sender = None
            assert resume(ledger, {OWN}, person=ANA.email, now=clock.now())
            assert send(context_of_store(services, 1004), theirs) is None
        with installation(ledger, tmp_path, clock, MAIL_URL=address) as services:
            note_transport(services)
    assert (usual.taken.total(), own.taken.total()) == (PEOPLE, PEOPLE)
    assert held(ledger) == []


@pytest.mark.parametrize(
    ("trouble", "variable"), [(Trouble.LOGIN, "MAIL_URL"), (Trouble.SENDER, "TILLROLL_MAIL_FROM")]
)
def test_a_held_account_says_which_variable_to_set(ledger: Engine, trouble: Trouble, variable: str) -> None:
    for name in (USUAL, OWN):
        hold(ledger, transport=name, trouble=trouble, answer="", now=NOW)
    with reading(ledger) as connection:
        said = {one.transport: one.sentence for one in list_holds(connection)}
    assert f"{variable}_1004" in said[OWN].partition("(MAIL_URL_1004).")[2], "the usual account is in order"
    assert variable in said[USUAL]
    assert "1004" not in said[USUAL]


def banners(services: Services) -> tuple[int, int]:
    """Return how often the pages of the first and of the second store say that e-mails wait."""
    app = create_app(services, testing=True, password_cost=LEAST_COST)
    client = app.test_client()
    sign_in(client)
    pages = [client.get(f"/stores/{store}/").get_data(as_text=True) for store in (1003, 1004)]
    return pages[0].count("E-mails wait"), pages[1].count("E-mails wait")


def test_a_hold_of_an_account_that_is_gone_ends_and_its_e_mails_leave_by_the_usual_way(
    ledger: Engine, tmp_path: Path
) -> None:
    clock, own, usual = FakeClock(), Moody(sender="553 5.7.1 not allowed"), Moody()
    theirs = ready_to_send(ledger, people=PEOPLE, clock=clock, ecwid_id=1004)
    with mail_server(usual) as address:
        with (
            mail_server(own) as own_address,
            installation(ledger, tmp_path, clock, MAIL_URL=address, MAIL_URL_1004=own_address) as services,
        ):
            send(context_of_store(services, 1004), theirs, turns=2)
        assert held(ledger) == [OWN]
        with installation(ledger, tmp_path, clock, MAIL_URL=address) as services:
            note_transport(services)
            assert held(ledger) == []
            assert send(context_of_store(services, 1004), theirs) is None
    assert in_ledger(ledger, theirs) == {(MessageState.SENT, USUAL)}


@pytest.mark.parametrize(("own", "waits"), [({}, ["none"]), ({"MAIL_URL_1003": "outbox:"}, [])])
def test_nothing_is_held_at_the_start_if_every_store_has_its_own_way(
    ledger: Engine, tmp_path: Path, own: dict[str, str], waits: list[str]
) -> None:
    clock = FakeClock()
    ready_to_send(ledger, people=1, clock=clock)
    with installation(ledger, tmp_path, clock, **own) as services:
        note_transport(services)
    assert held(ledger) == waits


def test_a_store_without_variables_of_its_own_has_the_installation_s() -> None:
    settings = from_mapping(
        {
            "MAIL_URL": "postmark://TOKEN@",
            "TILLROLL_MAIL_FROM": "Us <hello@us.example>",
            "MAIL_HOOK_KEY": "usual",
            "TILLROLL_MAIL_FROM_1004": "Them <hello@them.example>",
            "MAIL_URL_1005": "resend://re_1@",
        }
    )
    accounts = {number: settings.mail_of(number) for number in (1003, 1004, 1005)}
    assert {number: account.name for number, account in accounts.items()} == {
        1003: "postmark",
        1004: "postmark",
        1005: "resend (MAIL_URL_1005)",
    }
    assert {number: account.sender for number, account in accounts.items()} == {
        1003: "Us <hello@us.example>",
        1004: "Them <hello@them.example>",
        1005: "Us <hello@us.example>",
    }
    assert accounts[1005].hook_key == "", "the key of another account checks nothing"


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ({"MAIL_URL_SHOP": "outbox:"}, "MAIL_URL_SHOP is for no store"),
        ({"MAIL_URL_0": "outbox:"}, "MAIL_URL_0 is for no store"),
        ({"MAIL_URL_": "outbox:"}, "MAIL_URL_ is for no store"),
        ({"MAIL_HOOK_KEY_٣": "x"}, "MAIL_HOOK_KEY_٣ is for no store"),
        ({"SMTP_URL_1003": "smtp://a.example"}, "SMTP_URL_1003 isn't read: call it MAIL_URL_1003"),
        ({"MAIL_URL_1003": "pigeon:"}, "MAIL_URL_1003 names no way to send e-mails"),
        ({"TILLROLL_MAIL_FROM_1003": "Shop"}, "TILLROLL_MAIL_FROM_1003 is 'Shop'; write it like"),
    ],
)
def test_a_wrong_variable_of_a_store_is_named(names: dict[str, str], sentence: str) -> None:
    with pytest.raises(Misconfigured, match=sentence):
        from_mapping(names)


def test_a_wrong_address_of_a_store_is_named(ledger: Engine, tmp_path: Path) -> None:
    opened = installation(ledger, tmp_path, FakeClock(), MAIL_URL_1003="postmark://")
    with pytest.raises(Misconfigured, match=r"^MAIL_URL_1003: The address has no key"), opened:
        pass


def test_an_empty_variable_of_a_store_counts_as_none() -> None:
    assert from_mapping({"MAIL_URL_1003": "", "MAIL_URL_SHOP": " "}).mail_of_stores == {}


def test_events_signed_with_a_store_s_own_key_are_taken_in(ledger: Engine, tmp_path: Path) -> None:
    own, usual, stranger = Sendgrid(), Sendgrid(), Sendgrid()
    names = {
        "MAIL_URL_1004": "sendgrid://KEY@",
        "MAIL_HOOK_KEY_1004": own.hook_key,
        "MAIL_HOOK_KEY": usual.hook_key,
    }
    clock = FakeClock()
    with installation(ledger, tmp_path, clock, **names) as services:
        app = create_app(services, testing=True, password_cost=LEAST_COST)
        path = hook_path(services.keys[0], Via.SENDGRID)
        answers = []
        for teller in (own, usual, stranger):
            posted = teller.tell(MailEventKind.BOUNCED, "r1-1-x", at=clock.now())
            answers.append(app.test_client().post(path, data=posted.body, headers=posted.headers).status_code)
    assert answers == [200, 200, 403]
