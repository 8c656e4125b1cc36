from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiosmtpd.controller import Controller

from tests.security.outages import Mailbox, mail_server
from tests.send.room import message
from tillroll.errors import Misconfigured
from tillroll.send.decide import DeliveryOutcome
from tillroll.send.transports.bounded_smtp import BoundedSmtp
from tillroll.send.transports.smtp import Smtp
from tillroll.send.transports.smtp_server import SmtpServer
from tillroll.send.trouble import Trouble


class Post:
    """A mail server that keeps what it accepts, and refuses some addresses."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.hang_up_after_data = False

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.startswith("customer2@"):
            return "550 no such mailbox"
        if address.startswith("customer3@"):
            return "451 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.taken.append(envelope)
        if self.hang_up_after_data:
            server.transport.close()
        return "250 taken"


@pytest.fixture
def post() -> Iterator[tuple[Post, Smtp]]:
    handler = Post()
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port, decode_data=False)
    controller.start()
    yield handler, Smtp(SmtpServer.from_url(f"smtp://127.0.0.1:{port}"))
    controller.stop()


def test_a_real_server_gets_the_same_bytes(post: tuple[Post, Smtp]) -> None:
    handler, smtp = post
    assert [one.outcome for one in smtp.deliver([message(1)])] == [DeliveryOutcome.SENT]
    assert handler.taken[0].rcpt_tos == ["customer1@example.com"]
    assert handler.taken[0].content.rstrip() == message(1).content.rstrip()


def test_a_refused_address_does_not_stop_the_others(post: tuple[Post, Smtp]) -> None:
    outcomes = [one.outcome for one in post[1].deliver([message(2), message(3), message(4)])]
    assert outcomes == [DeliveryOutcome.FAILED, DeliveryOutcome.LATER, DeliveryOutcome.SENT]


def test_a_connection_lost_after_the_data_leaves_the_outcome_unknown(post: tuple[Post, Smtp]) -> None:
    handler, smtp = post
    handler.hang_up_after_data = True
    outcomes = [one.outcome for one in smtp.deliver([message(1), message(4)])]
    assert outcomes == [DeliveryOutcome.UNKNOWN, DeliveryOutcome.UNKNOWN], "each on a connection of its own"


def test_no_message_is_tried_when_the_server_cannot_be_reached() -> None:
    smtp = Smtp(SmtpServer.from_url("smtp://127.0.0.1:1"))
    (only,) = smtp.deliver([message(1)])
    assert (only.outcome, only.trouble) == (DeliveryOutcome.UNTRIED, Trouble.UNREACHABLE)
    assert smtp.delivered(["k"]) is None


@pytest.mark.parametrize("url", ["http://mail", "smtp://", "smtp://host:port", "mail.example.com"])
def test_a_wrong_address_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        SmtpServer.from_url(url)
    assert "smtp://user:password@host:587" in refused.value.hint


def test_ports_follow_the_scheme() -> None:
    assert SmtpServer.from_url("smtps://u:p%40@h").port == 465
    assert SmtpServer.from_url("smtps://u:p%40@h").password == "p@"
    assert SmtpServer.from_url("smtp://h").port == 587


def test_the_end_of_a_message_waits_for_nothing() -> None:
    """Of two short writes in a row, the second would wait for the receipt of the first (RFC 896)."""
    with mail_server(Mailbox()) as address:
        port = urlsplit(address).port
        connection = BoundedSmtp("127.0.0.1", port or 0, timeout=5.0)
        assert connection.sock is not None
        assert connection.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        connection.close()
