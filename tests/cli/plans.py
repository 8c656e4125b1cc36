"""A shop to plan in, and a parser of a plan's page."""

from __future__ import annotations

import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.cli.command import Answer, tillroll
from tests.shop import ROOT
from tests.web.site import open_shop, person, plan_run
from tillroll.ledger.engine import open_engine
from tillroll.ledger.tables import customers, metadata

HOSTILE = '<img src="https://evil.example/x.png" onerror=alert(1)>[bold red]\u202eevil'


@pytest.fixture
def installed(tmp_path: Path, sqlite_url: str) -> Path:
    """A folder with the sample files and a ledger with the tea shop, where a customer has a hostile name."""
    for name in ("campaigns", "rules", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name)
    engine = open_engine(sqlite_url)
    open_shop(engine)
    with engine.begin() as connection:
        where = customers.c.customer_id == 1
        connection.execute(sa.update(customers).where(where).values(name=HOSTILE, first_name="<b>Bo</b>"))
    plan_run(engine, 1, "seasonal")
    engine.dispose()
    return tmp_path


def keep_names(installed: Path) -> None:
    """Have customers' names shown as they are."""
    with (installed / "rules/guardrails.yaml").open("a", encoding="utf-8") as rails:
        rails.write("\nclean_names: false\n")


def plan(installed: Path, url: str, *words: str) -> Answer:
    return tillroll(installed, "plan", *words, DATABASE_URL=url)


def counts(url: str) -> dict[str, int]:
    engine = open_engine(url)
    with engine.connect() as connection:
        rows = {
            name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for name, table in metadata.tables.items()
        }
    engine.dispose()
    return rows


def address(number: int) -> str:
    return str(person(number)["email"])


class Seen(HTMLParser):
    """The tags of a page, and the attributes that could load something."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.frames: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attributes:
            if name in {"src", "href", "action", "data", "poster", "background"} or name.startswith("on"):
                self.loads.append(f"{tag} {name}={value}")
            if name == "srcdoc":
                self.frames.append(value or "")
