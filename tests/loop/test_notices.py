"""People of the shop are told what happens: once each, never lost by a kill, and by a second way while no e-mail leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.loop.test_outage import account
from tests.plan.test_sent_by import planned as plan_them
from tests.plan.test_sent_by import shop as codes_for_klaviyo
from tests.send.room import agreed, lines_of, minted, nowhere, planned
from tests.send.test_trouble import Moody, served
from tests.shop import ANA, EVE, PUBLIC_URL, run_row
from tests.signed import assert_signed
from tests.web.site import put_under_way
from tillroll.approve.halt import halt
from tillroll.campaign import parse_book
from tillroll.campaign.brand.brand import Brand
from tillroll.campaign.language.notices import NoticeRules, ReportRules
from tillroll.campaign.states import MessageState, NoticeKind, RunState
from tillroll.errors import Misconfigured
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.faults.rows import list_faults
from tillroll.ledger.people.notices import claim_notices, count_waiting, mark_leaving
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.sealing import Sealer
from tillroll.ledger.tables import approvals, notices, plans, runs, stores
from tillroll.loop.notices.turn import tell_people
from tillroll.loop.notices.whom import ShopPeople
from tillroll.loop.stages.boundary import StageCalls
from tillroll.loop.stages.sending import send_context
from tillroll.loop.stages.store_worker import StoreWorker
from tillroll.send.hold import list_holds, resume
from tillroll.send.slices.deliver import send_slice
from tillroll.send.transport import Transport
from tillroll.send.transports.outbox import Outbox
from tillroll.send.transports.smtp import Smtp
from tillroll.send.transports.smtp_server import SmtpServer
from tillroll.settings import Settings, from_mapping
from tillroll.wiring import Services

SECRET = "a secret of the tests"
AWAY = Smtp(SmtpServer.from_url("smtp://127.0.0.1:9"))


class Desk:
    """An installation whose worker only tells people, and a clock that a test moves."""

    def __init__(self, ledger: Engine, folder: Path, **settings: Any) -> None:
        self.clock, self.folder = FakeClock(), folder / "outbox"
        made = Settings(home=folder, public_url=PUBLIC_URL, mail_from="Shop <hello@shop.example>", **settings)
        key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
        self.services = Services(
            settings=made,
            engine=ledger,
            clock=self.clock,
            sealer=Sealer((key,)),
            keys=(key,),
            transport=Outbox(self.folder, self.clock),
        )
        self.rules, self.reports, self.brand = NoticeRules(), ReportRules(), Brand()
        account(self.services, ANA.email, "approver")

    def tell(self, transport: Transport | None = None, **hours: float) -> None:
        """Let time pass, and take the turn of the notices."""
        self.clock.pass_by(timedelta(**hours).total_seconds())
        services = replace(self.services, transport=transport or self.services.transport)
        with reading(services.engine) as connection:
            store = load_store(connection, 1)
        worker = StoreWorker(services=services, store_id=1, client=nowhere(self.clock))
        people = ShopPeople(
            services=services, store=store, rules=self.rules, reports=self.reports, brand=self.brand
        )
        tell_people(people, StageCalls(worker), counting=frozenset())
        with reading(services.engine) as connection:
            assert list_faults(connection, 1, now=self.clock.now()) == []

    @property
    def told(self) -> list[tuple[str, str]]:
        """To whom e-mails left, and what they are about."""
        return [
            (line["to"], line["subject"].partition(": ")[2])
            for line in lines_of(self.folder)
            if not line["run"]
        ]

    def text(self, index: int = -1) -> str:
        notices_sent = [line for line in lines_of(self.folder) if not line["run"]]
        return (self.folder / notices_sent[index]["file"]).read_text("utf-8")

    def rows(self) -> list[tuple[str, str, str]]:
        with reading(self.services.engine) as connection:
            query = sa.select(notices.c.kind, notices.c.address, notices.c.state).order_by(notices.c.id)
            return [tuple(row) for row in connection.execute(query)]


@pytest.fixture
def desk(ledger: Engine, tmp_path: Path) -> Desk:
    return Desk(ledger, tmp_path)


class Hook:
    """The shop's own system, which takes what is posted to NOTICE_URL."""

    def __init__(self) -> None:
        self.status, self.posted = 200, []

    @property
    def kinds(self) -> list[str]:
        return [post["kind"] for post in self.posted]


@contextmanager
def hook_server() -> Iterator[tuple[str, Hook]]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert_signed(self.headers["X-Tillroll-Signature"], body, SECRET)
            hook.posted.append(json.loads(body))
            self.send_response(hook.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/tillroll", hook
    finally:
        server.shutdown()
        server.server_close()


def test_a_run_that_awaits_approval_is_told_once_with_its_receipt_and_a_link(
    desk: Desk, ledger: Engine
) -> None:
    _, run_id = planned(ledger)
    for _ in range(3):
        desk.tell(minutes=1)
    assert desk.told == [(ANA.email, "“Hello” awaits approval")]
    text = desk.text()
    for part in (
        "10%",
        "8 recipients",
        "8 codes",
        "at worst",
        "1 approval needed",
        f"/runs/{run_id}",
        "<a href=3D",
    ):
        assert part in text, part


def test_an_approval_that_became_void_is_told_again(desk: Desk, ledger: Engine) -> None:
    _, run_id = planned(ledger)
    desk.tell()
    with writing(ledger) as connection:
        old = connection.execute(sa.select(plans).where(plans.c.run_id == run_id)).one()
        decided = {"run_id": run_id, "plan_id": old.id, "digest": old.digest, "at": desk.clock.now()}
        connection.execute(sa.insert(approvals).values(**decided, decision="approve", person="eve", note=""))
    desk.tell()
    assert len(desk.told) == 1, "the second of two approvers was told already"
    with writing(ledger) as connection:
        again = {name: value for name, value in old._mapping.items() if name != "id"}
        plan_id = connection.execute(sa.insert(plans).values(again).returning(plans.c.id)).scalar_one()
        connection.execute(sa.update(runs).values(plan_id=plan_id))
    desk.tell()
    desk.tell()
    assert [about for _, about in desk.told] == ["“Hello” awaits approval"] * 2


def test_a_plan_that_expires_soon_is_told_once(desk: Desk, ledger: Engine) -> None:
    _, run_id = planned(ledger)
    desk.tell(hours=41)
    assert [about for _, about in desk.told] == ["“Hello” awaits approval"]
    desk.tell(hours=2)
    desk.tell(hours=1)
    assert [about for _, about in desk.told][1:] == ["“Hello” expires soon"]
    desk.tell(hours=48)
    assert len(desk.told) == 2, "it is over"
    assert run_row(ledger, run_id).state is RunState.WAITING


def test_the_notice_of_a_run_without_e_mails_says_who_sends_its_codes(desk: Desk, ledger: Engine) -> None:
    store_id = codes_for_klaviyo(ledger, "for: 5d")
    run_id, _ = plan_them(ledger, store_id)
    put_under_way(ledger, run_id, RunState.TRACKING, live=4)
    desk.tell()
    assert desk.told == [(ANA.email, "the codes of “Welcome” were made")]
    text = desk.text().replace("=\n", "")
    assert "Tillroll sends no e-mail: Klaviyo is told of them" in " ".join(text.split())


def test_that_a_run_was_done_and_one_is_halted_is_told_once(desk: Desk, ledger: Engine) -> None:
    _, run_id = planned(ledger)
    agreed(ledger, run_id, desk.clock.now())
    minted(ledger, run_id, desk.clock)
    send_slice(
        send_context(desk.services, 1003), run_id=run_id, until=desk.clock.now() + timedelta(minutes=1)
    )
    desk.tell()
    desk.tell()
    assert desk.told == [(ANA.email, "“Hello” was sent")]
    assert "8 codes and sent 8 e-mails" in desk.text()
    halt(ledger, run_id=run_id, person=ANA, note="a typo", now=desk.clock.now())
    desk.tell()
    desk.tell()
    assert desk.told[1:] == [(ANA.email, "“Hello” is halted")]


def test_what_happened_long_ago_is_not_told(desk: Desk, ledger: Engine) -> None:
    _, run_id = planned(ledger)
    agreed(ledger, run_id, desk.clock.now())
    minted(ledger, run_id, desk.clock)
    send_slice(
        send_context(desk.services, 1003), run_id=run_id, until=desk.clock.now() + timedelta(minutes=1)
    )
    desk.tell(hours=72)
    assert desk.told == []


def test_the_rules_say_who_is_told_of_what(desk: Desk, ledger: Engine) -> None:
    planned(ledger)
    desk.rules = NoticeRules(approval=("owner", "eve@shop.example", "EVE@shop.example", "store"), expiring=())
    desk.tell()
    desk.tell(hours=44)
    addresses = sorted(address for address, _ in desk.told)
    assert addresses[:2] == ["ana@shop.example", EVE.email]
    assert {about for _, about in desk.told} == {"“Hello” awaits approval"}


@pytest.mark.parametrize("who", ["nobody", "ana @shop.example", "@shop.example"])
def test_a_word_that_means_nobody_is_reported(who: str) -> None:
    book = parse_book({"rules/notices.yaml": f"done: ['{who}']\n".encode()})
    (finding,) = [each for each in book.findings if each.file == "rules/notices.yaml"]
    assert "is nobody" in finding.problem
    assert finding.line == 1


@pytest.mark.parametrize("has_left", [False, True])
def test_a_notice_that_a_killed_process_had_claimed_is_neither_lost_nor_sent_twice(
    desk: Desk, ledger: Engine, has_left: bool
) -> None:
    planned(ledger)
    desk.tell(AWAY)
    with writing(ledger) as connection:
        ids = list(connection.scalars(sa.select(notices.c.id)))
        assert claim_notices(connection, ids, key="k", now=desk.clock.now())
        if has_left:
            assert mark_leaving(connection, ids, claimed_at=desk.clock.now(), now=desk.clock.now())
    resume(ledger, {"smtp"}, person="ana", now=desk.clock.now())
    with served(Moody()) as smtp:
        desk.tell(smtp)
        desk.tell(smtp)
    state = MessageState.UNKNOWN if has_left else MessageState.SENT
    assert desk.rows() == [(NoticeKind.APPROVAL, ANA.email, state)]


def test_while_no_e_mail_leaves_the_hook_says_it_at_once_and_the_e_mails_follow(
    ledger: Engine, tmp_path: Path
) -> None:
    moody = Moody(sender="535 5.7.8 bad credentials")
    with hook_server() as (url, hook), served(moody) as smtp:
        desk = Desk(ledger, tmp_path, notice_url=url, notice_secret=SECRET)
        planned(ledger)
        for _ in range(30):
            desk.tell(smtp, minutes=2)
        with reading(ledger) as connection:
            assert [held.transport for held in list_holds(connection)] == [smtp.name]
            assert count_waiting(connection, 1) == 3, "ana gets both, the store one"
        assert moody.taken.total() == 0
        assert hook.kinds == ["approval", "mail_held"], "each once"
        assert "No e-mail leaves" in hook.posted[1]["text"]
        moody.sender = None
        for _ in range(10):
            desk.tell(smtp, minutes=2)
        assert moody.taken == {ANA.email: 2, "hello@shop.example": 1}
        assert hook.kinds == ["approval", "mail_held"]
    with reading(ledger) as connection:
        assert list_holds(connection) == []


def test_a_notice_about_a_decision_that_was_made_meanwhile_does_not_leave(desk: Desk, ledger: Engine) -> None:
    _, run_id = planned(ledger)
    desk.tell(AWAY)
    agreed(ledger, run_id, desk.clock.now())
    resume(ledger, {"smtp"}, person="ana", now=desk.clock.now())
    desk.tell(hours=1)
    assert desk.told == []
    assert desk.rows() == [(NoticeKind.APPROVAL, ANA.email, MessageState.HELD)]


def test_a_post_that_is_refused_is_repeated_with_the_same_key(ledger: Engine, tmp_path: Path) -> None:
    with hook_server() as (url, hook):
        desk = Desk(ledger, tmp_path, notice_url=url, notice_secret=SECRET)
        planned(ledger)
        hook.status = 503
        desk.tell()
        desk.tell()
        assert len(hook.posted) == 1, "it waits"
        hook.status = 200
        desk.tell(minutes=10)
        desk.tell(minutes=10)
    assert len(hook.posted) == 2
    assert len({post["key"] for post in hook.posted}) == 1
    assert desk.told == [(ANA.email, "“Hello” awaits approval")], "the e-mail didn't wait for it"


def test_several_notices_of_a_kind_leave_as_one_e_mail(desk: Desk, ledger: Engine) -> None:
    planned(ledger)
    with writing(ledger) as connection:
        row = connection.execute(sa.select(runs)).one()
        for number in range(3):
            again = {**row._mapping, "slot_key": f"again {number}"}
            del again["id"]
            connection.execute(sa.insert(runs).values(again))
    desk.tell()
    assert desk.told == [(ANA.email, "“Hello” awaits approval, and 3 more")]
    desk.tell()
    assert len(desk.told) == 1


def test_a_run_that_can_not_be_told_of_costs_the_others_nothing(desk: Desk, ledger: Engine) -> None:
    planned(ledger)
    with writing(ledger) as connection:
        row = connection.execute(sa.select(runs)).one()
        plan = connection.execute(sa.select(plans)).one()
        broken = {**plan._mapping, "body": {"unreadable": 1}}
        del broken["id"]
        plan_id = connection.execute(sa.insert(plans).values(broken).returning(plans.c.id)).scalar_one()
        again = {**row._mapping, "slot_key": "broken", "plan_id": plan_id}
        del again["id"]
        connection.execute(sa.insert(runs).values(again))
        connection.execute(sa.update(runs).where(runs.c.id == row.id).values(slot_key="whole"))
    desk.tell()
    assert desk.told == [(ANA.email, "“Hello” awaits approval")]


def test_a_notice_waits_while_no_sender_is_known(desk: Desk, ledger: Engine) -> None:
    planned(ledger)
    with writing(ledger) as connection:
        connection.execute(sa.update(stores).values(email=""))
    known = desk.services
    desk.services = replace(known, settings=replace(known.settings, mail_from=""))
    desk.tell()
    assert desk.rows() == [(NoticeKind.APPROVAL, ANA.email, MessageState.READY)]
    desk.services = known
    desk.tell(minutes=11)
    assert desk.told == [(ANA.email, "“Hello” awaits approval")]


@pytest.mark.parametrize(
    ("names", "fault"),
    [
        ({"NOTICE_URL": "https://shop.example/told"}, "NOTICE_SECRET is missing"),
        ({"NOTICE_URL": "https://shop.example/told", "NOTICE_SECRET": "short"}, "NOTICE_SECRET is missing"),
        ({"NOTICE_URL": "shop.example", "NOTICE_SECRET": SECRET}, "it must begin with https://"),
    ],
)
def test_an_address_for_notices_needs_a_secret(names: dict[str, str], fault: str) -> None:
    with pytest.raises(Misconfigured, match=fault):
        from_mapping(names)


def test_notices_by_hook_are_off_unless_asked_for() -> None:
    assert from_mapping({}).notice_url == ""
    given = from_mapping({"NOTICE_URL": "https://shop.example/told", "NOTICE_SECRET": SECRET})
    assert (given.notice_url, given.notice_secret) == ("https://shop.example/told", SECRET)
