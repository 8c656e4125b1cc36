"""Connections to a mail server whose replies are bounded in time and in bytes.

`smtplib` bounds a line of a reply but not the number of its lines, and its time-out applies between two bytes. Here both bounds
apply to a whole reply, so that no mail server can hold a thread or fill the memory.
"""

from __future__ import annotations

import io
import re
import smtplib
import socket
from typing import Any

from tillroll.clock import SystemClock

MOST_BYTES = 64 * 1024
"""Of a reply. RFC 5321, section 4.5.3.1.5, allows 512 for a line, and no honest reply has a hundred lines."""

_PIECE = 16 * 1024  # bytes that are sent at a time
_CLOCK = SystemClock()


class _ReplyReader(io.RawIOBase):
    """The bytes of replies. Raises `TimeoutError` if one takes too long, `OSError` if it is too large."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._bytes = sock.makefile("rb", buffering=0)
        self._ends, self._allowed = 0.0, 0

    def begin(self, seconds: float) -> None:
        """Let the next reply take so long, and have as many bytes as any honest one."""
        self._ends, self._allowed = _CLOCK.monotonic() + seconds, MOST_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._ends - _CLOCK.monotonic()
        if left <= 0:
            raise TimeoutError("the reply took too long")
        if self._allowed <= 0:
            raise OSError("the reply is too large")
        self._sock.settimeout(left)
        taken = self._bytes.readinto(buffer)
        self._allowed -= taken or 0
        return taken

    def close(self) -> None:
        self._bytes.close()
        super().close()


class InUtf8(str):
    """Text of a login. `smtplib` encodes it as ASCII, whose signs UTF-8 has as they are (RFC 4616, section 2)."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Return it in UTF-8, whatever encoding is named."""
        return super().encode("utf-8", errors)


class BoundedSmtp(smtplib.SMTP):
    """A connection on which each reply, and each command or message that is sent, must be through within `timeout` seconds."""

    _reader: _ReplyReader

    def connect(self, *where: Any, **options: Any) -> tuple[int, bytes]:
        """Connect, and send short lines at once: the end of a message would wait for 40 ms for the receipt of the message."""
        reply = super().connect(*where, **options)
        if self.sock is not None:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return reply

    def getreply(self) -> tuple[int, bytes]:
        """Read one reply. Raises `SMTPServerDisconnected` if it takes too long or is too large."""
        sock = self.sock
        if sock is None:
            raise smtplib.SMTPServerDisconnected("please run connect() first")
        if self.file is None:  # a new connection, or the same one from now on with TLS
            self._reader = _ReplyReader(sock)
            self.file = io.BufferedReader(self._reader)
        self._reader.begin(self.timeout)
        return super().getreply()

    def send(self, s: Any) -> None:
        """Send a command or a message. Raises `SMTPServerDisconnected` if the server does not take it in time."""
        sent = s.encode(self.command_encoding) if isinstance(s, str) else bytes(s)
        ends = _CLOCK.monotonic() + self.timeout
        for start in range(0, len(sent), _PIECE):
            if self.sock is not None:
                self.sock.settimeout(max(0.001, ends - _CLOCK.monotonic()))
            super().send(sent[start : start + _PIECE])

    def auth_plain(self, challenge: Any = None) -> str:
        return InUtf8(super().auth_plain(challenge))

    def auth_login(self, challenge: Any = None) -> str:
        return InUtf8(super().auth_login(challenge))

    def auth_cram_md5(self, challenge: Any = None) -> Any:
        answer = super().auth_cram_md5(challenge)  # None: the server has not challenged us yet
        return InUtf8(answer) if answer is not None else None

    def send_content(self, content: bytes) -> None:
        """Send a message after the server's 354, but not yet its end: the server can't take it before `end_content`.

        `content` has CRLF line ends (RFC 5321, section 4.5.2).
        """
        dotted = re.sub(rb"(?m)^\.", b"..", content)
        self.send(dotted + (b"" if dotted.endswith(b"\r\n") else b"\r\n"))

    def end_content(self) -> tuple[int, bytes]:
        """Send the end of a message, and return the server's reply to it."""
        self.send(b".\r\n")
        return self.getreply()


class BoundedSmtpTls(BoundedSmtp, smtplib.SMTP_SSL):
    """The same, encrypted from the first byte."""
