"""Accounts: made by the command, and asked for by everything that wants to know who somebody is."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from tests.shop import ANA, NOW
from tests.web.site import PASSWORD, Standing, sign_in
from tillroll.errors import NotFound, Refused
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.tables import audit, users
from tillroll.web.accounts import add_user, person_of, set_password


def test_a_person_has_the_roles_they_were_given(ledger: Engine) -> None:
    add_user(ledger, email=" Ben@Shop.example", password=PASSWORD, role_names=("admin", "viewer"), now=NOW)
    person = person_of(ledger, "BEN@shop.example")
    assert person is not None
    assert (person.email, person.roles) == ("ben@shop.example", {"admin", "viewer"})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"email": ANA.email}, "already"),
        ({"email": "no address"}, "not an e-mail address"),
        ({"password": "too short"}, "10 to 256"),
        ({"role_names": ("boss",)}, "no role boss"),
    ],
)
def test_an_account_that_cannot_be_is_refused(ledger: Engine, changes: dict[str, str], said: str) -> None:
    add_user(ledger, email=ANA.email, password=PASSWORD, role_names=(), now=NOW)
    wanted = {"email": "ben@shop.example", "password": PASSWORD, "role_names": ("viewer",), **changes}
    with pytest.raises(Refused, match=said):
        add_user(ledger, now=NOW, **wanted)


def test_somebody_without_an_account_or_with_a_closed_one_is_nobody(ledger: Engine) -> None:
    add_user(ledger, email=ANA.email, password=PASSWORD, role_names=("approver",), now=NOW)
    with ledger.begin() as connection:
        connection.execute(sa.update(users).values(active=False))
    assert person_of(ledger, ANA.email) is None
    assert person_of(ledger, "who@shop.example") is None
    with pytest.raises(NotFound):
        set_password(ledger, email="who@shop.example", password=PASSWORD, now=NOW)


def test_a_password_is_kept_as_argon2id(ledger: Engine) -> None:
    add_user(ledger, email=ANA.email, password=PASSWORD, role_names=(), now=NOW)
    with ledger.connect() as connection:
        assert connection.scalars(sa.select(users.c.password)).one().startswith("$argon2id$")


def test_signing_in_opens_the_pages_and_is_audited(ledger: Engine, stranger: FlaskClient) -> None:
    assert sign_in(stranger).location == "/"
    assert stranger.get("/").status_code == 200
    with ledger.connect() as connection:
        actions = list(connection.scalars(sa.select(audit.c.action)))
        assert first_broken_row(connection) is None
    assert actions.count("person.signed-in") == 1


def test_a_wrong_password_and_an_unknown_address_read_the_same(stranger: FlaskClient) -> None:
    wrong, unknown = (
        sign_in(stranger, password="not the one at all"),
        sign_in(stranger, email="who@shop.example"),
    )
    for answer in (wrong, unknown):
        assert "That address and password don&#39;t fit together." in answer.text
    assert stranger.get("/").status_code == 302


def test_ten_failures_shut_the_door_for_five_minutes(
    ledger: Engine, stranger: FlaskClient, clock: Standing
) -> None:
    for _ in range(10):
        sign_in(stranger, password="not the one at all")
    assert "Too many attempts." in sign_in(stranger).text
    with ledger.connect() as connection:
        assert "person.shut-out" in list(connection.scalars(sa.select(audit.c.action)))
    clock.at += timedelta(minutes=5, seconds=1)
    assert sign_in(stranger).location == "/"


def test_a_new_password_signs_everybody_out(ledger: Engine, ana: FlaskClient) -> None:
    set_password(ledger, email=ANA.email, password="another long password", now=NOW)
    assert ana.get("/").status_code == 302
    assert sign_in(ana).status_code == 200
    assert sign_in(ana, password="another long password").location == "/"


def test_signing_in_leads_on_within_this_site_alone(stranger: FlaskClient) -> None:
    assert stranger.get("/runs?show=done").location == "/login?next=/runs?show%3Ddone"
    page = stranger.get("/login?next=https://evil.example/")
    assert page.status_code == 200
    answer = sign_in(stranger)
    assert "evil" not in answer.location


def test_signing_out_wants_its_form(ana: FlaskClient) -> None:
    assert ana.get("/logout").status_code == 405
    assert ana.post("/logout").status_code == 400
    assert ana.get("/").status_code == 200
