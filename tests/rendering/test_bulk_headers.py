"""An e-mail to many people has the headers that mail programs ask for, and a notice has none of them."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import Message

import pytest

from tillroll.errors import Refused
from tillroll.rendering.addresses import sender_of
from tillroll.rendering.bulk.headers import NAMES, BulkHeader, bulk_headers
from tillroll.rendering.compile import Rendered
from tillroll.rendering.look import BULK_HEADERS
from tillroll.rendering.mime import build

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
SENDER = "Sample Shop <hello@shop.example>"
LINK = f"https://tillroll.shop.example/unsubscribe/{'aB3-_' * 40}"


def headers_of(link: str = LINK, sender: str = SENDER) -> tuple[BulkHeader, ...]:
    return bulk_headers(
        link=link, sender=sender_of(sender).address, ecwid_id=1003, campaign="winback", run_id=7, kind="offer"
    )


def built(*bulk: BulkHeader) -> bytes:
    rendered = Rendered(subject="Hello", html="<p>Hello</p>", text="Hello\n")
    return build(
        rendered=rendered, sender=SENDER, to_email="a@mail.example", to_name="A", key="k1", at=AT, bulk=bulk
    )


def read(content: bytes) -> Message:
    return message_from_bytes(content, policy=policy.compat32.clone(max_line_length=None))


def test_the_headers_are_those_of_the_standards() -> None:
    message = read(built(*headers_of()))
    addresses = message["List-Unsubscribe"].replace("\r\n", "").split(", ")
    assert addresses[0] == f"<{LINK}>"
    assert addresses[1] == f"<mailto:hello@shop.example?subject=unsubscribe%20{'aB3-_' * 40}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Id"] == "<winback.1003.shop.example>"
    assert message["Feedback-ID"] == "run7:winback:offer:store1003"
    assert message["Auto-Submitted"] == "auto-generated"


def test_a_reader_writes_to_the_mailbox_that_is_read() -> None:
    of_list = bulk_headers(
        link=LINK,
        sender="hello@shop.example",
        ecwid_id=1003,
        campaign="winback",
        run_id=7,
        kind="offer",
        mailbox="back@mail.shop.example",
    )[0]
    assert of_list.value.startswith(f"<{LINK}>, <mailto:back@mail.shop.example?subject=unsubscribe%20aB3-_")


def test_a_link_without_https_has_no_one_click_header() -> None:
    message = read(built(*headers_of("http://127.0.0.1:8000/unsubscribe/abc")))
    assert "List-Unsubscribe" in message
    assert "List-Unsubscribe-Post" not in message


def test_a_notice_has_none_of_them() -> None:
    assert not set(read(built()).keys()) & set(NAMES)


def test_every_attempt_has_the_same_bytes() -> None:
    assert built(*headers_of()) == built(*headers_of())


def test_the_sender_may_have_letters_that_an_address_must_encode() -> None:
    headers = {header.name: header.value for header in headers_of(sender="Shop <živa@čajnica.example>")}
    assert "<mailto:%C5%BEiva@xn--" in headers["List-Unsubscribe"]
    assert all(value.isascii() and value.isprintable() for value in headers.values())


@pytest.mark.parametrize(
    "bulk",
    [
        (BulkHeader(name="Bcc", value="eve@mail.example"),),
        (*headers_of(), BulkHeader(name="Bcc", value="eve@mail.example")),
        headers_of()[1:],
        (
            BulkHeader(name="List-Unsubscribe", value="<https://a.example/>\r\nBcc: eve@mail.example"),
            *headers_of()[1:],
        ),
    ],
)
def test_other_headers_than_these_never_leave(bulk: tuple[BulkHeader, ...]) -> None:
    with pytest.raises(Refused, match="other headers than ours"):
        built(*bulk)


def test_the_last_look_knows_the_same_names() -> None:
    """It doesn't import them, so that a mistake there can't hide here."""
    assert BULK_HEADERS == NAMES
