"""Every address with every method for every kind of visitor: who gets in, who may act, and what each answer carries."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine
from werkzeug.routing import Rule

from tests.accounts import add_account
from tests.journeys.steps import book_of
from tests.shop import ANA, EVE, NOW, SHOP, add_customers, add_store, lapsed, sample_book
from tests.web.site import PASSWORD, app_for, open_shop, plan_run, put_under_way, sign_in, token_on
from tillroll.approve.decide import Person
from tillroll.approve.halt import halt
from tillroll.campaign.states import RunState
from tillroll.errors import NotAllowed, Refused
from tillroll.ledger.engine import open_engine, writing
from tillroll.ledger.queries.stores import all_stores
from tillroll.ledger.tables import approvals, audit, changes, runs
from tillroll.plan.record.revisions import record_book
from tillroll.settings import Settings
from tillroll.web.accounts.store_roles import set_store_roles
from tillroll.web.accounts.users import person_of

OTHER = "/stores/1004"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
OPEN = {"/login", "/healthz", "/static/tillroll.css"}
SIGNED = {"/webhooks/ecwid", "/events/1003/quiz", "/hooks/mail/postmark/abc"}
"""Addresses whose senders sign what they send; a person's session means nothing there."""

TOKEN = "x" * 40
READERS = {
    f"/unsubscribe/{TOKEN}", f"/go/{TOKEN}/{TOKEN}",
    "/signup/1", "/signup/1/thanks", "/signup/1/form.js", f"/signup/1/confirm/{TOKEN}",
}  # fmt: skip
"""Where links in e-mails lead, which say who may, and forms for anybody. These are none of ours."""

OWN = ("/account/", "/verify", "/tf-", "/mf-", "/wan-")
"""How addresses begin that are about one's own password, sessions and second factors."""

VIEWERS_MAY_POST = {
    "/login", "/logout", "/store/choose", f"{SHOP}/runs/1/preview", f"{SHOP}/codes", f"{SHOP}/customers",
}  # fmt: skip
ADMINS_ONLY = {"/oauth/install", "/oauth/callback", "/oauth/connect"}
VISITORS = ("stranger", "viewer", "approver", "admin", "elsewhere")


@dataclass(frozen=True)
class Site:
    """The app with a visitor of each kind."""

    app: Flask
    engine: Engine
    visitors: dict[str, FlaskClient]
    tokens: dict[str, str]


@pytest.fixture(scope="module")
def site(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two stores with a run each that waits; `elsewhere` is an approver of the second store only.

    One site for all tests, since none of them may change anything in the first store.
    """
    tmp_path = tmp_path_factory.mktemp("site")
    shutil.copyfile(sqlite_template, tmp_path / "ledger.sqlite3")
    engine = open_engine(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    plan_run(engine, open_shop(engine, customers=60))
    second = add_store(engine, ecwid_id=1004, name="Other Shop")
    add_customers(engine, second, *(lapsed(number) for number in range(1, 20)))
    record_book(engine, store_id=second, book=sample_book(), now=NOW)
    plan_run(engine, second)
    app = app_for(engine, tmp_path, settings=Settings(home=tmp_path, public_url="https://tillroll.example"))
    people = {
        "viewer": EVE.email,
        "approver": ANA.email,
        "admin": "ad@shop.example",
        "elsewhere": "el@shop.example",
    }
    for role, email in people.items():
        if role != "approver":  # the app has her
            names = (role,) if role != "elsewhere" else ()
            add_account(engine, email=email, password=PASSWORD, role_names=names, now=NOW)
    set_store_roles(engine, email=people["elsewhere"], role_names=("approver",), ecwid_id=1004, now=NOW)
    visitors, tokens = {"stranger": app.test_client()}, {"stranger": ""}
    tokens["stranger"] = token_on(visitors["stranger"].get("/login"))
    for role, email in people.items():
        visitors[role] = app.test_client()
        sign_in(visitors[role], email)
        home = OTHER if role == "elsewhere" else SHOP
        tokens[role] = token_on(visitors[role].get(f"{home}/runs"))
    yield Site(app=app, engine=engine, visitors=visitors, tokens=tokens)
    engine.dispose()


def address_of(rule: Rule) -> str:
    """Return an address that the rule matches, about the first store and its run."""
    address = rule.rule.replace("/stores/<int:store_number>", SHOP).replace("<int:run_id>", "1")
    address = address.replace("<path:filename>", "tillroll.css").replace("<path:rest>", "messages")
    address = address.replace("<int:ecwid_id>/<name>", "1003/quiz").replace("<int:number>", "1")
    address = address.replace("/drift/<what>", "/drift/fix").replace("codes/<kind>", "codes/pause")
    address = address.replace("mail/<service>/<token>", "mail/postmark/abc")
    address = re.sub(r"<token:\w+>", TOKEN, address)
    address = address.replace("campaigns/<name>/<what>", "campaigns/winback/halt")
    return re.sub(r"<int:\w+>", "1", address.replace("<name>", "winback"))


def addresses(app: Flask) -> dict[str, set[str]]:
    """Return every address with the methods it takes."""
    taken: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        taken.setdefault(address_of(rule), set()).update(rule.methods or ())
    return taken


def done_by_people(engine: Engine) -> list[tuple[str, str]]:
    """Return what people did in the first store, apart from signing in."""
    with engine.connect() as connection:
        query = sa.select(audit.c.actor, audit.c.action).where(audit.c.way == "page")
        query = query.where(audit.c.action.not_like("person.%"), audit.c.subject != "run 2")
        return [(row.actor, row.action) for row in connection.execute(query.order_by(audit.c.id))]


@pytest.mark.parametrize("visitor", VISITORS)
def test_no_method_of_any_address_acts_without_a_forms_token(site: Site, visitor: str) -> None:
    client, wrong = site.visitors[visitor], []
    for address, taken in addresses(site.app).items():
        for method in METHODS:
            if address == "/logout" and method == "POST":
                continue  # tested below: it ends the session
            with client.open(address, method=method) as answer:
                status, headers = answer.status_code, answer.headers
            if method not in taken and status not in {302, 404, 405}:
                wrong.append((method, address, status))
            if method in {"POST", "PUT", "PATCH", "DELETE"} and status == 200:
                wrong.append((method, address, status))
            if status >= 500 and address not in SIGNED:
                wrong.append((method, address, status))
            carries = (
                "Content-Security-Policy",
                "X-Content-Type-Options",
                "Referrer-Policy",
                "Permissions-Policy",
            )
            if not all(name in headers for name in carries):
                wrong.append((method, address, "headers"))
            if not address.startswith("/static") and headers.get("Cache-Control") != "no-store":
                wrong.append((method, address, "cache"))
    assert wrong == []
    assert done_by_people(site.engine) == []


def test_a_stranger_is_shown_nothing_but_the_sign_in(site: Site) -> None:
    client = site.visitors["stranger"]
    for address, taken in addresses(site.app).items():
        if address in READERS:
            assert {client.open(address, method=one).status_code for one in taken & {"GET", "POST"}} == {404}
            continue
        if "GET" in taken and address != "/metrics":
            with client.get(address) as answer:
                shown, location = answer.status_code == 200, answer.location
            assert shown == (address in OPEN), address
            assert shown or location.startswith("/login"), address
        if "POST" in taken and address not in SIGNED | {"/login"}:
            answer = client.post(address, data={"csrf_token": site.tokens["stranger"], "note": "x"})
            assert answer.status_code == 302, address
            assert answer.location.startswith("/login"), address
    assert done_by_people(site.engine) == []


def test_a_viewer_may_look_and_not_act(site: Site) -> None:
    client, fields = site.visitors["viewer"], {"csrf_token": site.tokens["viewer"], "note": "x", "drift": "1"}
    for address, taken in addresses(site.app).items():
        if "GET" in taken and address.startswith(SHOP):
            with client.get(address) as answer:
                assert answer.status_code in {200, 286, 404}, address
        own = address.startswith(OWN)
        if "POST" in taken and address not in SIGNED | VIEWERS_MAY_POST | READERS and not own:
            expected = {403, 404} if "/faults/" in address else {403}
            assert client.post(address, data=fields).status_code in expected, address
    assert done_by_people(site.engine) == []


@pytest.mark.parametrize("visitor", ["viewer", "approver", "elsewhere"])
def test_only_an_admin_connects_stores(site: Site, visitor: str) -> None:
    fields = {"csrf_token": site.tokens[visitor], "store_id": "1", "code": "x"}
    for address in ADMINS_ONLY:
        call = site.visitors[visitor].post if address == "/oauth/connect" else site.visitors[visitor].get
        kind = {"data": fields} if address == "/oauth/connect" else {}
        assert call(address, **kind).status_code == 403, address


def test_a_store_without_a_role_does_not_exist(site: Site) -> None:
    client, fields = (
        site.visitors["elsewhere"],
        {"csrf_token": site.tokens["elsewhere"], "note": "x", "drift": "1"},
    )
    for address, taken in addresses(site.app).items():
        if not address.startswith(SHOP):
            continue
        for method in taken & {"GET", "HEAD", "POST"}:
            answer = client.open(address, method=method, data=fields if method == "POST" else None)
            assert answer.status_code == 404, (method, address)
    page = client.get(f"{OTHER}/")
    assert page.status_code == 200
    assert "The Tea Table" not in page.text
    assert client.get("/").location == f"{OTHER}/"
    assert client.get("/runs").location == f"{OTHER}/runs"
    assert client.get("/runs/1").status_code == 404
    chosen = client.post("/store/choose", data={"csrf_token": site.tokens["elsewhere"], "store": "1003"})
    assert chosen.status_code == 404
    assert done_by_people(site.engine) == []


def test_an_approver_acts_in_a_store_of_theirs(site: Site) -> None:
    client, fields = site.visitors["elsewhere"], {"csrf_token": site.tokens["elsewhere"], "note": "x"}
    assert client.post(f"{OTHER}/runs/2/halt", data=fields).status_code == 303
    with site.engine.connect() as connection:
        assert connection.scalar(sa.select(runs.c.state).where(runs.c.id == 2)) == RunState.HALTED


# --- below the pages: each decision asks for the role in the store


def test_a_role_for_one_store_decides_nothing_in_another(ledger: Engine) -> None:
    first = open_shop(ledger, customers=60)
    second = add_store(ledger, ecwid_id=1004)
    run_id = plan_run(ledger, first)
    ben = Person(email="ben@shop.example", roles=frozenset(), store_roles={second: frozenset({"approver"})})
    with pytest.raises(NotAllowed, match="no approver role for this store"):
        halt(ledger, run_id=run_id, person=ben, note="", now=NOW)
    with ledger.connect() as connection:
        assert connection.scalar(sa.select(runs.c.state)) == RunState.WAITING
        assert connection.scalar(sa.select(sa.func.count()).select_from(approvals)) == 0
        assert connection.scalar(sa.select(sa.func.count()).select_from(changes)) == 0


def test_a_role_from_before_is_for_all_stores_also_later_ones(ledger: Engine) -> None:
    add_account(ledger, email=ANA.email, password=PASSWORD, role_names=("approver",), now=NOW)
    add_store(ledger)
    add_store(ledger, ecwid_id=1004)
    ana = person_of(ledger, ANA.email)
    assert ana is not None
    with ledger.connect() as connection:
        assert all(ana.may_decide(store.id) for store in all_stores(connection))


def test_a_role_for_a_store_is_recorded_and_needs_the_store(ledger: Engine) -> None:
    store_id = add_store(ledger)
    add_account(ledger, email=ANA.email, password=PASSWORD, role_names=(), now=NOW)
    set_store_roles(ledger, email=ANA.email, role_names=("viewer",), ecwid_id=1003, now=NOW)
    set_store_roles(ledger, email=ANA.email, role_names=("viewer",), ecwid_id=1003, now=NOW)
    ana = person_of(ledger, ANA.email)
    assert ana is not None
    assert (ana.may_see(store_id), ana.may_decide(store_id)) == (True, False)
    with pytest.raises(Refused, match="isn't connected"):
        set_store_roles(ledger, email=ANA.email, role_names=("viewer",), ecwid_id=9, now=NOW)


# --- codes


SHARED = """title: Summer
owner: ana@shop.example
status: active
when: {manual: true}
who: {segment: lapsed-90}
offer: {kind: percent, value: 10, uses: once_per_customer, valid: {for: 14d}}
codes: {shared: SUMMER26}
message: {template: winback, subject: "Type summer26 at the checkout"}
"""


def test_a_viewer_sees_no_shared_code_in_clear(tmp_path: Path, sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    book = book_of(hello=SHARED)
    store_id = open_shop(engine, customers=60, book=book)
    run_id = plan_run(engine, store_id, name="hello")
    put_under_way(engine, run_id, RunState.TRACKING, live=1, message_states=[("sent", "")])
    app = app_for(engine, tmp_path)
    add_account(engine, email=EVE.email, password=PASSWORD, role_names=("viewer",), now=NOW)
    with writing(engine) as connection:
        connection.execute(sa.update(runs).values(reason="SUMMER26 was refused"))
    clients = {}
    for email in (ANA.email, EVE.email):
        clients[email] = app.test_client()
        sign_in(clients[email], email)
    run = f"{SHOP}/runs/{run_id}"
    pages = (
        run,
        f"{run}/preview/1",
        f"{run}/messages",
        f"{run}/progress",
        f"{SHOP}/",
        f"{SHOP}/campaigns",
        f"{SHOP}/runs",
    )
    for page in pages:
        shown = clients[EVE.email].get(page)
        assert shown.status_code in {200, 286}, page
        assert "summer26" not in shown.text.lower(), page
    assert "••••••26" in clients[EVE.email].get(run).text
    assert "SUMMER26" in clients[ANA.email].get(run).text
    assert "SUMMER26" in clients[ANA.email].get(f"{run}/preview/1").text
    engine.dispose()


def test_the_answer_of_a_store_never_follows_the_host_header(tmp_path: Path, sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    settings = Settings(home=tmp_path, client_id="app", client_secret="secret")  # without TILLROLL_URL
    app = app_for(engine, tmp_path, settings=settings)
    add_account(engine, email="ad@shop.example", password=PASSWORD, role_names=("admin",), now=NOW)
    client = app.test_client()
    sign_in(client, "ad@shop.example")
    answer = client.get("/oauth/install")  # it went on to the store, with an address made of the Host header
    assert (answer.status_code, "TILLROLL_URL" in answer.text) == (400, True)
    engine.dispose()
