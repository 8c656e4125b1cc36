"""The bytes of an e-mail say what we wrote and nothing else, whatever a customer, a shop or a template is called.

Each e-mail is read by the standard library's parser, and some go through a real mail server.
"""

from __future__ import annotations

import json
import re
import socket
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

import pytest
from aiosmtpd.controller import Controller
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.send.room import message
from tests.shop import NOW
from tillroll.campaign.text.clean import clean_line
from tillroll.clock import SystemClock
from tillroll.errors import Refused
from tillroll.rendering.compile import Rendered
from tillroll.rendering.encoding.sound import LONGEST_LINE
from tillroll.rendering.look import HEADERS, refuse_unsound
from tillroll.rendering.mime import Outgoing, build
from tillroll.send.decide import DeliveryOutcome
from tillroll.send.transports.outbox import Outbox
from tillroll.send.transports.smtp import Smtp
from tillroll.send.transports.smtp_server import SmtpServer

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
INJECTING = "=?utf-8?q?Ana=0D=0ABcc:=20mallory@evil.example=0D=0A=0D=0A<b>gift</b>?="
HOSTILE = [
    INJECTING,
    "=?utf-8?b?QW5hDQpCY2M6IG1AZXZpbC5leGFtcGxl?=",
    "=?utf-8?q?a?= =?utf-8?q?b?=",
    "Ana\r\nBcc: mallory@evil.example",
    "Ana\nX-Mailer: evil\n\nbody",
    "Ana\r",
    "Ana\x00Novak",
    "\x1b[31mAna\x1b[0m",
    "Ana\ud800",
    "Ana\u2028Bcc: mallory@evil.example",
    "Ana\x85Bcc: mallory@evil.example",
    "\u202eanA",
    '"Ana" <mallory@evil.example>',
    "mallory@evil.example, Ana",
    "Ana\\",
    'Ana\\"',
    "Ana;<>()[],:@",
    "<script>alert(1)</script>",
    "=HYPERLINK(1)",
    "x" * 5_001,
    "ž" * 5_001,
    "  Ana   Novak  ",
    "👩‍👩‍👧‍👦" * 30,
    "--=_tillroll",
    "",
]
PIECES = st.sampled_from(
    [
        "=?utf-8?q?",
        "=?utf-8?b?",
        "?=",
        "=0D=0A",
        "\r\n",
        "\n",
        "\r",
        "\0",
        "\x1b",
        ": ",
        "Bcc: m@evil.example",
        '"',
        "\\",
        "<",
        ">",
        ",",
    ]
)
NAMES = st.one_of(
    st.sampled_from(HOSTILE), st.lists(st.one_of(PIECES, st.text(max_size=20)), max_size=12).map("".join)
)


def written(
    *,
    name: str = "Ana",
    subject: str = "Hello",
    text: str = "Hello\n",
    to: str = "ana@mail.example",
    **more: str,
) -> bytes:
    return build(
        rendered=Rendered(subject=subject, html=f"<p>{text}</p>", text=text),
        sender=more.get("sender", "Shop <hello@shop.example>"),
        to_email=to,
        to_name=name,
        key="r1-1-abcdef012345",
        at=AT,
    )


def read(content: bytes) -> EmailMessage:
    return cast(EmailMessage, message_from_bytes(content, policy=policy.default))


def name_in(content: bytes, header: str) -> str:
    """Return the name before an address. `email.policy` puts spaces between the encoded words of a long one, so it isn't used."""
    phrase = message_from_bytes(content)[header].replace("\r\n", "").rpartition("<")[0].strip()
    if phrase.startswith('"'):
        return re.sub(r"\\(.)", r"\1", phrase[1:-1])
    return str(make_header(decode_header(phrase)))


def shown(raw: str) -> str:
    """What a reader may see of a text from outside: one line, without control characters."""
    return clean_line(raw)


@settings(max_examples=300, deadline=None)
@given(name=NAMES, subject=NAMES, shop=NAMES)
@example(name=INJECTING, subject=INJECTING, shop=INJECTING)
def test_names_are_data(name: str, subject: str, shop: str) -> None:
    """High 1: nothing is injected, and nothing that can be shown is lost."""
    content = written(name=name, subject=shown(subject), sender=f"{shop} <hello@shop.example>")
    mail = read(content)
    assert tuple(mail.keys()) == HEADERS
    assert [one.addr_spec for one in mail["To"].addresses] == ["ana@mail.example"]
    assert [one.addr_spec for one in mail["From"].addresses] == ["hello@shop.example"]
    assert name_in(content, "To") == shown(name)
    assert name_in(content, "From") == shown(shop.strip().strip('"'))
    assert mail["Subject"] == shown(subject)
    assert max(map(len, content.split(b"\r\n"))) <= 76


@pytest.mark.parametrize("subject", HOSTILE)
def test_a_subject_that_nobody_cleaned_injects_nothing(subject: str) -> None:
    assert tuple(read(written(subject=subject)).keys()) == HEADERS


@settings(max_examples=200, deadline=None)
@given(text=st.lists(st.one_of(PIECES, st.text(max_size=300)), max_size=20).map("".join))
@example(text="NUL \0, escape \x1b[31m, C1 \x9b")
@example(text="x" * 5_001 + "\n.\n--=_tillroll--\n")
def test_a_body_is_encoded_whole(text: str) -> None:
    content = written(text=text)
    assert content.count(b"\r\n") == content.count(b"\n") == content.count(b"\r")
    assert max(map(len, content.split(b"\r\n"))) <= 76
    mail = read(content)
    parts = list(mail.iter_parts())
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    wanted = text.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(
        letter for letter in wanted if letter in "\t\n" or not (ord(letter) < 32 or 127 <= ord(letter) < 160)
    )
    body = cast(bytes, cast(EmailMessage, parts[0]).get_payload(decode=True)).decode()
    assert body.replace("\r\n", "\n").rstrip("\n") == kept.rstrip("\n")


def test_every_attempt_gives_the_same_bytes() -> None:
    assert written(name="Živa 🎉", text="Živa שלום\n" * 99) == written(
        name="Živa 🎉", text="Živa שלום\n" * 99
    )


@pytest.mark.parametrize(
    "old_new",
    [
        (b"Hello", b"Hel\rlo"),
        (b"Hello", b"Hel\nlo"),
        (b"Hello", b"Hel\0lo"),
        (b"Hello", b"Hel\x1blo"),
        (b"Hello", b"x" * (LONGEST_LINE + 1)),
        (b"Date:", b"Bcc: mallory@evil.example\r\nDate:"),
        (b"Date:", b"Reply-To: mallory@evil.example\r\nDate:"),
        (b"Date:", b"To: mallory@evil.example\r\nDate:"),
        (b"<ana@mail.example>", b"<ana@mail.example>, <mallory@evil.example>"),
        (b"<ana@mail.example>", b"<mallory@evil.example>"),
        (b"Subject: Hello\r\n", b""),
        (b"Subject: Hello", b"Subject: Hello\r\n\r\nbody"),
    ],
)
def test_the_last_look_refuses_what_must_not_be_there(old_new: tuple[bytes, bytes]) -> None:
    sound = written()
    refuse_unsound(sound, to="ana@mail.example")
    with pytest.raises(Refused):
        refuse_unsound(sound.replace(*old_new, 1), to="ana@mail.example")


class Post:
    """A mail server that keeps the envelopes it accepts, and hangs up after a RCPT to `gone@…`."""

    def __init__(self) -> None:
        self.taken: list[Any] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.startswith("gone@"):
            server.transport.close()
        if address.startswith("noisy@"):
            return "550 no \x1b[31msuch mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.taken.append(envelope)
        return "250 taken"


@contextmanager
def posting(*, utf8: bool) -> Iterator[tuple[Post, Smtp]]:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    handler = Post()
    controller = Controller(handler, hostname="127.0.0.1", port=port, decode_data=False, enable_SMTPUTF8=utf8)
    controller.start()
    try:
        yield handler, Smtp(SmtpServer.from_url(f"smtp://127.0.0.1:{port}"))
    finally:
        controller.stop()


def outgoing(number: int, to: str, *, name: str = "Ana", content: bytes | None = None) -> Outgoing:
    built = content if content is not None else written(to=to, name=name)
    return replace(message(number), to=to, content=built)


def test_a_hostile_name_reaches_a_mail_server_as_a_name() -> None:
    with posting(utf8=True) as (post, smtp):
        mails = [outgoing(number, "ana@mail.example", name=name) for number, name in enumerate(HOSTILE)]
        assert {one.outcome for one in smtp.deliver(mails)} == {DeliveryOutcome.SENT}
    assert [envelope.rcpt_tos for envelope in post.taken] == [["ana@mail.example"]] * len(HOSTILE)
    for envelope, name in zip(post.taken, HOSTILE, strict=True):
        mail = read(envelope.content)
        assert tuple(mail.keys()) == HEADERS
        assert name_in(envelope.content, "To") == shown(name)


@pytest.mark.parametrize("utf8", [True, False])
def test_one_address_spoils_no_batch(utf8: bool) -> None:
    """High 2: a domain with an umlaut is written in ASCII; a name before the @ needs a server that takes it."""
    raw = b"From: a\r\n\r\n"
    with posting(utf8=utf8) as (post, smtp):
        mails = [
            outgoing(1, "ana@bücher.example"),
            outgoing(2, "živa@mail.example"),
            outgoing(3, "two@@mail.example", content=raw),
            outgoing(4, "a\r\nRCPT TO:<m@evil.example>@mail.example", content=raw),
            outgoing(5, "half\ud800@mail.example", content=raw),
            outgoing(6, "a@" + "b." * 200 + "example", content=raw),
            outgoing(7, "a@xn--\u00fc.example", content=raw),
            outgoing(8, "noisy@mail.example"),
            outgoing(9, "last@mail.example"),
        ]
        found = list(smtp.deliver(mails))
    failed, sent = DeliveryOutcome.FAILED, DeliveryOutcome.SENT
    assert [one.message_id for one in found] == list(range(1, 10))
    assert [one.outcome for one in found] == [sent, sent if utf8 else failed, *[failed] * 6, sent]
    assert post.taken[0].rcpt_tos == ["ana@xn--bcher-kva.example"]
    assert read(post.taken[0].content)["To"].addresses[0].addr_spec == "ana@xn--bcher-kva.example"
    assert all(one.reason.isprintable() and one.reason for one in found if one.outcome is failed)
    if utf8:
        assert post.taken[1].rcpt_tos == ["živa@mail.example"]
    else:
        assert "SMTPUTF8" in found[1].reason


def test_a_connection_that_is_lost_before_the_data_costs_nothing() -> None:
    with posting(utf8=True) as (_, smtp):
        found = list(smtp.deliver([outgoing(1, "gone@mail.example"), outgoing(2, "ana@mail.example")]))
    assert [one.outcome for one in found] == [DeliveryOutcome.LATER, DeliveryOutcome.SENT]


def test_one_message_spoils_no_batch_of_the_outbox(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox", SystemClock())
    broken = [replace(message(2), subject="half \ud800"), replace(message(3), key="nul\0")]
    found = {one.message_id: one.outcome for one in outbox.deliver([message(1), *broken, message(4)])}
    assert found == {
        1: DeliveryOutcome.SENT,
        2: DeliveryOutcome.FAILED,
        3: DeliveryOutcome.FAILED,
        4: DeliveryOutcome.SENT,
    }
    lines = (tmp_path / "outbox" / "messages.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["key"] for line in lines] == [message(1).key, message(4).key]


def test_only_the_owner_may_read_the_e_mails(tmp_path: Path) -> None:
    list(Outbox(tmp_path / "outbox", SystemClock()).deliver([message()]))
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "outbox").rglob("*.eml")}
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize(
    "sender",
    ["", "Shop", "Shop <>", "Shop <hello@shop.example", "Shop <a@b.example> <x", "a@b.example, c@d.example"],
)
def test_a_sender_without_one_address_is_refused(sender: str) -> None:
    with pytest.raises(Refused):
        build(
            rendered=Rendered(subject="s", html="h", text="t"),
            sender=sender,
            to_email="ana@mail.example",
            to_name="",
            key="k",
            at=NOW,
        )
