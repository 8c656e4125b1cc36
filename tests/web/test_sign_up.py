"""The sign-up form: what it asks, what follows, and what programs and strangers can't do with it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from tests.clocks import FakeClock
from tests.shop import NOW
from tillroll.campaign.frozen.sign_up import ConfirmationWords, SignUpTerms
from tillroll.campaign.sentences.agreement import OWN_TEXTS
from tillroll.campaign.states import ConsentSource, SignUpState, SuppressionCause
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.consent.sign_ups import record_form
from tillroll.ledger.consent.suppress import Wish, suppress
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import (
    consent_pushes,
    consent_texts,
    consents,
    customers,
    sign_ups,
    stores,
    suppressions,
)
from tillroll.privacy.erase import erase_person
from tillroll.privacy.export import export_person
from tillroll.rendering.bulk.confirm import ConfirmClaim
from tillroll.track.signups.sign_up import MOST_OF_CLIENT, MOST_OF_MAILBOX
from tillroll.web.public.sign_up_words import SIGN_UP_LANGUAGES, sign_up_words
from tillroll.web.support.request_context import _EXTENSION
from tillroll.wiring import Services

PAGE = "/signup/1003"
NEW = "Nina.New@mail.example"
WORDS = ConfirmationWords(
    template="confirm",
    language="en",
    subjects={"": "Please confirm", "de": "Bitte bestätigen"},
    files={
        "message.html.j2": "<p><a href='{{ confirm_link }}'>Yes</a></p>",
        "message.de.html.j2": "<p><a href='{{ confirm_link }}'>Ja</a></p>",
    },
    valid=timedelta(days=3),
)
SINGLE = SignUpTerms(is_open=True, texts=OWN_TEXTS)
DOUBLE = replace(SINGLE, double_opt_in=True, confirmation=WORDS)


@pytest.fixture
def form(ledger: Engine, store_id: int) -> SignUpTerms:
    record_form(ledger, store_id=store_id, terms=SINGLE, now=NOW)
    return SINGLE


@pytest.fixture
def double(ledger: Engine, store_id: int) -> SignUpTerms:
    record_form(ledger, store_id=store_id, terms=DOUBLE, now=NOW)
    return DOUBLE


def fill_in(client: FlaskClient, email: str = NEW, *, path: str = PAGE, **fields: str) -> TestResponse:
    """Fill in the form as it is shown, and send it."""
    shown = client.get(path).text
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', shown))
    return client.post(path, data={**hidden, "email": email, "agree": "yes", **fields})


def rows(engine: Engine, table: sa.Table = sign_ups) -> list[sa.Row[Any]]:
    with reading(engine) as connection:
        return list(connection.execute(sa.select(table).order_by(table.c.id)).all())


def states(engine: Engine) -> list[str]:
    return [row.state for row in rows(engine)]


def link_of(app: Flask, sign_up: sa.Row[Any], **changes: Any) -> str:
    services: Services = app.extensions[_EXTENSION]
    claim = ConfirmClaim(ecwid_id=1003, sign_up_id=sign_up.id, address=sign_up.address)
    token = services.confirm_links.link(replace(claim, **changes)).rpartition("/")[2]
    return f"{PAGE}/confirm/{token}"


def mail(engine: Engine) -> sa.Row[Any]:
    """Say of the last wish that its e-mail has left."""
    sign_up = rows(engine)[-1]
    sent = {"state": SignUpState.MAILED, "expires_at": NOW + timedelta(days=3)}
    with writing(engine) as connection:
        connection.execute(sa.update(sign_ups).where(sign_ups.c.id == sign_up.id).values(sent))
    return rows(engine)[-1]


def test_there_is_a_page_only_where_the_shop_wants_one(
    ledger: Engine, stranger: FlaskClient, store_id: int
) -> None:
    for path in (PAGE, f"{PAGE}/thanks", f"{PAGE}/form.js", "/signup/77"):
        assert stranger.get(path).status_code == 404
    record_form(ledger, store_id=store_id, terms=SINGLE, now=NOW)
    assert stranger.get(PAGE).status_code == 200
    record_form(ledger, store_id=store_id, terms=None, now=NOW)  # the file has a fault: the form stays
    assert stranger.get(PAGE).status_code == 200
    record_form(ledger, store_id=store_id, terms=replace(SINGLE, is_open=False), now=NOW)
    assert stranger.get(PAGE).status_code == 404
    assert stranger.post(PAGE, data={"email": NEW, "agree": "yes"}).status_code == 404


def test_the_page_works_without_scripts_in_the_readers_language(
    stranger: FlaskClient, form: SignUpTerms
) -> None:
    page = stranger.get(PAGE, headers={"Accept-Language": "de-AT,en;q=0.5"})
    assert "<script" not in page.text
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "Ihre E-Mail-Adresse" in page.text
    assert "Ja, <bdi>The Tea Table</bdi> darf mir" in page.text
    assert "Your e-mail address" in stranger.get(PAGE).text
    assert "Vaš e-poštni naslov" in stranger.get(f"{PAGE}?lang=sl").text
    assert "Set-Cookie" not in page.headers


def test_there_are_words_for_every_language_of_the_text() -> None:
    assert OWN_TEXTS.keys() == SIGN_UP_LANGUAGES
    assert len({sign_up_words(language).title for language in SIGN_UP_LANGUAGES}) == len(SIGN_UP_LANGUAGES)
    assert all("{shop}" in text for text in OWN_TEXTS.values())


def test_somebody_new_agrees_with_proof_and_waits_for_the_store(
    ledger: Engine, stranger: FlaskClient, form: SignUpTerms
) -> None:
    answer = fill_in(stranger)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{PAGE}/thanks")
    assert "You will hear from" in stranger.get(f"{PAGE}/thanks").text
    (sign_up,) = rows(ledger)
    assert (sign_up.address, sign_up.language, sign_up.state) == (NEW.lower(), "en", SignUpState.AGREED)
    assert re.fullmatch(r"[0-9a-f]{32}", sign_up.client)
    (text,) = rows(ledger, consent_texts)
    assert (text.version, text.texts) == (SINGLE.version, OWN_TEXTS)
    (proof,) = rows(ledger, consents)
    assert (proof.agreed, proof.source, proof.detail) == (True, ConsentSource.FORM, f"text {SINGLE.version}")
    assert fill_in(stranger).status_code == 303  # once more
    assert len(rows(ledger)) == len(rows(ledger, consents)) == 1


def test_a_customer_agrees_at_once_and_the_store_is_told(
    ledger: Engine, stranger: FlaskClient, form: SignUpTerms
) -> None:
    with reading(ledger) as connection:
        asked = sa.select(customers.c.email).where(customers.c.accepts_marketing.is_not(sa.true()))
        email = connection.scalars(asked).first()
    assert email is not None
    assert fill_in(stranger, email.upper()).status_code == 303
    (sign_up,) = rows(ledger)
    assert sign_up.state == SignUpState.DONE
    assert [(push.mailbox, push.agreed) for push in rows(ledger, consent_pushes)] == [(email, True)]
    with reading(ledger) as connection:
        now = sa.select(customers.c.accepts_marketing).where(customers.c.customer_id == sign_up.customer_id)
        assert connection.scalar(now) is True


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"email": "nina"}, "not an e-mail address"),
        ({"email": ""}, "not an e-mail address"),
        ({"email": "a@b.example\r\nBcc: c@d.example"}, "not an e-mail address"),
        ({"email": "x" * 310 + "@mail.example"}, "not an e-mail address"),
        ({"agree": ""}, "tick the box"),
        ({"agree": "no"}, "tick the box"),
        ({"version": "another"}, "has changed"),
        ({"language": "xx"}, "has changed"),
    ],
)
def test_a_form_that_is_not_filled_in_says_what_is_missing(
    ledger: Engine, stranger: FlaskClient, form: SignUpTerms, fields: dict[str, str], said: str
) -> None:
    answer = fill_in(stranger, **fields)
    assert answer.status_code == 400
    assert said in answer.text
    assert rows(ledger) == []


def test_a_program_that_fills_in_everything_is_thanked_and_nothing_follows(
    ledger: Engine, stranger: FlaskClient, form: SignUpTerms
) -> None:
    answer = fill_in(stranger, website="https://spam.example")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{PAGE}/thanks")
    assert rows(ledger) == []


def test_many_forms_from_one_place_are_refused(
    ledger: Engine, app: Flask, clock: FakeClock, form: SignUpTerms
) -> None:
    client = app.test_client()
    for number in range(MOST_OF_CLIENT):
        assert fill_in(client, f"n{number}@mail.example").status_code == 303
    assert fill_in(client, "one.more@mail.example").status_code == 429
    other = fill_in_from(client, "203.0.113.9", "one.more@mail.example")
    assert other.status_code == 303
    for last in ("1", "2"):  # one household
        fill_in_from(client, f"2001:db8:0:1::{last}", f"six{last}@mail.example")
    assert len({row.client for row in rows(ledger)[-2:]}) == 1
    clock.pass_by(3_700)
    assert fill_in(client, "later@mail.example").status_code == 303


def fill_in_from(client: FlaskClient, place: str, email: str) -> TestResponse:
    shown = client.get(PAGE).text
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', shown))
    data = {**hidden, "email": email, "agree": "yes"}
    return client.post(PAGE, data=data, environ_base={"REMOTE_ADDR": place})


def test_a_stranger_cannot_bring_back_who_unsubscribed(
    ledger: Engine, stranger: FlaskClient, store_id: int, form: SignUpTerms
) -> None:
    gone(ledger, store_id, SuppressionCause.UNSUBSCRIBED)
    assert fill_in(stranger).status_code == 303
    assert states(ledger) == [SignUpState.DROPPED]
    assert not any(row.agreed for row in rows(ledger, consents))
    assert [row.lifted_at for row in rows(ledger, suppressions)] == [None]


def gone(engine: Engine, store_id: int, cause: SuppressionCause) -> None:
    with writing(engine) as connection:
        wish = Wish(address=NEW, cause=cause, source=ConsentSource.LINK)
        suppress(connection, store_id, wish, now=NOW, actor="reader")


@pytest.mark.parametrize(
    "cause", [SuppressionCause.COMPLAINT, SuppressionCause.HARD_BOUNCE, SuppressionCause.BY_HAND]
)
def test_who_must_get_nothing_gets_no_e_mail_to_confirm(
    ledger: Engine, stranger: FlaskClient, store_id: int, double: SignUpTerms, cause: SuppressionCause
) -> None:
    gone(ledger, store_id, cause)
    answer = fill_in(stranger)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{PAGE}/thanks")
    assert states(ledger) == [SignUpState.DROPPED]


def test_with_double_opt_in_only_the_click_counts(
    ledger: Engine, app: Flask, stranger: FlaskClient, store_id: int, double: SignUpTerms
) -> None:
    gone(ledger, store_id, SuppressionCause.UNSUBSCRIBED)
    fill_in(stranger)
    assert "look into your inbox" in stranger.get(f"{PAGE}/thanks").text
    assert states(ledger) == [SignUpState.ASKED]
    assert not any(row.agreed for row in rows(ledger, consents))
    link = link_of(app, mail(ledger))
    assert "Do you want e-mails from" in stranger.get(link).text  # looking changes nothing
    assert states(ledger) == [SignUpState.MAILED]
    assert stranger.post(link).status_code == 303
    assert "will get e-mails from" in stranger.get(link).text
    first = rows(ledger)
    assert stranger.post(link).status_code == 303  # once more changes nothing
    assert rows(ledger) == first
    assert (first[0].state, first[0].confirmed_at) == (SignUpState.AGREED, NOW)
    assert [row.agreed for row in rows(ledger, consents)] == [False, True]
    assert [row.lifted_at for row in rows(ledger, suppressions)] == [NOW]
    with reading(ledger) as connection:
        assert first_broken_row(connection) is None


def test_a_link_ends_to_work_and_one_of_another_wish_never_does(
    ledger: Engine, app: Flask, stranger: FlaskClient, clock: FakeClock, double: SignUpTerms
) -> None:
    fill_in(stranger)
    asked = rows(ledger)[-1]
    assert stranger.post(link_of(app, asked)).status_code == 404  # no such e-mail has left yet
    sign_up = mail(ledger)
    good = link_of(app, sign_up)
    for bad in (
        link_of(app, sign_up, address="other@mail.example"),
        link_of(app, sign_up, sign_up_id=sign_up.id + 1),
        link_of(app, sign_up, ecwid_id=77),
        good[:-1],
        f"{PAGE}/confirm/abc",
    ):
        assert stranger.get(bad).status_code == 404
        assert stranger.post(bad).status_code == 404
    clock.pass_by(4 * 86_400)
    assert stranger.post(good).status_code == 404
    assert states(ledger) == [SignUpState.MAILED]


def test_a_mailbox_gets_few_e_mails_to_confirm_whoever_asks(
    ledger: Engine, stranger: FlaskClient, clock: FakeClock, double: SignUpTerms
) -> None:
    for number in range(MOST_OF_MAILBOX + 2):
        fill_in(stranger, f"nina.new+{number}@mail.example")
        fill_in(stranger)  # one is under way
        with writing(ledger) as connection:
            over = {"state": SignUpState.MAILED, "expires_at": clock.now()}
            connection.execute(sa.update(sign_ups).values(over))
        clock.pass_by(86_400)
    assert len(rows(ledger)) == MOST_OF_MAILBOX


def test_the_form_is_shown_on_the_shops_own_sites_alone(
    ledger: Engine, stranger: FlaskClient, store_id: int
) -> None:
    terms = replace(SINGLE, sites=("https://blog.shop.example",))
    record_form(ledger, store_id=store_id, terms=terms, now=NOW)
    with writing(ledger) as connection:
        connection.execute(sa.update(stores).values(url="https://shop.example/tea; script-src *"))
    framed = stranger.get(f"{PAGE}?framed=1")
    policy = framed.headers["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors https://shop.example https://blog.shop.example")
    answer = fill_in(stranger, path=f"{PAGE}?framed=1&lang=de")
    assert answer.headers["Location"] == f"{PAGE}/thanks?framed=1&lang=de"
    assert "Sie hören von" in stranger.get(answer.headers["Location"]).text
    script = stranger.get(f"{PAGE}/form.js")
    assert script.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert script.mimetype == "text/javascript"
    assert 'createElement("iframe")' in script.text
    assert framed.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_what_is_kept_of_somebody_who_signed_up_is_shown_and_forgotten(
    ledger: Engine, stranger: FlaskClient, store_id: int, form: SignUpTerms
) -> None:
    fill_in(stranger)
    with reading(ledger) as connection:
        store = load_store(connection, store_id)
    copy = export_person(ledger, store, email=NEW, actor="ana", now=NOW)["data"]
    assert [row["detail"] for row in copy["consents"]] == [f"text {SINGLE.version}"]
    assert [(row["address"], row["state"]) for row in copy["sign_ups"]] == [(NEW.lower(), "agreed")]
    assert copy["sign_ups"][0]["client"]
    erase_person(ledger, store, email=NEW, actor="ana", now=NOW)
    assert rows(ledger) == []
    assert len(rows(ledger, consents)) == 1
