"""E-mails that come back by SMTP: only what came to an address of ours counts, once, and an address that doesn't work is left."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.security.outages import free_port
from tests.send.room import LINKS, context_of, message, ready_to_send
from tests.send.test_smtp import Post
from tests.send.test_trouble import send
from tests.shop import NOW
from tests.track.mail.again import next_readers
from tests.track.mail.reports import FakeImap, complaint, imap_server, report, vacation
from tillroll.campaign.states import MailEventKind
from tillroll.errors import Misconfigured, Refused
from tillroll.ledger.consent.return_path import ReturnPath
from tillroll.ledger.tables import mail_events, messages, suppressions
from tillroll.send.transports.smtp import Smtp
from tillroll.send.transports.smtp_server import SmtpServer
from tillroll.settings import from_mapping
from tillroll.track.mail.act import handle_mail_events
from tillroll.track.mail.bounces import BouncesRead, Intake, take_in_bounces
from tillroll.track.mail.mailboxes import ImapMailbox, files_in, mails_in
from tillroll.track.mail.returned import MOST_BYTES, read_returned

PATH = ReturnPath(mailbox="bounce@mail.shop.example", keys=("a key", "an older key"))
INTAKE = Intake(links=LINKS, path=PATH)
KEY = "r12-34-9f2c41ab"
BOUNCED, SOFT = MailEventKind.BOUNCED, MailEventKind.SOFT_BOUNCED


def kind_of(content: bytes) -> MailEventKind | None:
    found = read_returned(content, PATH, NOW)
    return found.kind if found is not None else None


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        ("5.1.1", "smtp; 550 5.1.1 User unknown", BOUNCED),
        ("5.1.2", "smtp; 550 no such domain", BOUNCED),
        ("5.2.1", "smtp; 550 mailbox disabled", BOUNCED),
        ("5.1.10", "smtp; 556 null MX", BOUNCED),
        ("5.0.0", "smtp; 550-5.1.1 The account does not exist", BOUNCED),
        ("5.2.2", "smtp; 552 mailbox full", SOFT),
        ("5.7.1", "smtp; 554 looks like spam", SOFT),
        ("5.0.0", "smtp; 554 no", SOFT),
        ("4.4.1", "smtp; connection timed out", SOFT),
        ("", "", SOFT),
        ("5.1.1.9", "", SOFT),
    ],
)
def test_only_a_missing_mailbox_is_a_bounce_for_good(status: str, said: str, kind: MailEventKind) -> None:
    assert kind_of(report(PATH.of(KEY), status=status, said=said)) is kind


def test_what_is_no_report_says_nothing() -> None:
    to = PATH.of(KEY)
    assert kind_of(report(to, action="delayed")) is None
    assert kind_of(vacation(to)) is None
    assert kind_of(b"") is None
    assert kind_of(report(to, action="delivered")) is MailEventKind.DELIVERED
    assert kind_of(complaint(to)) is MailEventKind.COMPLAINED


def test_a_forged_report_says_nothing() -> None:
    own = PATH.of(KEY)
    other = ReturnPath(mailbox=PATH.mailbox, keys=("another key",)).of(KEY)
    for to in (
        other,
        own.replace("r12-34", "r12-35"),
        own.replace("@mail.", "@evil."),
        own[: own.index("@") - 1] + "@mail.shop.example",
        f"bounce+{KEY}@mail.shop.example",
        f"bounce+{KEY}-@mail.shop.example",
        "bounce@mail.shop.example",
        "",
    ):
        assert kind_of(report(to)) is None
        assert kind_of(complaint(to)) is None


def test_an_address_survives_servers_that_change_its_case_and_new_keys() -> None:
    assert kind_of(report(f"Bounces <{PATH.of(KEY).upper()}>")) is BOUNCED
    old = ReturnPath(mailbox=PATH.mailbox, keys=("an older key",))
    assert PATH.read(old.of(KEY)) == KEY
    assert old.read(PATH.of(KEY)) == ""
    assert len(PATH.of("r123456789-1234567890-9f2c41ab").rpartition("@")[0]) <= 64
    assert PATH.of("k" * 200) == "bounce@mail.shop.example"


@given(st.binary(max_size=300), st.integers(0, 900))
def test_no_e_mail_breaks_the_reading(junk: bytes, at: int) -> None:
    whole = report(PATH.of(KEY))
    read_returned(junk, PATH, NOW)
    read_returned(whole[:at] + junk + whole[at:], PATH, NOW)


@pytest.fixture
def keys(ledger: Engine, tmp_path: Path) -> list[str]:
    """The keys of e-mails that have left."""
    clock = FakeClock()
    run_id = ready_to_send(ledger, people=3, clock=clock)
    send(context_of(ledger, tmp_path / "sent", clock), run_id)
    with ledger.connect() as connection:
        return list(connection.scalars(sa.select(messages.c.message_key).order_by(messages.c.id)))


def written(folder: Path, *mails: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    for number, content in enumerate(mails):
        (folder / f"{number}.eml").write_bytes(content)
    return folder


def suppressed(ledger: Engine) -> list[tuple[str, str]]:
    with ledger.connect() as connection:
        query = sa.select(suppressions.c.address, suppressions.c.cause).order_by(suppressions.c.id)
        return [(row.address, row.cause) for row in connection.execute(query)]


def act(ledger: Engine) -> None:
    with ledger.connect() as connection:
        store_id = connection.scalars(sa.select(messages.c.store_id)).first()
    assert store_id is not None
    handle_mail_events(ledger, store_id, now=NOW)


def test_a_folder_is_read_once_however_often_it_is_read(
    ledger: Engine, tmp_path: Path, keys: list[str]
) -> None:
    to = [PATH.of(key) for key in keys]
    junk = (
        b"\x00\xff" * 100,
        b"",
        vacation(to[1]),
        report("bounce@mail.shop.example"),
        b"x" * (MOST_BYTES + 9),
    )
    folder = written(tmp_path / "in", report(to[0]), *junk, complaint(to[2]), report(PATH.of("r1-999-9f")))
    first = take_in_bounces(ledger, files_in(folder), INTAKE, now=NOW)
    again = take_in_bounces(ledger, files_in(folder), INTAKE, now=NOW + timedelta(days=1))
    assert (first, again) == (BouncesRead(read=8, reports=3, new=2), BouncesRead(read=8, reports=3, new=0))
    act(ledger)
    act(ledger)
    assert suppressed(ledger) == [
        ("customer1@example.com", "hard_bounce"),
        ("customer3@example.com", "complaint"),
    ]


def test_a_maildir_is_read_and_a_missing_folder_told(tmp_path: Path) -> None:
    written(tmp_path / "new", b"one")
    written(tmp_path / "cur", b"two")
    assert [mail.content for mail in files_in(tmp_path)] == [b"two", b"one"]
    with pytest.raises(Refused, match="is not a folder"):
        list(files_in(tmp_path / "nowhere"))


def test_a_mailbox_is_read_and_its_e_mails_are_marked(ledger: Engine, keys: list[str]) -> None:
    fake = FakeImap(mails={7: report(PATH.of(keys[0])), 9: vacation("x@y.example")}, read={8})
    with imap_server(fake):
        box = ImapMailbox.from_url(fake.address, password=fake.password)
        assert take_in_bounces(ledger, mails_in(box), INTAKE, now=NOW) == BouncesRead(
            read=2, reports=1, new=1
        )
        assert fake.read == {7, 8, 9}
        assert take_in_bounces(ledger, mails_in(box), INTAKE, now=NOW).read == 0
        with pytest.raises(Refused, match="can't be read") as refused:
            list(mails_in(replace(box, password="wrong one")))
        assert "wrong one" not in str(refused.value)
    with ledger.connect() as connection:
        assert list(connection.scalars(sa.select(mail_events.c.service))) == ["smtp"]


@pytest.mark.parametrize(
    "url",
    [
        "imap://u@mail.example/INBOX",
        "imaps://mail.example",
        "pop3://u@h",
        "imaps://u@h:x",
        "imaps://a%0d%0ab@h/INBOX",
    ],
)
def test_a_mailbox_needs_encryption_and_a_user(url: str) -> None:
    with pytest.raises(Refused, match="not valid"):
        ImapMailbox.from_url(url)


def test_a_mail_server_is_told_where_to_send_back_what_it_cannot_deliver() -> None:
    handler = Post()
    controller = Controller(handler, hostname="127.0.0.1", port=free_port(), decode_data=False)
    controller.start()
    try:
        server = SmtpServer.from_url(f"smtp://127.0.0.1:{controller.port}")
        list(Smtp(server, return_path=PATH).deliver([message(1)]))
    finally:
        controller.stop()
    (taken,) = handler.taken
    assert PATH.read(taken.mail_from) == "r1-1-abc"
    assert b'From: "Sample Shop" <hello@shop.example>' in taken.content


def test_the_address_for_bounces_is_a_bare_one() -> None:
    assert from_mapping({"MAIL_BOUNCES": "bounce@mail.shop.example"}).bounces_to == "bounce@mail.shop.example"
    for wrong in ("bounce", "Shop <b@shop.example>", "a+b@shop.example", "x" * 30 + "@shop.example"):
        with pytest.raises(Misconfigured, match="bare address"):
            from_mapping({"MAIL_BOUNCES": wrong})


def test_whoever_bounced_is_in_no_later_plan(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    run_id = ready_to_send(ledger, people=3, clock=clock)
    send(context_of(ledger, tmp_path / "sent", clock), run_id)
    with ledger.connect() as connection:
        key = connection.scalars(sa.select(messages.c.message_key).order_by(messages.c.id)).first()
    assert key is not None
    folder = written(tmp_path / "in", report(PATH.of(key)))
    take_in_bounces(ledger, files_in(folder), INTAKE, now=NOW)
    act(ledger)
    assert next_readers(ledger) == ["customer2@example.com", "customer3@example.com"]
