"""The suppression list at the terminal: masked, guarded against formulas, and each change audited."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.accounts import add_account
from tests.cli.command import tillroll
from tests.shop import ANA, EVE, NOW, add_customers, add_store, lapsed
from tests.web.site import PASSWORD
from tillroll.ledger import migrate
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import audit, customers
from tillroll.settings import Settings
from tillroll.wiring import Services, build

ADDRESS = "customer1@example.com"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Services]:
    url = f"sqlite:///{tmp_path / 'var' / 'tillroll.sqlite3'}"
    (tmp_path / "var").mkdir()
    with build(Settings(home=tmp_path / "var", database_url=url, environment="sandbox")) as parts:
        migrate.upgrade(parts.engine)
        store_id = add_store(parts.engine)
        add_customers(parts.engine, store_id, lapsed(1), lapsed(2))
        for person, role in ((ANA, "approver"), (EVE, "viewer")):
            add_account(parts.engine, email=person.email, password=PASSWORD, role_names=(role,), now=NOW)
        yield parts


def command(home: Path, *words: str, person: str = ANA.email) -> tuple[int, str]:
    answer = tillroll(home, "suppressions", *words, "--as", person)
    return answer.returncode, answer.stdout + answer.stderr


def actions(parts: Services) -> list[str]:
    with reading(parts.engine) as connection:
        query = sa.select(audit.c.action).where(audit.c.action.startswith("suppression"))
        return list(connection.scalars(query.order_by(audit.c.id)))


def test_an_address_is_added_listed_exported_and_removed(shop: Services, tmp_path: Path) -> None:
    assert command(tmp_path, "add", ADDRESS, "--note", "=cmd()") == (
        0,
        "No more e-mails go to this address.\n",
    )
    assert "already" in command(tmp_path, "add", ADDRESS.upper())[1]
    with reading(shop.engine) as connection:
        query = sa.select(customers.c.accepts_marketing).where(customers.c.email == ADDRESS)
        assert connection.scalars(query).one() is False
    listed = command(tmp_path, "list")[1]
    assert "by_hand" in listed
    assert ADDRESS not in listed
    exported = command(tmp_path, "export")[1]
    assert ADDRESS in exported
    assert ",=cmd()" not in exported
    assert command(tmp_path, "remove", ADDRESS)[0] == 0
    code, told = command(tmp_path, "remove", ADDRESS)
    assert (code, "not on the list" in told) == (1, True)
    assert actions(shop) == ["suppression.added", "suppressions.exported", "suppression.lifted"]


def test_a_file_is_imported_and_a_bad_line_costs_no_other(shop: Services, tmp_path: Path) -> None:
    file = tmp_path / "gone.csv"
    file.write_text(
        f"name,Email\nAna,{ADDRESS}\nx,=1+1\ny,customer2@example.com\n\nz\n", encoding="utf-8-sig"
    )
    code, told = command(tmp_path, "import", str(file))
    assert code == 0
    assert "2 addresses added, 0 on the list already, 2 left out." in told
    assert "Line 3 was left out" in told
    assert "0 addresses added, 2 on the list already" in command(tmp_path, "import", str(file))[1]


def test_a_file_of_another_kind_is_refused(shop: Services, tmp_path: Path) -> None:
    file = tmp_path / "gone.csv"
    file.write_text("name\nAna\n")
    code, told = command(tmp_path, "import", str(file))
    assert (code, "no column email" in told) == (1, True)


@pytest.mark.parametrize("words", [("list",), ("export",), ("add", ADDRESS), ("remove", ADDRESS)])
def test_a_viewer_may_not(shop: Services, tmp_path: Path, words: tuple[str, ...]) -> None:
    code, told = command(tmp_path, *words, person=EVE.email)
    assert code == 1, told
    assert actions(shop) == []
