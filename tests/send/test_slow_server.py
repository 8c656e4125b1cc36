"""A mail server that replies without end, slowly, or not at all costs bounded time and memory, and no message its outcome."""

from __future__ import annotations

import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.send.room import message
from tillroll.clock import SystemClock
from tillroll.send.decide import DeliveryOutcome
from tillroll.send.transports.smtp import Smtp
from tillroll.send.transports.smtp_server import SmtpServer

SECONDS = 0.5  # that a reply may take
LONG = 60.0  # a bound of a test, for a slow machine: a reply without end takes longer than that

Talk = Callable[[socket.socket], None]
"""What the server sends instead of one reply."""


def endless_lines(peer: socket.socket) -> None:
    while True:
        peer.sendall(b"250-" + b"x" * 1_000 + b"\r\n")


def endless_line(peer: socket.socket) -> None:
    peer.sendall(b"250 ")
    while True:
        peer.sendall(b"x" * 65_536)


def drip(peer: socket.socket) -> None:
    while True:
        peer.sendall(b"2")
        SystemClock().sleep(0.05)


def silence(peer: socket.socket) -> None:
    peer.recv(1)  # until the client hangs up


REPLIES = {b"": b"220 mail\r\n", b"EHLO": b"250 mail\r\n", b"DATA": b"354 go on\r\n"}  # to anything else: 250
STEPS = (b"", b"EHLO", b"MAIL", b"RCPT", b"DATA", b".")


def converse(peer: socket.socket, step: bytes, talk: Talk) -> None:
    """Answer as a mail server does, until the client comes to the step."""
    with peer, peer.makefile("rb") as lines:
        command = b""  # the greeting
        while command != step:
            peer.sendall(REPLIES.get(command, b"250 fine\r\n"))
            command = lines.readline().strip()[:4].upper()
            if step == b"." and command == b"DATA":
                peer.sendall(REPLIES[command])
                while lines.readline() not in {b".\r\n", b""}:
                    pass
                command = b"."
        talk(peer)


@contextmanager
def server(step: bytes, talk: Talk) -> Iterator[Smtp]:
    """Serve one connection after the other; yields the transport that uses them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    peer, _ = listener.accept()
                    with suppress(OSError):
                        converse(peer, step, talk)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            url = f"smtp://127.0.0.1:{listener.getsockname()[1]}"
            yield Smtp(SmtpServer.from_url(url), seconds=SECONDS)
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.decode() or "greeting")
@pytest.mark.parametrize("talk", [endless_lines, endless_line, drip, silence])
def test_a_reply_without_end_is_given_up(step: bytes, talk: Talk) -> None:
    clock = SystemClock()
    with server(step, talk) as smtp:
        tracemalloc.start()
        began = clock.monotonic()
        try:
            found = list(smtp.deliver([message(1), message(2)]))
            took, peak = clock.monotonic() - began, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    untried, unknown = DeliveryOutcome.UNTRIED, DeliveryOutcome.UNKNOWN
    hangs = talk in {drip, silence}  # rather than breaking a bound at once, which costs a connection
    if step == b".":
        expected = [unknown, untried if hangs else unknown]
    elif hangs or step in {b"", b"EHLO"}:
        expected = [untried, untried]
    else:
        expected = [DeliveryOutcome.LATER] * 2  # each after two connections
    assert [delivery.outcome for delivery in found] == expected
    assert all(delivery.reason.isprintable() and delivery.reason for delivery in found)
    assert took < LONG
    assert peak < 5_000_000


def test_a_server_that_takes_no_data_is_given_up() -> None:
    given_up = threading.Event()

    def read_nothing(peer: socket.socket) -> None:
        peer.sendall(REPLIES[b"DATA"])
        given_up.wait(LONG)

    large = message(1, text="x" * 8_000_000)
    with server(b"DATA", read_nothing) as smtp:
        found = list(smtp.deliver([large, message(2)]))
        given_up.set()
    untried = DeliveryOutcome.UNTRIED  # the end of the message was never sent
    assert [delivery.outcome for delivery in found] == [untried, untried]
