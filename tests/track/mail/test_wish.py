"""An e-mail to the address of List-Unsubscribe stops a reader's e-mails, once; one that is forged or foreign changes nothing."""

from __future__ import annotations

from email import message_from_bytes
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.send.room import LINKS, context_of, lines_of, ready_to_send
from tests.send.test_trouble import send
from tests.shop import NOW, PUBLIC_URL
from tests.track.mail.again import next_readers
from tests.track.mail.reports import FakeImap, imap_server, vacation
from tillroll.ledger.tables import audit, suppressions
from tillroll.rendering.bulk.link import Subscription, UnsubscribeLinks
from tillroll.track.mail.bounces import BouncesRead, Intake, take_in_bounces
from tillroll.track.mail.mailboxes import ImapMailbox, files_in, mails_in
from tillroll.track.mail.wish import SUBJECT, read_wish

ANA = Subscription(ecwid_id=1003, address="ana@example.com", campaign="hello", run_id=7, kind="offer")
TOKEN = LINKS.token(ANA)
INTAKE = Intake(links=LINKS)


def mail(subject: str) -> bytes:
    return f"From: whoever@mail.example\r\nTo: hello@shop.example\r\nSubject: {subject}\r\n\r\n\r\n".encode()


def wish_of(subject: str) -> Subscription | None:
    found = read_wish(mail(subject), LINKS)
    return found.subscription if found is not None else None


def test_a_subject_survives_folding_and_encoding() -> None:
    half = len(TOKEN) // 2
    for subject in (
        f"unsubscribe {TOKEN}",
        f" Unsubscribe   {TOKEN} ",
        f"unsubscribe\r\n {TOKEN}",
        f"unsubscribe {TOKEN[:half]}\r\n {TOKEN[half:]}",
        f"=?utf-8?q?unsubscribe_{TOKEN[:half].replace('_', '=5F')}?=\r\n =?utf-8?q?{TOKEN[half:].replace('_', '=5F')}?=",
    ):
        assert wish_of(subject) == ANA, subject


@pytest.mark.parametrize(
    "subject",
    [
        f"unsubscribe {TOKEN[:-1]}",
        f"unsubscribe {'A' + TOKEN[1:]}" if TOKEN[0] != "A" else f"unsubscribe {'B' + TOKEN[1:]}",
        f"unsubscribe {TOKEN.swapcase()}",
        f"unsubscribe {UnsubscribeLinks(PUBLIC_URL, ('other key',)).token(ANA)}",
        "unsubscribe me",
    ],
)
def test_a_forged_token_is_told_from_an_e_mail_about_something_else(subject: str) -> None:
    found = read_wish(mail(subject), LINKS)
    assert found is not None
    assert found.subscription is None


@pytest.mark.parametrize(
    "subject", ["unsubscribe", "", f"Re: unsubscribe {TOKEN}", TOKEN, "Away", f"stop {TOKEN}"]
)
def test_other_subjects_ask_nothing(subject: str) -> None:
    assert read_wish(mail(subject), LINKS) is None


@given(st.binary(max_size=200), st.integers(0, 400))
def test_no_e_mail_stops_the_reading_of_others(junk: bytes, at: int) -> None:
    whole = mail(f"unsubscribe {TOKEN}")
    for content in (junk, whole[:at] + junk + whole[at:]):
        try:
            found = read_wish(content, LINKS)
        except (LookupError, ValueError):  # of the parser; the intake leaves such an e-mail out
            continue
        assert found is None or found.subscription in (ANA, None)


@pytest.fixture
def requests(ledger: Engine, tmp_path: Path) -> list[bytes]:
    """What readers of e-mails that have left write to stop them, as their mail programs make it of the header."""
    clock = FakeClock()
    run_id = ready_to_send(ledger, people=3, clock=clock)
    send(context_of(ledger, tmp_path / "sent", clock), run_id)
    written = []
    for line in lines_of(tmp_path / "sent"):
        header = message_from_bytes((tmp_path / "sent" / line["file"]).read_bytes())["List-Unsubscribe"]
        address = urlsplit("".join(header.split()).rpartition("<")[2].rstrip(">"))
        written.append(mail(unquote(address.query.removeprefix("subject="))))
    return written


def stopped(ledger: Engine) -> list[tuple[str, str]]:
    with ledger.connect() as connection:
        query = sa.select(suppressions.c.address, suppressions.c.source).order_by(suppressions.c.id)
        return [(row.address, row.source) for row in connection.execute(query)]


def test_whoever_writes_gets_no_more_and_reading_again_changes_nothing(
    ledger: Engine, tmp_path: Path, requests: list[bytes]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    foreign = [
        vacation("hello@shop.example"),
        mail("Where is my order?"),
        b"\x00\xff",
        mail("unsubscribe me now"),
    ]
    for number, content in enumerate([requests[0], *foreign, requests[2]]):
        (folder / f"{number}.eml").write_bytes(content)
    first = take_in_bounces(ledger, files_in(folder), INTAKE, now=NOW)
    again = take_in_bounces(ledger, files_in(folder), INTAKE, now=NOW)
    assert first == BouncesRead(read=6, wishes=2, stopped=2, forged=1)
    assert again == BouncesRead(read=6, wishes=2, stopped=0, forged=1)
    assert stopped(ledger) == [("customer1@example.com", "mail"), ("customer3@example.com", "mail")]
    with ledger.connect() as connection:
        actions = list(connection.scalars(sa.select(audit.c.action)))
    assert actions.count("suppression.added") == 2
    assert next_readers(ledger) == ["customer2@example.com"]


def test_in_the_shops_own_mailbox_other_e_mails_stay_unread(ledger: Engine, requests: list[bytes]) -> None:
    fake = FakeImap(mails={7: requests[0], 8: mail("unsubscribe me?"), 9: mail("Where is my order?")})
    with imap_server(fake):
        box = ImapMailbox.from_url(fake.address, password=fake.password)
        done = take_in_bounces(ledger, mails_in(box, about=SUBJECT), INTAKE, now=NOW)
    assert done == BouncesRead(read=2, wishes=1, stopped=1)
    assert fake.read == {7}
