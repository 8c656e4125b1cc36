"""A link that counts clicks sends its reader on at once, and counts people, not programs."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.web.site import plan_run, put_under_way
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import clicks, messages, stores
from tillroll.rendering.bulk.click import ClickReader, ClickTarget
from tillroll.track.mail.clicks import count_who_clicked
from tillroll.web.support.request_context import _EXTENSION
from tillroll.wiring import Services

SHOP = "https://shop.example"


@pytest.fixture
def run_id(ledger: Engine, store_id: int) -> int:
    made = plan_run(ledger, store_id)
    put_under_way(ledger, made, RunState.TRACKING, live=4, message_states=[("sent", "")] * 2)
    with writing(ledger) as connection:
        connection.execute(sa.update(stores).values(url=SHOP))
    return made


def path(app: Flask, run_id: int, page: str = "/tea", *, message: int = 0, ecwid_id: int = 1003) -> str:
    services: Services = app.extensions[_EXTENSION]
    links = services.links.clicks
    with reading(services.engine) as connection:
        ids = list(connection.scalars(sa.select(messages.c.id).where(messages.c.run_id == run_id)))
    target = links.link(ClickTarget(ecwid_id=ecwid_id, campaign="winback", address=f"{SHOP}{page}"))
    assert target is not None
    token = target.split("/go/")[1].partition("/")[0]
    return f"/go/{token}/{links.reader(ClickReader(run_id=run_id, message_id=ids[message]))}"


def counted(engine: Engine, run_id: int) -> int:
    with reading(engine) as connection:
        return count_who_clicked(connection, [run_id]).get(run_id, 0)


def click(client: FlaskClient, at: str, method: str = "GET", **headers: str) -> str:
    with client.open(at, method=method, headers=headers, buffered=True) as answer:
        assert answer.status_code == 302
        assert "Set-Cookie" not in answer.headers
        return answer.headers["Location"]


def test_a_click_leads_on_and_counts_once_for_each_person(
    app: Flask, stranger: FlaskClient, ledger: Engine, run_id: int, clock: FakeClock
) -> None:
    for _ in range(3):
        assert click(stranger, path(app, run_id)).startswith(f"{SHOP}/tea?utm_source=tillroll")
        clock.pass_by(60)
    assert counted(ledger, run_id) == 1
    click(stranger, path(app, run_id, message=1))
    assert counted(ledger, run_id) == 2
    clock.pass_by(60)
    click(stranger, path(app, run_id, "/cups", message=1))
    assert counted(ledger, run_id) == 2, "people, not links"
    with reading(ledger) as connection:
        columns = set(connection.execute(sa.select(clicks)).keys())
    assert columns == {"id", "store_id", "run_id", "message_id", "link", "at", "by_program"}


def test_programs_that_look_at_links_are_no_readers(
    app: Flask, stranger: FlaskClient, ledger: Engine, run_id: int, clock: FakeClock
) -> None:
    click(stranger, path(app, run_id), "HEAD")
    click(stranger, path(app, run_id), **{"Sec-Purpose": "prefetch;prerender"})
    assert counted(ledger, run_id) == 0
    for page in ("/tea", "/cups", "/pots"):
        click(stranger, path(app, run_id, page))
        clock.pass_by(0.2)
    assert counted(ledger, run_id) == 0
    clock.pass_by(3_600)
    click(stranger, path(app, run_id, "/cups"))
    assert counted(ledger, run_id) == 1, "a reader came later"


def test_a_link_that_was_not_made_here_leads_nowhere(
    app: Flask, stranger: FlaskClient, ledger: Engine, run_id: int
) -> None:
    good = path(app, run_id)
    for bad in (good.replace("/go/", "/go/A"), f"/go/{SHOP[8:]}/x", "/go/x/y"):
        answer = stranger.get(bad)
        assert answer.status_code == 404
        assert "Location" not in answer.headers
    assert stranger.get(path(app, run_id, ecwid_id=999)).status_code == 404
    with stranger.get(f"{good.rpartition('/')[0]}/somebody", buffered=True) as answer:
        assert answer.status_code == 302, "a forwarded link that lost its end still leads to the shop"
    assert counted(ledger, run_id) == 0


def test_after_the_shop_has_moved_its_links_lead_to_its_new_first_page(
    app: Flask, stranger: FlaskClient, ledger: Engine, run_id: int
) -> None:
    with writing(ledger) as connection:
        connection.execute(sa.update(stores).values(url="https://new.example"))
    assert click(stranger, path(app, run_id)).startswith("https://new.example?utm_source=tillroll")


def test_a_reader_is_sent_on_although_nothing_can_be_counted(
    app: Flask, stranger: FlaskClient, ledger: Engine, run_id: int
) -> None:
    at = path(app, run_id)
    rename = "alter table {} rename to {}"
    with writing(ledger) as connection:
        connection.execute(sa.text(rename.format("clicks", "clicks_gone")))
    try:
        assert click(stranger, at).startswith(f"{SHOP}/tea")
    finally:  # the database is used again by other tests
        with writing(ledger) as connection:
            connection.execute(sa.text(rename.format("clicks_gone", "clicks")))
