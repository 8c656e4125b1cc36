"""Who may manage accounts, stores' tokens and secrets by command: administrators, and the operator who makes the first one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.accounts import add_account
from tests.cli.command import tillroll
from tests.clocks import FakeClock
from tests.shop import ANA, BEN, NOW, add_store
from tests.web.site import PASSWORD, services_for
from tillroll.cli.support.administrators import by_administrator, require_administrator
from tillroll.errors import NotAllowed, Refused
from tillroll.ledger.audit import Way, act_by
from tillroll.ledger.engine import open_engine, writing
from tillroll.ledger.tables import audit, stores
from tillroll.settings import Settings
from tillroll.web.accounts.personal_keys import make_key
from tillroll.web.accounts.store_roles import set_store_roles
from tillroll.web.accounts.users import close_account, set_password
from tillroll.wiring import Services

BOSS = "boss@shop.example"


@pytest.fixture(autouse=True)
def _way() -> Iterator[None]:
    """Leave the way by which this thread acts as it was."""
    yield
    act_by(Way.LOOP)


def live(ledger: Engine, home: Path, key: str = "") -> Services:
    """Return the services of a command outside the sandbox environment, with a person's key or none."""
    settings = Settings(home=home, environment="live", database_url=f"of {home}", personal_key=key)
    return services_for(ledger, home, FakeClock(), settings)


def add_person(ledger: Engine, email: str, *roles: str) -> str:
    """Add an account, and return a key of it."""
    add_account(ledger, email=email, password=PASSWORD, role_names=roles, now=NOW)
    return make_key(ledger, email=email, machine="desk", lasts=timedelta(days=1), now=NOW).text


def last_row(ledger: Engine) -> tuple[str, str, str]:
    """Return what the audit says last: what was done, by whom, and by which way."""
    with ledger.connect() as connection:
        row = connection.execute(sa.select(audit).order_by(audit.c.id.desc()).limit(1)).one()
    return row.action, row.actor, row.way


def test_the_operator_makes_the_first_administrator_and_then_no_other(ledger: Engine, tmp_path: Path) -> None:
    services = live(ledger, tmp_path)
    by = by_administrator(services, None)
    add_account(ledger, email=BOSS, password=PASSWORD, role_names=("admin",), **by)
    assert last_row(ledger) == ("user.added", "command", "operator")
    with pytest.raises(NotAllowed, match="needs to know who you are"):
        by_administrator(services, None)
    close_account(ledger, email=BOSS, now=NOW)
    assert by_administrator(services, None)["actor"] == "command"


def test_an_administrator_is_known_by_their_key(ledger: Engine, tmp_path: Path) -> None:
    key = add_person(ledger, BOSS, "admin")
    by = by_administrator(live(ledger, tmp_path, key), None)
    add_account(ledger, email=BEN.email, password=PASSWORD, role_names=("approver",), **by)
    assert last_row(ledger) == ("user.added", BOSS, "key")


def test_nobody_else_is_an_administrator(ledger: Engine, tmp_path: Path) -> None:
    add_person(ledger, BOSS, "admin")
    approver = add_person(ledger, BEN.email, "approver")
    of_one_store = add_person(ledger, ANA.email)
    add_store(ledger)
    set_store_roles(ledger, email=ANA.email, role_names=("admin",), ecwid_id=1003, now=NOW)
    for key in (approver, of_one_store):
        with pytest.raises(NotAllowed, match="is no administrator, so can't manage accounts"):
            by_administrator(live(ledger, tmp_path, key), None)


@pytest.mark.parametrize("begun", [False, True])
def test_a_name_is_not_enough_outside_the_sandbox(ledger: Engine, tmp_path: Path, begun: bool) -> None:
    if begun:
        add_person(ledger, BOSS, "admin")
    with pytest.raises(Refused, match="--as is accepted only in the sandbox environment"):
        require_administrator(live(ledger, tmp_path), BOSS, "manage accounts")


def test_the_operator_has_the_ledgers_own_key(ledger: Engine, tmp_path: Path) -> None:
    services = live(ledger, tmp_path)
    add_store(ledger, token="sealed with the key of another machine")
    with pytest.raises(NotAllowed, match="are not those of the ledger"):
        by_administrator(services, None)
    with writing(ledger) as connection:
        connection.execute(sa.update(stores).values(token=services.sealer.seal("secret_x")))
    assert by_administrator(services, None)["actor"] == "command"


def test_the_operator_only_lets_an_administrator_in_again(ledger: Engine, tmp_path: Path) -> None:
    add_person(ledger, BOSS, "admin")
    add_person(ledger, BEN.email, "approver")
    services = live(ledger, tmp_path)
    for other in (BEN.email, "nobody@shop.example"):
        with pytest.raises(Refused, match="only lets an administrator in again"):
            by_administrator(services, None, let_in=other)
    by = by_administrator(services, None, let_in=BOSS)
    set_password(ledger, email=BOSS, password="another long password", **by)
    assert last_row(ledger) == ("user.password", "command", "operator")


def test_one_revokes_ones_own_keys_and_an_administrator_anybodys(tmp_path: Path, sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    boss = add_person(engine, BOSS, "admin")  # key 1
    ben = add_person(engine, BEN.email, "approver")  # key 2

    def revoke(number: int, key: str) -> int:
        settings = {"TILLROLL_ENVIRONMENT": "live", "TILLROLL_KEY": key, "DATABASE_URL": sqlite_url}
        return tillroll(tmp_path, "key", "revoke", str(number), **settings).returncode

    with writing(engine) as connection:  # the commands use the real clock
        connection.execute(sa.text("update personal_keys set expires_at = '2099-01-01 00:00:00.000000'"))
    assert revoke(1, ben) == 1
    assert revoke(2, ben) == 0
    assert last_row(engine) == ("key.revoked", BEN.email, "key")
    assert revoke(2, ben) == 1, "it is revoked"
    assert revoke(1, boss) == 0
    assert last_row(engine) == ("key.revoked", BOSS, "key")
    engine.dispose()
