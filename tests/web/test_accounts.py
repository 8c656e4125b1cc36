"""Accounts: creating them, signing in, signing out and changing passwords."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from tests.accounts import add_account
from tests.clocks import FakeClock
from tests.shop import ANA, NOW, SHOP
from tests.web.site import PASSWORD, services_for, sign_in
from tillroll.errors import NotFound, Refused
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.tables import audit, users
from tillroll.web.accounts.users import add_user, person_of, set_password
from tillroll.web.app import create_app

FULL = "$argon2id$v=19$m=65536,t=3,p=4$"


def test_an_account_has_the_given_roles(ledger: Engine) -> None:
    add_user(ledger, email=" Ben@Shop.example", password=PASSWORD, role_names=("admin", "viewer"), now=NOW)
    person = person_of(ledger, "BEN@shop.example")
    assert person is not None
    assert (person.email, person.roles) == ("ben@shop.example", {"admin", "viewer"})


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"email": ANA.email}, "already"),
        ({"email": "no address"}, "not an e-mail address"),
        ({"password": "too short"}, "10 to 256"),
        ({"role_names": ("boss",)}, "no role boss"),
    ],
)
def test_an_invalid_account_is_refused(ledger: Engine, changes: dict[str, str], problem: str) -> None:
    add_user(ledger, email=ANA.email, password=PASSWORD, role_names=(), now=NOW)
    fields = {"email": "ben@shop.example", "password": PASSWORD, "role_names": ("viewer",), **changes}
    with pytest.raises(Refused, match=problem):
        add_user(ledger, now=NOW, **fields)


def test_a_missing_or_closed_account_has_no_person(ledger: Engine) -> None:
    add_user(ledger, email=ANA.email, password=PASSWORD, role_names=("approver",), now=NOW)
    with ledger.begin() as connection:
        connection.execute(sa.update(users).values(active=False))
    assert person_of(ledger, ANA.email) is None
    assert person_of(ledger, "who@shop.example") is None
    with pytest.raises(NotFound):
        set_password(ledger, email="who@shop.example", password=PASSWORD, now=NOW)


def test_a_password_is_kept_as_argon2id_at_the_full_cost(ledger: Engine) -> None:
    add_user(ledger, email=ANA.email, password=PASSWORD, role_names=(), now=NOW)
    assert hash_in(ledger).startswith(FULL)


def test_a_hash_of_another_cost_is_made_anew_at_the_next_sign_in(ledger: Engine, tmp_path: Path) -> None:
    add_account(ledger, email=ANA.email, password=PASSWORD, role_names=("approver",), now=NOW)
    assert hash_in(ledger).startswith("$argon2id$v=19$m=8,t=1,p=1$")
    app = create_app(services_for(ledger, tmp_path), testing=True)
    assert sign_in(app.test_client()).location == "/"
    renewed = hash_in(ledger)
    assert renewed.startswith(FULL)
    assert sign_in(app.test_client()).location == "/"
    assert hash_in(ledger) == renewed


def hash_in(ledger: Engine) -> str:
    """Return the hash of the only account's password."""
    with ledger.connect() as connection:
        return str(connection.scalars(sa.select(users.c.password)).one())


def test_signing_in_opens_the_pages_and_is_audited(ledger: Engine, stranger: FlaskClient) -> None:
    assert sign_in(stranger).location == "/"
    assert stranger.get("/").status_code == 200
    with ledger.connect() as connection:
        actions = list(connection.scalars(sa.select(audit.c.action)))
        assert first_broken_row(connection) is None
    assert actions.count("person.signed-in") == 1


def test_a_wrong_password_and_an_unknown_address_get_the_same_message(stranger: FlaskClient) -> None:
    wrong, unknown = (
        sign_in(stranger, password="not the one at all"),
        sign_in(stranger, email="who@shop.example"),
    )
    for answer in (wrong, unknown):
        assert "Wrong e-mail address or password." in answer.text
    assert stranger.get("/").status_code == 302


def test_ten_failed_attempts_block_signing_in_for_five_minutes(
    ledger: Engine, stranger: FlaskClient, clock: FakeClock
) -> None:
    for _ in range(10):
        sign_in(stranger, password="not the one at all")
    assert "Too many attempts." in sign_in(stranger).text
    with ledger.connect() as connection:
        assert "person.shut-out" in list(connection.scalars(sa.select(audit.c.action)))
    clock.at += timedelta(minutes=5, seconds=1)
    assert sign_in(stranger).location == "/"


def test_a_new_password_ends_all_sessions(ledger: Engine, ana: FlaskClient) -> None:
    set_password(ledger, email=ANA.email, password="another long password", now=NOW)
    assert ana.get("/").status_code == 302
    assert sign_in(ana).status_code == 200
    assert sign_in(ana, password="another long password").location == "/"


def test_signing_in_redirects_only_within_this_site(stranger: FlaskClient) -> None:
    assert stranger.get(f"{SHOP}/runs?show=done").location == f"/login?next={SHOP}/runs?show%3Ddone"
    page = stranger.get("/login?next=https://evil.example/")
    assert page.status_code == 200
    answer = sign_in(stranger)
    assert "evil" not in answer.location


def test_signing_out_needs_its_form(ana: FlaskClient) -> None:
    assert ana.get("/logout").status_code == 405
    assert ana.post("/logout").status_code == 400
    assert ana.get("/").status_code == 200
