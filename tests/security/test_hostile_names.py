"""Customers with hostile names, from the store to every place where a name goes: nothing injected, lost or stopped.

The names go through mirror, plan, pages, mail (by SMTP and to the outbox), CSV, terminal and log. Some customers have an address
that is meant harm with: they can't be e-mailed, and people are told. A name may only ever arrive as clean text.
"""

from __future__ import annotations

import csv
import io
import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.header import decode_header
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.accounts import LEAST_COST, add_account
from tests.cli.command import tillroll
from tests.journeys.path import agree, finish, outbox, start
from tests.journeys.steps import plan_of
from tests.security.hostile import texts
from tests.security.test_clean import harmless
from tests.security.test_terminal import LOGGING, on_a_terminal
from tests.shop import PUBLIC_URL, ROOT, SHOP, sample_files
from tests.store import QUICK, running
from tests.web.site import PASSWORD, sign_in
from tillroll.campaign import Book, parse_book
from tillroll.campaign.language.models import Via
from tillroll.campaign.text.clean import Uncleanable, clean_address, clean_line
from tillroll.cli.support.output import facts_table
from tillroll.ledger.engine import reading
from tillroll.ledger.mirror.unread import list_unread
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import codes, customers
from tillroll.loop.advance import StoreWorker
from tillroll.loop.worker import register_store
from tillroll.rendering.look import BULK_HEADERS
from tillroll.sandbox.serve import Sandbox
from tillroll.settings import Settings, StoreAccess
from tillroll.web.app import create_app
from tillroll.wiring import Services, build

SENT_BY_US = {
    "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
    *BULK_HEADERS,
}  # fmt: skip
EVERY_TENTH = 10  # customer has a hostile address too
CAMPAIGN = """title: Names
owner: ana@shop.example
status: active
when: {manual: true}
who: {segment: everybody}
offer: {kind: percent, value: 10, uses: single, valid: {for: 14d}}
codes: {prefix: NAME}
message: {template: names, subject: "For {{ customer.name }}"}
approval: {by: 1}
"""
HTML = '<p title="{{ customer.name }}">{{ customer.name }}</p><p>{{ code.text }} {{ unsubscribe_link }}</p>'


def drawn(count: int) -> list[str]:
    """Return so many names, the same at every call."""
    names: list[str] = []

    @seed(12)
    @settings(
        max_examples=count // 20 + 1,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(texts, min_size=20, max_size=20))
    def collect(raws: list[str]) -> None:
        names.extend(raw for raw in raws if raw)

    while len(names) < count:
        collect()
    return names[:count]


def book() -> Book:
    """Return the campaign files: one e-mail to everybody, with their name in the subject and the body."""
    files = {path: text for path, text in sample_files().items() if not path.startswith("campaigns/")}
    files["rules/guardrails.yaml"] = b"largest_percent: 30\nclean_names: false\n"
    files["rules/segments/everybody.yaml"] = b"title: Everybody\nwhere: {orders: {at_least: 0}}\n"
    files["campaigns/names.yaml"] = CAMPAIGN.encode()
    files["templates/names/message.html.j2"] = HTML.encode()
    read = parse_book(files)
    assert not read.findings, [finding.render() for finding in read.findings]
    return read


def move_in(sandbox: Sandbox, names: Sequence[str]) -> dict[int, str]:
    """Give each customer of the store a hostile name, and some a hostile address; return the addresses that can be mailed."""
    mailed = {}
    with sandbox.store.state.transaction() as state:
        for number, name in enumerate(names, start=1):
            email = name if number % EVERY_TENTH == 0 else f"customer{number}@example.com"
            body = {
                "email": email,
                "billingPerson": {"name": name, "firstName": name[:8], "countryCode": "SI"},
            }
            values = (json.dumps(body), number)
            state.run(
                "update customers set consent = 1, group_id = 0, name = '', body = ? where id = ?", values
            )
            with suppress(Uncleanable):
                mailed[number] = str(clean_address(email))
    return mailed


class Mails:
    """A mail server that keeps what it is given."""

    def __init__(self) -> None:
        self.envelopes: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.envelopes.append(envelope)
        return "250 taken"


class Page(HTMLParser):
    """The elements, titles and text of an e-mail's HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.titles: list[str] = []
        self.paragraphs: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.titles += [value or "" for name, value in attrs if name == "title"]
        if tag == "p":
            self.paragraphs.append("")

    def handle_data(self, data: str) -> None:
        if self.paragraphs:
            self.paragraphs[-1] += data


@dataclass(frozen=True, kw_only=True)
class Shop:
    """An installation and its store, in which everybody has a hostile name."""

    names: Sequence[str]
    mailed: dict[int, str]
    home: Path
    services: Services
    worker: StoreWorker
    server: Mails
    environment: dict[str, str] = field(repr=False)

    def name(self, number: int) -> str:
        """Return what is left of a customer's name: its clean form."""
        return clean_line(self.names[number - 1])


@contextmanager
def shop_of(names: Sequence[str], home: Path, database_url: str, via: Via) -> Iterator[Shop]:
    """Open an installation and a store whose customers have these names."""
    server = Mails()
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(server, hostname="127.0.0.1", port=port, decode_data=False, enable_SMTPUTF8=True)
    controller.start()
    try:
        with running(home / "store", customers=len(names)) as sandbox:
            ready = sandbox.ready
            access = StoreAccess(ecwid_id=ready.store_id, token=ready.token, base_url=ready.base_url)
            with build(
                Settings(
                    home=home,
                    database_url=database_url,
                    folder=ROOT,
                    store=access,
                    requests_per_minute=QUICK,
                    public_url=PUBLIC_URL,
                    mail_via=via,
                    mail_url=f"smtp://127.0.0.1:{port}" if via is Via.SMTP else "",
                    mail_from="Shop <hello@shop.example>",
                )
            ) as services:
                register_store(services)
                mailed = move_in(sandbox, names)
                with reading(services.engine) as connection:
                    store = load_store(connection, 1)
                with services.client(store) as client:
                    worker = StoreWorker(services=services, store_id=1, client=client)
                    yield Shop(
                        names=names,
                        mailed=mailed,
                        home=home,
                        services=services,
                        worker=worker,
                        server=server,
                        environment={
                            "DATABASE_URL": database_url,
                            "TILLROLL_SECRET_KEYS": services.keys[0],
                            "TILLROLL_HOME": str(home),
                            "TILLROLL_URL": PUBLIC_URL,
                            "TILLROLL_FOLDER": str(ROOT),
                        },
                    )
                    worker.close()
    finally:
        controller.stop()


def is_in_the_mirror(shop: Shop) -> None:
    """Every customer is there, with the clean form of their name; the addresses that can't be kept are told."""
    columns = (customers.c.customer_id, customers.c.name, customers.c.email)
    with reading(shop.services.engine) as connection:
        rows = list(connection.execute(sa.select(*columns)))
        told = {row.row_id for row in list_unread(connection, 1, limit=100_000) if row.field == "email"}
    assert {id_: name for id_, name, _ in rows} == {
        number: shop.name(number) for number in range(1, len(shop.names) + 1)
    }
    assert {id_: email for id_, _, email in rows if email} == shop.mailed
    lost = {str(number) for number in range(EVERY_TENTH, len(shop.names) + 1, EVERY_TENTH)} - {
        str(number) for number in shop.mailed
    }
    empty = {number for number in lost if not shop.names[int(number) - 1].strip()}
    assert told == lost - empty


def is_on_the_pages(shop: Shop, run_id: int) -> None:
    """Every page of the run opens, and shows names as text alone."""
    add_account(
        shop.services.engine,
        email="ana@shop.example",
        password=PASSWORD,
        role_names=("approver",),
        now=shop.services.clock.now(),
    )
    client: FlaskClient = create_app(shop.services, testing=True, password_cost=LEAST_COST).test_client()
    sign_in(client)
    for address in ("/", f"/runs/{run_id}", "/runs", f"/runs/{run_id}/preview/1", f"/runs/{run_id}/messages"):
        page = client.get(f"{SHOP}{address}", follow_redirects=True)
        assert page.status_code in {200, 404}, address
        assert all(map(harmless, page.text.replace("\r", "").replace("\t", " ").split("\n"))), address
        assert not {"img", "marquee"} & set(Page(page.text).elements), address
        assert "alert(1)" not in "".join(scripts_in(page.text))


def scripts_in(html: str) -> list[str]:
    """Return the scripts that a browser would run of a page."""
    return [part.partition("</script>")[0] for part in html.split("<script")[1:]]


def is_a_sound_mail(shop: Shop, content: bytes, number: int) -> None:
    """The bytes hold our headers alone, the recipient's name in the subject and the body, and nothing else of it."""
    assert b"\x00" not in content
    assert b"\r" not in content.replace(b"\r\n", b"")
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    head = content.partition(b"\r\n\r\n")[0]
    unfolded = head.decode().replace("\r\n ", " ")
    headers = dict(line.partition(": ")[::2] for line in unfolded.split("\r\n"))
    assert len(headers) == len(unfolded.split("\r\n"))
    assert headers.keys() <= SENT_BY_US
    assert headers["To"].endswith(shop.mailed[number] + ">") or headers["To"] == shop.mailed[number]
    subject = "".join(
        part.decode(charset or "ascii") if isinstance(part, bytes) else part
        for part, charset in decode_header(headers["Subject"])
    )
    assert subject.split() == clean_line(f"For {shop.name(number)}").split()
    page = Page(html_of(content))
    assert page.elements.count("p") == 2
    assert not {"script", "img", "a"} & set(page.elements)
    assert page.titles == [shop.name(number)]
    assert page.paragraphs[0].split() == shop.name(number).split()


def html_of(content: bytes) -> str:
    """Return the HTML part of an e-mail whose headers are known to be ours."""
    part = message_from_bytes(content).get_payload()[-1]
    return part.get_payload(decode=True).decode()


def all_are_mailed(shop: Shop, via: Via) -> None:
    """Each customer who can be mailed got one e-mail, to their address alone."""
    numbers = {email: number for number, email in shop.mailed.items()}
    if via is Via.SMTP:
        sent = [(envelope.rcpt_tos, envelope.content) for envelope in shop.server.envelopes]
    else:
        folder = shop.services.settings.outbox
        sent = [([line["to"]], (folder / line["file"]).read_bytes()) for line in outbox(shop.services)]
    sent = [(to, content) for to, content in sent if to != ["hello@shop.example"] and to[0] in numbers]
    assert sorted(to[0] for to, _ in sent) == sorted(shop.mailed.values())
    for to, content in sent:
        assert len(to) == 1
        is_a_sound_mail(shop, content, numbers[to[0]])


def is_in_the_csv(shop: Shop, run_id: int) -> None:
    """The export has a row for each code, and no cell that a spreadsheet would compute."""
    said = tillroll(shop.home, "codes", "export", str(run_id), "--as", "ana@shop.example", **shop.environment)
    assert said.returncode == 0, said.stderr
    rows = list(csv.reader(io.StringIO(said.stdout, newline="")))
    with reading(shop.services.engine) as connection:
        assert len(rows) == 1 + int(connection.scalar(sa.select(sa.func.count()).select_from(codes)) or 0)
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def is_on_the_terminal_and_in_the_log(shop: Shop) -> None:
    """Names as they came, before any cleaning, only show."""
    for name in shop.names:
        assert "\x1b[31m" not in on_a_terminal(name)
        assert not any(
            code in on_a_terminal(facts_table({"name": name})) for code in ("\x07", "\x9b", "\x00")
        )
    said = tillroll(shop.home, "status", **shop.environment)
    assert all(map(harmless, said.stdout.split("\n")))
    log = subprocess.run(
        [sys.executable, "-c", LOGGING],
        input=json.dumps(shop.names),
        capture_output=True,
        text=True,
        check=True,
    )
    lines = log.stderr.split("\n")[:-1]
    assert len(lines) == 2 * len(shop.names)
    assert all(map(harmless, lines))


def everything_holds(shop: Shop, via: Via) -> None:
    """Take the names through all of it."""
    run_id = start(shop.worker, "names", book())
    is_in_the_mirror(shop)
    with reading(shop.services.engine) as connection:
        excluded = plan_of(shop.services.engine, run_id).proposal.audience.excluded
        assert load_store(connection, 1).state == "connected"
    assert dict(excluded).get("no e-mail address", 0) == len(shop.names) - len(shop.mailed)
    is_on_the_pages(shop, run_id)
    agree(shop.services, run_id)
    progress = finish(shop.worker, run_id)
    assert progress.messages_sent == progress.codes_live == len(shop.mailed)
    all_are_mailed(shop, via)
    is_in_the_csv(shop, run_id)
    is_on_the_terminal_and_in_the_log(shop)


@pytest.mark.parametrize("via", [Via.SMTP, Via.OUTBOX])
def test_two_hundred_hostile_names(tmp_path: Path, database_url: str, via: Via) -> None:
    with shop_of(drawn(200), tmp_path, database_url, via) as shop:
        everything_holds(shop, via)


@pytest.mark.slow
def test_ten_thousand_hostile_names(tmp_path: Path, database_url: str) -> None:
    via = Via.SMTP if database_url.startswith("sqlite") else Via.OUTBOX
    with shop_of(drawn(10_000), tmp_path, database_url, via) as shop:
        everything_holds(shop, via)
