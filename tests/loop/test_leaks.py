"""A campaign whose codes leak too much is paused once, if the guardrails ask for it; the page and the command show why."""

from __future__ import annotations

import json
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.cli.command import tillroll
from tests.journeys.steps import book_of
from tests.shop import ANA, NOW, SHOP, campaign_text
from tests.track.leaks.test_simulated_shop import order, passed_on, person, shop
from tests.web.site import app_for, services_for, sign_in
from tillroll.campaign.language.notices import NoticeRules
from tillroll.campaign.states import ChangeKind, LimitKind, NoticeKind
from tillroll.ledger.engine import open_engine, reading, upsert, writing
from tillroll.ledger.limits.kept import list_limits
from tillroll.ledger.queries.changes import list_changes
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import audit, notices, orders
from tillroll.loop.limits.leaks import follow_leaks
from tillroll.loop.notices.whom import ShopPeople
from tillroll.plan.record.revisions import record_book
from tillroll.track.results.redeem import mark_redemptions
from tillroll.track.results.sums import keep_sums

__all__ = ["shop"]

Shop = tuple[int, int, list[tuple[int, str, int]]]


def set_limit(engine: Engine, store_id: int, share: str) -> None:
    rails = f"largest_percent: 30\npause_leaks_from: {share}\n"
    record_book(engine, store_id=store_id, book=book_of(rails, winback=campaign_text("winback")), now=NOW)


def people_of(engine: Engine, store_id: int, home: Path) -> ShopPeople:
    with reading(engine) as connection:
        store = load_store(connection, store_id)
    rules = NoticeRules(leaks=(ANA.email,))
    return ShopPeople(services=services_for(engine, home), store=store, rules=rules)


def shared(engine: Engine, sold: Shop, first: int, last: int) -> None:
    """Have strangers use the codes of these recipients."""
    store_id, _, given = sold
    rows = [order(store_id, n, passed_on(person(1), n), given[n][1]) for n in range(first, last)]
    with writing(engine) as connection:
        upsert(connection, orders, rows)
    mark_redemptions(engine, store_id=store_id, seen_since=NOW)


def test_codes_that_leak_too_much_are_paused_once_and_only_if_asked(
    ledger: Engine, shop: Shop, tmp_path: Path
) -> None:
    store_id = shop[0]
    people = people_of(ledger, store_id, tmp_path)
    keep_sums(ledger, people.store)
    shared(ledger, shop, 0, 12)
    assert not follow_leaks(people, lambda: False)
    set_limit(ledger, store_id, "50%")
    shared(ledger, shop, 12, 13)
    assert follow_leaks(people, lambda: False)
    shared(ledger, shop, 13, 14)
    assert not follow_leaks(people, lambda: False)
    with reading(ledger) as connection:
        (pause,) = list_changes(connection, store_id)
        (limit,) = list_limits(connection, store_id, kind=LimitKind.LEAKS)
        said = connection.execute(sa.select(audit).where(audit.c.action == "codes.paused")).one()
        told = list(
            connection.scalars(sa.select(notices.c.subject).where(notices.c.kind == NoticeKind.LEAKS))
        )
    assert (pause.kind, pause.person, pause.campaign) == (ChangeKind.PAUSE, "loop", "winback")
    assert (said.actor, json.loads(said.body)["bar"], limit.is_reached) == ("loop", "0.50", True)
    assert told == ["Sample Shop: the codes of winback are paused, because too many leak"]


def test_the_page_and_the_command_show_leaks_masked(sqlite_url: str, tmp_path: Path) -> None:
    engine = open_engine(sqlite_url)
    sold = shop.__wrapped__(engine)  # type: ignore[attr-defined]
    shared(engine, sold, 0, 30)
    follow_leaks(people_of(engine, sold[0], tmp_path), lambda: False)
    app = app_for(engine, tmp_path)
    visitor = app.test_client()
    sign_in(visitor, ANA.email)
    page = visitor.get(f"{SHOP}/leaks")
    assert page.status_code == 200
    assert "Used by somebody else than the recipient" in page.text
    assert "before=" in page.text
    assert "friend3@" not in page.text
    assert "No leaks." in visitor.get(f"{SHOP}/leaks?campaign=other").text
    engine.dispose()
    answer = tillroll(tmp_path, "leaks", "winback", "--json", DATABASE_URL=sqlite_url)
    lines = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [(one["kind"], one["cost"]) for one in lines[-1:]] == [("other_buyer", "5.01")]
    assert len([one for one in lines if one["kind"] == "other_buyer"]) == 30
    assert "friend3@" not in answer.stdout
    assert "30" not in tillroll(tmp_path, "leaks", "other", DATABASE_URL=sqlite_url).stdout
    assert tillroll(tmp_path, "leaks", "--csv", DATABASE_URL=sqlite_url).stdout.count("\n") > 30
