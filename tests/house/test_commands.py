"""Every command either asks who gives it, before anything else, or changes nothing, or is named here with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest
import sqlalchemy as sa

from tests.accounts import add_account
from tests.cli.command import Answer, tillroll
from tests.shop import NOW
from tests.web.site import PASSWORD, open_shop, plan_run
from tillroll.cli.main import COMMANDS, main
from tillroll.ledger.engine import open_engine
from tillroll.ledger.tables import metadata

ASKS = {
    "run": "winback",
    "approve": "1 --digest x",
    "reject": "1 --digest x --note n",
    "halt": "1",
    "restart": "1",
    "words": "1 --digest x",
    "export": "codes",
    "codes find": "ABC",
    "codes export": "1",
    "crm push": "",
    "crm replay": "--set-aside",
    "codes take": "winback",
    "codes import": "spring.csv --campaign winback",
    "codes pause": "1 --yes",
    "codes resume": "1 --yes",
    "codes extend": "1 --until 2099-01-01 --yes",
    "codes revoke": "1 --yes",
    "codes recycle": "1",
    "faults retry": "1",
    "messages show": "1 ana@mail.example",
    "send resume": "",
    "suppressions list": "",
    "suppressions export": "",
    "suppressions add": "ana@mail.example",
    "suppressions remove": "ana@mail.example",
    "suppressions import": "gone.csv",
    "bounces read": "folder",
    "bounces hook": "",
    "send retry": "1 --failed",
    "send test": "ana@shop.example --campaign winback",
    "send report": "ana@shop.example",
    "privacy export": "nina@mail.example",
    "privacy erase": "nina@mail.example --yes",
    "privacy settle": "1",
    "drift fix": "1",
    "drift accept": "1",
    "adopt": "--prefix X",
    "catalog import": "spring.csv",
    "catalog undo": "1",
    "rearm": "--release --yes",
    "audit replace": "--yes",
    "store connect": "--id 1004 --token-stdin",
    "store event-secret": "",
    "store timezone": "Europe/Vienna",
    "store probe": "--write --yes",
    "store record": "talk.jsonl",
    "user add": "ben@shop.example --password-stdin",
    "user close": "boss@shop.example",
    "user open": "boss@shop.example",
    "user role": "boss@shop.example --none",
    "user reset": "boss@shop.example --password-stdin",
    "user sessions": "boss@shop.example --end",
    "key revoke": "1",
}
"""Commands that act or show what is worth money, with words to call them by. A name (`--as`) is not enough for any."""

READS = {
    "check": "",
    "segment list": "",
    "segment show": "lapsed-90",
    "plan": "winback",
    "proof": "winback",
    "calendar": "",
    "report": "",
    "leaks": "",
    "status": "",
    "crm status": "",
    "stock": "",
    "tiers": "",
    "codes changes": "",
    "faults": "",
    "send": "",
    "doctor mail": "--dns 127.0.0.1:1",
    "drift": "--known",
    "catalog status": "",
    "privacy list": "",
    "user list": "",
    "key list": "",
    "audit verify": "--offline",
    "secret new": "",
}
"""Commands that change nothing, whoever gives them."""

OTHERS = {
    "init": "writes sample files, with every campaign a draft",
    "new": "writes campaign files, which a plan's approval covers",
    "suggest": "writes a draft of a campaign, and never over another file",
    "schema": "writes schemas for editors",
    "demo": "works in a folder of its own, with a sandbox store",
    "sandbox": "serves a test store",
    "up": "a process that runs the installation",
    "web": "a process that runs the installation",
    "worker": "a process that runs the installation",
    "clock": "a process that runs the installation",
    "rebuild sums": "counts anew what follows from the orders",
    "rebuild tiers": "counts anew what follows from the orders",
    "db upgrade": "the operator's; adds tables, and a release on Heroku runs it",
    "secret rotate": "the operator's: it takes the keys themselves, and the audit says `operator`",
    "store check": "a store that was away and answers again is worked for, as the worker does by itself",
    "login": "asks for the password",
    "logout": "gives up the caller's own key",
}
"""Commands that need no person, each with the reason."""


def leaves(group: click.Group, before: str = "") -> Iterator[str]:
    """Yield the full names of the commands that do something; a group does if it may be called alone."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command, full = group.get_command(context, name), f"{before}{name}"
        if isinstance(command, click.Group):
            yield from leaves(command, f"{full} ")
            if command.invoke_without_command:
                yield full
        else:
            yield full


def test_every_command_is_named_once() -> None:
    known = [*ASKS, *READS, *OTHERS]
    assert sorted(known) == sorted(leaves(main))
    assert {name.split()[0] for name in known} == set(COMMANDS)


@pytest.fixture
def home(tmp_path: Path, sqlite_url: str) -> Path:
    """A folder whose ledger has an administrator, a run that waits, and a store whose token no key opens."""
    engine = open_engine(sqlite_url)
    plan_run(engine, open_shop(engine, customers=20))
    add_account(engine, email="boss@shop.example", password=PASSWORD, role_names=("admin",), now=NOW)
    engine.dispose()
    (tmp_path / "spring.csv").write_text("sku,name\nA,Tea\n", encoding="utf-8")
    return tmp_path


def call(home: Path, url: str, words: str) -> Answer:
    """Call a command outside the sandbox environment, as somebody who has not signed in."""
    nobody = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config")}
    keyring = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    live = {"TILLROLL_ENVIRONMENT": "live", "DATABASE_URL": url}
    return tillroll(home, *words.split(), given="", **nobody, **keyring, **live)


def rows(url: str) -> Mapping[str, list[Any]]:
    """Return everything that the ledger holds."""
    engine = open_engine(url)
    with engine.connect() as connection:
        found = {name: list(connection.execute(sa.select(table))) for name, table in metadata.tables.items()}
    engine.dispose()
    return found


def test_a_command_that_acts_asks_who_gives_it_before_anything_else(home: Path, sqlite_url: str) -> None:
    """Before it reads a token, too: here that would fail with another message."""
    require_refused(home, sqlite_url, "")


@pytest.mark.slow
def test_a_name_is_not_enough_for_any_command(home: Path, sqlite_url: str) -> None:
    require_refused(home, sqlite_url, " --as boss@shop.example")


def require_refused(home: Path, url: str, named: str) -> None:
    before = rows(url)
    for name, more in ASKS.items():
        refused = call(home, url, f"{name} {more}{named}")
        assert refused.returncode == 1, (name, refused.stderr)
        assert "tillroll login" in refused.stderr, (name, refused.stderr)
    assert rows(url) == before


@pytest.mark.slow
def test_a_command_that_asks_nobody_changes_nothing(home: Path, sqlite_url: str) -> None:
    before = rows(sqlite_url)
    for name, more in READS.items():
        answer = call(home, sqlite_url, f"{name} {more}")
        assert answer.returncode in {0, 1}, (name, answer.stderr)
    assert rows(sqlite_url) == before
