"""The link in an e-mail: looking changes nothing, a form and a mail program's button do, and a day long it can be taken back."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.shop import PUBLIC_URL, add_store
from tests.web.site import open_shop
from tillroll.campaign.states import ConsentSource
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.sealing import new_key
from tillroll.ledger.tables import audit, consent_pushes, customers, suppressions
from tillroll.rendering.bulk.link import Subscription, UnsubscribeLinks
from tillroll.web.public.words import LANGUAGES, words_in
from tillroll.web.support.request_context import _EXTENSION
from tillroll.wiring import Services

ONE_CLICK = "List-Unsubscribe=One-Click"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def links(app: Flask) -> UnsubscribeLinks:
    services: Services = app.extensions[_EXTENSION]
    return UnsubscribeLinks(PUBLIC_URL, services.keys)


@pytest.fixture
def address(ledger: Engine, store_id: int) -> str:
    """The address of a customer of the shop."""
    with reading(ledger) as connection:
        query = sa.select(customers.c.email).where(customers.c.customer_id == 5)
        return str(connection.scalars(query).one())


def path_for(links: UnsubscribeLinks, address: str, *, ecwid_id: int = 1003) -> str:
    subscription = Subscription(
        ecwid_id=ecwid_id, address=address, campaign="winback", run_id=1, kind="offer"
    )
    return links.link(subscription).removeprefix(PUBLIC_URL)


@pytest.fixture
def path(links: UnsubscribeLinks, address: str) -> str:
    return path_for(links, address)


def rows(engine: Engine, table: sa.Table = suppressions) -> list[sa.Row[tuple[object, ...]]]:
    with reading(engine) as connection:
        return list(connection.execute(sa.select(table).order_by(table.c.id)).all())


def active(engine: Engine) -> list[tuple[str, int | None, str]]:
    return [(row.campaign, row.every_days, row.source) for row in rows(engine) if row.lifted_at is None]


def accepts(engine: Engine, address: str) -> bool | None:
    query = sa.select(customers.c.accepts_marketing).where(customers.c.email == address)
    with reading(engine) as connection:
        return connection.scalars(query).one()


def test_looking_changes_nothing(ledger: Engine, stranger: FlaskClient, path: str, address: str) -> None:
    for method in ("GET", "HEAD"):
        answer = stranger.open(path, method=method)
        assert answer.status_code == 200
    assert rows(ledger) == []
    assert accepts(ledger, address) is True
    assert "Set-Cookie" not in answer.headers
    page = stranger.get(path).text
    assert "The Tea Table" in page
    assert address not in page
    assert "<script" not in page
    assert "style=" not in page


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (ONE_CLICK, FORM),
        (
            '--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
        ("", FORM),
    ],
)
def test_the_button_of_a_mail_program_stops_everything(
    ledger: Engine, stranger: FlaskClient, path: str, address: str, body: str, kind: str
) -> None:
    answer = stranger.post(path, data=body.encode(), content_type=kind)
    assert answer.status_code == 200, "RFC 8058: no redirect, no sign-in"
    assert active(ledger) == [("", None, ConsentSource.ONE_CLICK)]
    assert accepts(ledger, address) is False
    (told,) = rows(ledger, consent_pushes)
    assert told.agreed is False
    (row,) = rows(ledger, audit)[-1:]
    assert (row.actor, row.way, row.action) == ("reader", "link", "suppression.added")


@pytest.mark.parametrize(
    ("choice", "holds", "said"),
    [
        ("all", ("", None, "link"), "gets no more e-mails from"),
        ("campaign", ("winback", None, "link"), "gets no more e-mails like this one"),
        ("weekly", ("", 7, "link"), "at most one e-mail a week"),
        ("monthly", ("", 30, "link"), "at most one e-mail a month"),
    ],
)
def test_the_form_does_what_was_chosen(
    ledger: Engine, stranger: FlaskClient, path: str, choice: str, holds: object, said: str
) -> None:
    answer = stranger.post(path, data={"choice": choice})
    assert (answer.status_code, answer.location) == (303, path)
    assert active(ledger) == [holds]
    assert said in stranger.get(path).text
    stranger.post(path, data={"choice": choice})
    assert len(rows(ledger)) == 1


def test_a_mistake_can_be_taken_back_for_a_day(
    ledger: Engine, stranger: FlaskClient, path: str, address: str, clock: FakeClock
) -> None:
    stranger.post(path, data=ONE_CLICK.encode(), content_type=FORM)
    assert "Was that a mistake?" in stranger.get(path).text
    stranger.post(path, data={"choice": "undo"})
    assert active(ledger) == []
    assert accepts(ledger, address) is True
    assert rows(ledger, consent_pushes)[-1].agreed is True
    stranger.post(path, data={"choice": "all"})
    clock.at += timedelta(days=1, seconds=1)
    assert "Was that a mistake?" not in stranger.get(path).text
    stranger.post(path, data={"choice": "undo"})
    assert active(ledger) == [("", None, "link")]


def test_taking_back_gives_no_consent_that_was_never_there(
    ledger: Engine, stranger: FlaskClient, path: str, address: str
) -> None:
    with writing(ledger) as connection:
        connection.execute(sa.update(customers).values(accepts_marketing=False))
    stranger.post(path, data={"choice": "all"})
    stranger.post(path, data={"choice": "undo"})
    assert accepts(ledger, address) is False
    assert [row.agreed for row in rows(ledger, consent_pushes) if row.done_at is None] == [False]


def test_a_forwarded_e_mail_concerns_whom_it_was_sent_to(
    ledger: Engine, ana: FlaskClient, path: str, address: str
) -> None:
    """Whoever clicks, signed in or not, it is the address of the link that gets no more."""
    ana.post(path, data={"choice": "all"})
    (row,) = rows(ledger)
    assert row.address == address


def test_links_that_are_not_ours_are_refused_and_change_nothing(
    ledger: Engine, stranger: FlaskClient, links: UnsubscribeLinks, path: str
) -> None:
    forged = UnsubscribeLinks(PUBLIC_URL, (new_key(),))
    bad = [
        path[:-1],
        path + "A",
        f"{path[:-8]}{'-' if path[-8] != '-' else '_'}{path[-7:]}",
        path_for(forged, "customer5@example.com"),
        path_for(links, "customer5@example.com", ecwid_id=999),
        "/unsubscribe/EXAMPLE",
        "/unsubscribe/%F0%9F%8D%B5",
    ]
    for address in bad:
        for method in ("GET", "POST"):
            assert stranger.open(address, method=method).status_code == 404, address
    assert rows(ledger) == []


def test_a_link_of_another_store_stops_that_stores_e_mails_alone(
    ledger: Engine, stranger: FlaskClient, links: UnsubscribeLinks, address: str
) -> None:
    other = add_store(ledger, ecwid_id=1004, name="Another")
    stranger.post(path_for(links, address, ecwid_id=1004), data={"choice": "all"})
    assert [row.store_id for row in rows(ledger)] == [other]
    assert accepts(ledger, address) is True


def test_who_tries_many_bad_links_has_to_wait_and_good_ones_go_on(
    stranger: FlaskClient, path: str, clock: FakeClock
) -> None:
    from_there = {"REMOTE_ADDR": "203.0.113.9"}
    statuses = [
        stranger.get(f"/unsubscribe/bad{n}", environ_overrides=from_there).status_code for n in range(40)
    ]
    assert (statuses[0], statuses[-1]) == (404, 429)
    assert stranger.get(path, environ_overrides=from_there).status_code == 200
    clock.at += timedelta(minutes=5)
    assert stranger.get("/unsubscribe/bad", environ_overrides=from_there).status_code == 404


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_the_page_is_in_the_readers_language(
    ledger: Engine, stranger: FlaskClient, path: str, language: str
) -> None:
    with writing(ledger) as connection:
        connection.execute(sa.update(customers).values(language=f"{language}-XX"))
    page = stranger.get(path, headers={"Accept-Language": "en"}).text
    assert f'<html lang="{language}" dir="ltr">' in page
    assert words_in(language).button in page


def test_without_a_known_language_the_browsers_counts(
    ledger: Engine, stranger: FlaskClient, path: str
) -> None:
    with writing(ledger) as connection:
        connection.execute(sa.update(customers).values(language="he"))
    page = stranger.get(path, headers={"Accept-Language": "he, de;q=0.8"}).text
    assert '<html lang="de"' in page


def test_names_of_any_direction_stay_in_their_place(
    ledger: Engine, links: UnsubscribeLinks, stranger: FlaskClient
) -> None:
    add_store(ledger, ecwid_id=1005, name="שלום <b>&")
    page = stranger.get(path_for(links, "a@mail.example", ecwid_id=1005)).text
    assert "<bdi>שלום &lt;b&gt;&amp;</bdi>" in page


@pytest.mark.parametrize("by", ["button", "form"])
def test_a_hundred_unsubscribes_arrive(
    ledger: Engine, stranger: FlaskClient, links: UnsubscribeLinks, by: str
) -> None:
    open_shop(ledger, customers=120)
    with reading(ledger) as connection:
        agreed = sa.select(customers.c.email).where(customers.c.accepts_marketing.is_(sa.true()))
        people = list(connection.scalars(agreed.order_by(customers.c.customer_id).limit(100)))
    for address in people:
        path = path_for(links, address)
        if by == "form":
            assert stranger.post(path, data={"choice": "all"}).status_code == 303
        else:
            assert stranger.post(path, data=ONE_CLICK.encode(), content_type=FORM).status_code == 200
    assert {row.address for row in rows(ledger)} == set(people)
    assert len(rows(ledger, consent_pushes)) == 100
    assert {accepts(ledger, address) for address in people} == {False}
    with reading(ledger) as connection:
        assert first_broken_row(connection) is None
