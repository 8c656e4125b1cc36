"""`tillroll messages show`: the e-mail that left, with its code hidden unless an approver asks, which is recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.accounts import add_account
from tests.cli.command import Answer, tillroll
from tests.clocks import FakeClock
from tests.send.room import lines_of, ready_to_send
from tests.shop import ANA, EVE, NOW
from tests.web.site import PASSWORD
from tillroll.ledger import migrate
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import audit, runs
from tillroll.loop.stages.sending import send_context
from tillroll.send.slices.deliver import send_slice
from tillroll.settings import Settings
from tillroll.wiring import Services, build

ADDRESS = "customer1@example.com"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Services]:
    """An installation whose run has left."""
    url = f"sqlite:///{tmp_path / 'var' / 'tillroll.sqlite3'}"
    (tmp_path / "var").mkdir()
    clock = FakeClock()
    with build(
        Settings(home=tmp_path / "var", database_url=url, environment="sandbox"), clock=clock
    ) as parts:
        migrate.upgrade(parts.engine)
        run_id = ready_to_send(parts.engine, people=3, clock=clock)
        send_slice(send_context(parts, 1003), run_id=run_id, until=clock.now() + timedelta(seconds=5))
        for person, role in ((ANA, "approver"), (EVE, "viewer")):
            add_account(parts.engine, email=person.email, password=PASSWORD, role_names=(role,), now=NOW)
        yield parts


def show(home: Path, *words: str, person: str = ANA.email) -> Answer:
    return tillroll(home, "messages", "show", "1", ADDRESS, *words, "--as", person)


def test_it_is_shown_with_its_code_hidden(shop: Services, tmp_path: Path) -> None:
    (code,) = (line["code"] for line in lines_of(shop.settings.outbox) if line["to"] == ADDRESS)
    answer = show(tmp_path, person=EVE.email)
    assert answer.returncode == 0, answer.stderr
    assert ADDRESS in answer.stdout
    assert "This is the e-mail that left, to the byte" in answer.stdout
    assert code not in answer.stdout
    body = json.loads(show(tmp_path, "--json", person=EVE.email).stdout)
    assert (body["run"], body["state"], body["exact"], body["why_not"]) == (1, "sent", True, [])
    assert show(tmp_path, "--code", person=EVE.email).returncode == 1


def test_its_code_is_shown_to_an_approver_and_that_is_recorded(shop: Services, tmp_path: Path) -> None:
    (line,) = (line for line in lines_of(shop.settings.outbox) if line["to"] == ADDRESS)
    answer = show(tmp_path, "--raw", "--code")
    left = (shop.settings.outbox / line["file"]).read_text("utf-8")
    assert answer.stdout.replace("\r\n", "\n") == left.replace("\r\n", "\n")
    with reading(shop.engine) as connection:
        query = sa.select(audit.c.actor, audit.c.subject).where(audit.c.action == "codes.revealed")
        assert [tuple(row) for row in connection.execute(query)] == [(ANA.email, "run 1")]
        assert connection.scalar(sa.select(runs.c.revealed_at)) is not None
