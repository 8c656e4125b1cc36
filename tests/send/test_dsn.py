"""Where a mail server offers DSN (RFC 3461), it is asked to report failures alone, shortly, and about whom."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tests.send.room import message
from tillroll.ledger.consent.return_path import ReturnPath
from tillroll.send.decide import DeliveryOutcome
from tillroll.send.transports.smtp import Smtp
from tillroll.send.transports.smtp_server import SmtpServer

PATH = ReturnPath(mailbox="bounce@mail.example", keys=("a key of thirty-two bytes or more",))


@contextmanager
def server(*offers: str) -> Iterator[tuple[Smtp, list[str]]]:
    """Serve a mail server that takes everything; yields the transport that uses it, and the commands that it gets."""
    heard: list[str] = []

    class Talk(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say("220 mail")
            while line := self.rfile.readline().decode():
                heard.append(line.rstrip())
                match line[:4].upper():
                    case "EHLO":
                        *first, last = ("mail", *offers)
                        self.say("\r\n".join([*(f"250-{one}" for one in first), f"250 {last}"]))
                    case "DATA":
                        self.say("354 go on")
                        while self.rfile.readline() != b".\r\n":
                            pass
                        self.say("250 taken")
                    case "QUIT":
                        return
                    case _:
                        self.say("250 fine")

        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk) as listener:
        listener.daemon_threads = True
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        url = f"smtp://127.0.0.1:{listener.server_address[1]}"
        try:
            yield (
                Smtp(SmtpServer.from_url(url), return_path=PATH),
                heard,
            )
        finally:
            listener.shutdown()


@pytest.mark.parametrize("offers", [("DSN",), ("PIPELINING", "DSN", "SIZE 1000000")])
def test_a_server_that_offers_it_is_asked(offers: tuple[str, ...]) -> None:
    with server(*offers) as (smtp, heard):
        (delivery,) = smtp.deliver([replace(message(7), to="ana+tea=x@example.com", key="r1-7")])
    assert delivery.outcome is DeliveryOutcome.SENT
    sender, reader = (next(line for line in heard if line.startswith(word)) for word in ("MAIL", "RCPT"))
    assert {"RET=HDRS", "ENVID=r1-7"} <= set(sender.split()[2:])
    assert reader.split()[1:] == [
        "TO:<ana+tea=x@example.com>",
        "NOTIFY=FAILURE",
        "ORCPT=rfc822;ana+2Btea+3Dx@example.com",
    ]


def test_an_address_with_other_letters_is_not_repeated() -> None:
    with server("SMTPUTF8", "DSN") as (smtp, heard):
        (delivery,) = smtp.deliver([replace(message(7), to="živa@example.com")])
    assert delivery.outcome is DeliveryOutcome.SENT
    assert (
        next(line for line in heard if line.startswith("RCPT")) == "RCPT TO:<živa@example.com> NOTIFY=FAILURE"
    )


def test_another_server_is_not_asked() -> None:
    with server("PIPELINING") as (smtp, heard):
        (delivery,) = smtp.deliver([message(7)])
    assert delivery.outcome is DeliveryOutcome.SENT
    assert not [line for line in heard if "NOTIFY" in line or "RET=" in line]
